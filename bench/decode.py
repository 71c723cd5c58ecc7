"""Decoding: records in, events out, against the least that anybody must do with the same bytes: msgspec to a dict."""

import statistics
import time
from collections.abc import Iterator, Sequence

import msgspec

from dutyd.core.event import Event
from dutyd.core.topic import Topic
from dutyd.stream.formats import Decoder
from row import Row
from worlds import Raw, records

EVENTS = 100_000
BATCH = 2_000
ROUNDS = 7


def rows() -> Iterator[Row]:
    """Measure, and yield the row ``decode``."""
    raw = records(EVENTS, 1_000)
    whole, bare = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for record in raw:
            msgspec.json.decode(record.value)
        bare.append(EVENTS / (time.perf_counter() - began))
        began = time.perf_counter()
        decode_all(raw)
        whole.append(EVENTS / (time.perf_counter() - began))
    value, baseline = statistics.median(whole), statistics.median(bare)
    yield Row("decode", value, "events/s", baseline, value / baseline)


def decode_all(raw: Sequence[Raw]) -> list[Event]:
    """Return the events of *raw*, decoded batch by batch."""
    decoder = Decoder(Topic(alias="metrics", topic="metrics"), 0)
    events: list[Event] = []
    for start in range(0, len(raw), BATCH):
        events += decoder.decode(raw[start : start + BATCH]).events
    return events
