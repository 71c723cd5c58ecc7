"""Metrics: what a number has been doing lately."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from dutyd.core.tool import Args, Provider, reads
from dutyd_tools.values import NO_DATA, Whole

_QUERY = re.compile(r"\s*([A-Za-z_][\w.:-]*)\s*(?:\{(.*)\})?\s*", re.ASCII)
_LABEL = re.compile(r'\s*([A-Za-z_]\w*)\s*=\s*"([^"]*)"\s*', re.ASCII)


def parse_query(query: str) -> tuple[str, Mapping[str, str]]:
    """Return the metric and the labels of a query such as ``response_time{service="checkout"}``.

    Raises:
        ValueError: it is none; the text says what was expected.

    """
    parts = _QUERY.fullmatch(query)
    labels = [_LABEL.fullmatch(part) for part in parts[2].split(",")] if parts and (parts[2] or "").strip() else []
    if parts is None or None in labels:
        raise ValueError(f'{query!r} is no query: expected a metric such as response_time{{service="checkout"}}')
    return parts[1], {label[1]: label[2] for label in labels if label}


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
