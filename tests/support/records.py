"""Records as a broker would give them, for tests that need none."""

import json
from typing import Any, NamedTuple

from dutyd.core.event import Headers

ARRIVAL = 1_800_000_000.0
"""When test records arrived, seconds since the epoch: 2027-01-15T08:00:00Z."""


class FakeRecord(NamedTuple):
    """A record (``core.event.Record``)."""

    value: bytes | None
    offset: int = 7
    timestamp: int = int(ARRIVAL * 1000)
    key: bytes | None = None
    headers: Headers = ()


def json_record(document: Any, **others: Any) -> FakeRecord:
    """Return a record whose value is *document*."""
    return FakeRecord(json.dumps(document).encode(), **others)
