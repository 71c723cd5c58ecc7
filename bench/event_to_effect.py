"""From a published event to the first byte of its effect at the provider, idle, against one produce-fetch hop.

A real broker and a real Valkey that fsyncs every write; the daemon (``run``, both roles) is a process of its own, the
back office notes when a request comes in. The hop is one record from our producer to our consumer on the same broker,
in the same run. Nothing is decided by a model here: its answer would be the time.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from dutyd.core.topic import Start
from dutyd.embedded.backoffice import app
from dutyd.embedded.loopback import Loopback
from dutyd.stream import open_stream
from dutyd.stream.base import Stream, TopicSpec
from row import Row
from support.broker import running_broker
from support.daemon import installation
from support.valkey import running_valkey

EVENTS = 200
WARM_UP = 20
PAUSE = 0.05
RULE = """
language: 1
rules:
  - id: errors
    from: metrics
    per: [service]
    when: error_count > 10
    mode: act
    group: off
    steps:
      page: {tool: send_alert, with: {severity: critical, summary: "{{ service }} has errors"}}
"""


class Noting:
    """The back office with a note of when each alert's request came in."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner
        self.arrived: list[float] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] == "/alerts":
            self.arrived.append(time.perf_counter())
        await self._inner(scope, receive, send)


def rows() -> Iterator[Row]:
    """Measure, and yield the rows ``event_to_effect`` (p99) and ``event_to_effect_p50``."""
    with running_broker() as broker, running_valkey() as redis:
        if broker.lacks:
            return
        stream = open_stream(f"kafka://{broker.address}", {})
        hop, whole = sorted(hops(stream)), sorted(effects(stream, broker.address, redis))
        stream.close()
    for name, at in (("event_to_effect", 0.99), ("event_to_effect_p50", 0.5)):
        value, baseline = quantile(whole, at) * 1000, quantile(hop, at) * 1000
        yield Row(name, value, "ms", baseline, value / baseline)


def hops(stream: Stream) -> list[float]:
    """Return the seconds from a send to its arrival at a consumer, one record at a time."""
    stream.ensure(TopicSpec("bench-hop", 1))
    consumer, producer = stream.consumer("bench-hop", {"bench-hop": Start.EARLIEST}, client="bench"), stream.producer()
    while not consumer.poll(1.0, 10).assigned:
        pass
    took = []
    for _ in range(EVENTS + WARM_UP):
        time.sleep(PAUSE)
        began = time.perf_counter()
        producer.send("bench-hop", b"x")
        producer.flush()
        while not consumer.poll(1.0, 10).records:
            pass
        took.append(time.perf_counter() - began)
    producer.close()
    consumer.close()
    return took[WARM_UP:]


def effects(stream: Stream, broker: str, redis: str) -> list[float]:
    """Return the seconds from the publishing of an event to the request for its page."""
    took = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        noting = Noting(app(folder / "noting.db"))
        with Loopback(noting) as office:
            topics = {"metrics": {"partitioned_by": ["service"], "partitions": 1}}
            providers = {"alerting": {"kind": "backoffice", "url": office.url}}
            where = {"redis": redis, "stream": f"kafka://{broker}", "providers": providers}
            with installation(folder, "bench", RULE, topics=topics, **where) as one:
                stream.ensure(TopicSpec("bench.metrics", 1))
                one.start()
                producer = stream.producer()
                for number in range(EVENTS + WARM_UP):
                    event = {"id": f"e{number}", "service": f"s{number}", "error_count": 11}
                    began = time.perf_counter()
                    producer.send("bench.metrics", msgspec.json.encode(event), key=str(number).encode())
                    producer.flush()
                    while len(noting.arrived) <= number:
                        time.sleep(0.0005)
                    took.append(noting.arrived[number] - began)
                    time.sleep(PAUSE)
                producer.close()
    return took[WARM_UP:]


def quantile(values: list[float], at: float) -> float:
    """Return the value below which *at* of *values* lie."""
    return statistics.quantiles(values, n=100, method="inclusive")[round(at * 100) - 1]


if __name__ == "__main__":
    print(json.dumps([msgspec.to_builtins(row) for row in rows()], indent=1))
