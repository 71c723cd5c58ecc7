"""Metrics: what a number has been doing lately."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from dutyd.core.tool import Args, Provider, reads
from dutyd_tools.values import NO_DATA, Whole

_LABEL = r'\s*([A-Za-z_]\w*)\s*=\s*"([^"]*)"\s*'
_LABELS = rf"(?:{_LABEL}(?:,{_LABEL})*)?\s*"
_QUERY = re.compile(rf"\s*([A-Za-z_][\w.:-]*)\s*(?:\{{(?P<labels>{_LABELS})\}})?\s*", re.ASCII)


def parse_query(query: str) -> tuple[str, Mapping[str, str]]:
    """Return the metric and the labels of a query such as ``response_time{service="checkout"}``.

    Raises:
        ValueError: it is none; the text says what was expected.

    """
    parts = _QUERY.fullmatch(query)
    if parts is None:
        raise ValueError(f'{query!r} is no query: expected a metric such as response_time{{service="checkout"}}')
    return parts[1], dict(re.findall(_LABEL, parts["labels"] or "", re.ASCII))


def _checked(query: str) -> str:
    parse_query(query)
    return query


class QueryMetrics(Args):
    """Arguments of ``query_metrics``."""

    query: Annotated[str, AfterValidator(_checked)] = Field(
        description='A metric, with labels if wanted: response_time{service="checkout"}.', min_length=1, max_length=300
    )
    minutes: Whole = Field(60, description="How far back to look.", ge=1, le=10_080)


@reads("metrics")
async def query_metrics(provider: Provider, args: QueryMetrics) -> Any:
    """Sum up the samples of a metric over the last minutes: how many, least, most, average, newest."""
    metric, labels = parse_query(args.query)
    samples = await provider.read("samples", {"metric": metric, "labels": labels, "minutes": args.minutes})
    asked = {"query": args.query, "minutes": args.minutes}
    if not samples:
        return {**asked, "note": NO_DATA}
    values = [sample["value"] for sample in samples]
    return {
        **asked,
        "count": len(values),
        "min": min(values),
        "max": max(values),
        "avg": sum(values) / len(values),
        "last": values[-1],
    }
