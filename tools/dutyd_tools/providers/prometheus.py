"""Prometheus, or whatever speaks its HTTP API (Thanos, Mimir, VictoriaMetrics): the provider behind ``query_metrics``.

Settings: those of every HTTP system (``connection``); ``step``, the time between two samples of an answer; ``queries``,
names for PromQL. A rule and the model name a metric and labels, never
PromQL: what they write means the same at every provider, can't cost a server more than a metric does, and can't reach
beyond it. Where a rate or a quantile is wanted, the people of the platform give it a name, here or in a recording rule.

Three things of Prometheus that bite: nothing found is an empty answer with status 200, which is no data and never a
zero; values are texts; and NaN and infinities among them are no numbers that anything can be decided on.
"""

import math
from collections.abc import Callable, Mapping
from time import time as system_clock  # noqa: TID251 - an edge: it counts as Prometheus does
from typing import Any, NoReturn

from pydantic import Field

from dutyd.core.expr import look_in
from dutyd.core.secrets import quoted
from dutyd.core.tool import Provider, RefusedError
from dutyd_tools.providers.connection import HttpSettings, open_api, secrets_of
from dutyd_tools.providers.settings import Seconds, read_settings
from dutyd_tools.providers.shape import headers_of

MOST_SAMPLES = 1_000  # of one series in one answer: a longer time gets a wider step
MOST_SERIES = 100  # in one answer: more is a question that needs a label
LABELS_TOLD = 10


class PrometheusSettings(HttpSettings):
    """Settings of the kind ``prometheus``."""

    step: Seconds = Field(15.0, ge=1)
    queries: Mapping[str, str] = {}


def connect(settings: Mapping[str, Any]) -> Provider:
    """Return the provider for *settings*.

    Raises:
        SettingsError: they are wrong.

    """
    return Prometheus(read_settings("prometheus", PrometheusSettings, settings), system_clock)


class Prometheus:
    """The Prometheus at an address; *clock* gives seconds since the epoch, as Prometheus counts them."""

    def __init__(self, settings: PrometheusSettings, clock: Callable[[], float]) -> None:
        self._api = open_api(settings)
        self._headers = headers_of(settings.headers, look_in({"secret": secrets_of(settings)}))
        self._settings = settings
        self._clock = clock

    def promise_of(self, kind: str) -> None:
        """Return None: nothing is made here."""

    async def create(self, kind: str, key: str, body: Mapping[str, Any]) -> NoReturn:
        """Refuse: metrics are only read."""
        raise RefusedError(f"Prometheus can't make a {kind} ({key}, {len(body)} members)")

    async def lookup(self, kind: str, key: str) -> None:
        """Return None: nothing is made here."""

    async def read(self, kind: str, query: Mapping[str, Any]) -> Any:
        """Return the ``samples`` of a ``metric`` with ``labels`` over the last ``minutes``, of all its series.

        Raises:
            RefusedError: the question is wrong; the text is Prometheus' own.
            NotSentError: there is no answer now.

        """
        if kind != "samples":
            raise RefusedError(f"Prometheus knows no {kind}, only samples")
        labels = query["labels"] or {}
        named = self._settings.queries.get(query["metric"])
        asked = named or selector({"__name__": query["metric"], **labels})
        found = await self._range(asked, query["minutes"] * 60.0)
        # A query with a name has its labels inside: what was asked for is taken from what it brought.
        series = [one for one in found if not named or _has(one["metric"], labels)]
        if len(series) > MOST_SERIES:
            raise RefusedError(_too_many(query["metric"], series))
        samples = [sample for one in series for sample in one["values"]]
        return [
            {"time": float(at), "value": value}
            for at, text in sorted(samples, key=lambda sample: float(sample[0]))
            if math.isfinite(value := float(text))
        ]

    async def check(self) -> str:
        """Ask for nothing, which shows that it answers us."""
        await self._range("vector(0)", 1.0)
        return f"Prometheus at {self._api.url} answers"

    async def close(self) -> None:
        """Close connections."""
        await self._api.close()

    async def _range(self, promql: str, seconds: float) -> list[Any]:
        end = self._clock()
        step = max(self._settings.step, math.ceil(seconds / MOST_SAMPLES))
        start = end - step * (seconds // step)  # whole steps: the newest sample must not fall between two
        span = {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        answer = await self._api.get("/api/v1/query_range", {"query": promql, **span}, self._headers)
        try:
            return list(answer["data"]["result"])
        except (KeyError, TypeError) as error:
            raise RefusedError(f"{self._api.url} does not answer as Prometheus: {quoted(str(answer))}") from error


def selector(labels: Mapping[str, str]) -> str:
    r"""Return the PromQL that selects the series with *labels*: ``{__name__="up",job="a \"b\""}``."""
    pairs = (f"{name}={_quoted(value)}" for name, value in labels.items())
    return f"{{{','.join(pairs)}}}"


def _has(metric: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether a series has *labels*; to Prometheus a label that is not there is an empty one."""
    return all(metric.get(name, "") == value for name, value in labels.items())


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    whole = escaped.encode(errors="replace").decode()  # half a character is no UTF-8, and no label has one
    return f'"{whole}"'


def _too_many(metric: str, series: list[Any]) -> str:
    names = sorted({name for one in series for name in one["metric"]} - {"__name__"})
    told = ", ".join(names[:LABELS_TOLD])
    return f"{metric} has {len(series)} series, at most {MOST_SERIES} are summed up: narrow it by {told}"
