"""How a record stands in a Redis stream, and how an entry's id is an offset.

Fields of an entry: ``value``, and optionally ``key`` and ``header:NAME`` for each header; an entry without ``value``
is a tombstone. A producer that is not dutyd needs no more than ``XADD topic * value '{"sku": ...}'``.

An id is ``milliseconds-sequence``; its offset is ``milliseconds << 20 | sequence``. So offsets order like ids, and
a timestamp is an offset, too. A sequence above 2^20 - 1 (a million entries in one millisecond, or an id that somebody
made up) counts as 2^20 - 1: such entries share an offset and may be read twice after a restart, but are never skipped.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from dutyd.core.event import Headers

BITS = 20
LAST = (1 << BITS) - 1
HEADER = b"header:"


class Entry(NamedTuple):
    """A record of a Redis stream (``core.event.Record``)."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    id: bytes


def entry(entry_id: bytes, fields: Mapping[bytes, bytes]) -> Entry:
    """Read one entry as the server gave it."""
    offset = offset_of(entry_id)
    headers: Iterable[tuple[str, bytes]] = ()
    if len(fields) > 1 or b"value" not in fields:
        headers = [
            (name[len(HEADER) :].decode(errors="replace"), value)
            for name, value in fields.items()
            if name.startswith(HEADER)
        ]
    return Entry(offset, offset >> BITS, fields.get(b"key"), fields.get(b"value"), tuple(headers), entry_id)


def fields_of(value: bytes | None, key: bytes | None, headers: Headers) -> dict[bytes, bytes]:
    """Return the fields that carry a record; an entry must have at least one, and each has a value."""
    fields = {HEADER + name.encode(): content or b"" for name, content in headers}
    if key is not None:
        fields[b"key"] = key
    if value is not None:
        fields[b"value"] = value
    return fields or {b"tombstone": b""}


def offset_of(entry_id: bytes) -> int:
    """Return the offset of the entry with this id."""
    milliseconds, _, sequence = entry_id.partition(b"-")
    return int(milliseconds) << BITS | min(int(sequence or 0), LAST)


def id_of(offset: int) -> bytes:
    """Return the first id that has this offset."""
    return b"%d-%d" % (offset >> BITS, offset & LAST)


def id_before(offset: int) -> bytes:
    """Return an id that all entries from *offset* on come after, and none before it."""
    return id_of(offset - 1) if offset > 0 else b"0-0"
