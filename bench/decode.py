"""Decoding: records in, events out, against the least that anybody must do with the same bytes: msgspec to a dict.

``decode`` has a hundred events in each millisecond, as a busy topic has; in ``decode_sparse`` every event says a time
that was not read before.
"""

from collections.abc import Iterator, Sequence

import msgspec

from dutyd.core.topic import Topic
from dutyd.evaluate.path import POLL_RECORDS
from dutyd.stream.formats import Decoder
from measure import cpu_seconds, in_turns
from row import Row
from worlds import Raw, records

EVENTS = 50_000


def rows() -> Iterator[Row]:
    """Measure, and yield the rows ``decode`` and ``decode_sparse``."""
    dense, sparse = records(EVENTS, 1_000), records(EVENTS, 1_000, per_second=1_000.0)
    found = in_turns(
        {
            "bare": lambda: bare_seconds(dense),
            "decode": lambda: cpu_seconds(lambda: _decode(dense)),
            "decode_sparse": lambda: cpu_seconds(lambda: _decode(sparse)),
        }
    )
    baseline = EVENTS / found.pop("bare")
    for name, seconds in found.items():
        yield Row(name, EVENTS / seconds, "events/s", baseline, EVENTS / seconds / baseline)


def bare_seconds(raw: Sequence[Raw]) -> float:
    """Return the processor seconds that msgspec takes to make a dict of each of *raw*, and nothing else."""
    return cpu_seconds(lambda: _bare(raw))


def _bare(raw: Sequence[Raw]) -> None:
    decode = msgspec.json.decode
    for record in raw:
        decode(record.value)


def _decode(raw: Sequence[Raw]) -> None:
    decoder = Decoder(Topic(alias="metrics", topic="metrics"), 0)
    for start in range(0, len(raw), POLL_RECORDS):
        decoder.decode(raw[start : start + POLL_RECORDS])
