"""The lean loop: the bytes of a batch become records, in one loop and without a call for each number.

Pure. It knows plain records of format v2 (KIP-98) and stops before the first that is not exactly as it should be; what
to do then is the caller's affair (``reading``, which lets the client's own code go on from there).
"""

from typing import Any

import msgspec
from kafka.record.util import decode_varint

from dutyd.core.event import Headers


class LeanRecord(msgspec.Struct, frozen=True, gc=False):
    """A record (``core.event.Record``) and nothing more."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


def read_records(data: bytes, pos: int, count: int, batch: Any) -> tuple[list[LeanRecord], int]:  # noqa: C901, PLR0912, PLR0915  # calls would cost more than the rest
    """Read up to *count* records of *batch*, whose uncompressed records are *data*, from *pos* on.

    Every number is a zigzag varint: even ones are positive. One and two bytes are read here, more by the client.

    Returns:
        The records before the first that is not as it should be, and the position behind them.

    """
    base, first, latest = batch.base_offset, batch.first_timestamp, batch.max_timestamp
    appended = batch.timestamp_type == batch.LOG_APPEND_TIME
    found: list[LeanRecord] = []
    add, at = found.append, pos
    try:
        for _ in range(count):
            at = pos
            size = data[pos]
            pos += 1
            if size > 127:
                if (more := data[pos]) > 127:
                    size, pos = decode_varint(data, pos - 1)
                else:
                    size = size & 127 | more << 7
                    size = size >> 1 ^ -(size & 1)
                    pos += 1
            else:
                size = size >> 1 ^ -(size & 1)
            end = pos + size
            if data[pos] > 127:  # attributes: none are known, and the client reads them as a varint
                break
            pos += 1
            delta = data[pos]
            pos += 1
            if delta > 127:
                if (more := data[pos]) > 127:
                    delta, pos = decode_varint(data, pos - 1)
                else:
                    delta = delta & 127 | more << 7
                    delta = delta >> 1 ^ -(delta & 1)
                    pos += 1
            else:
                delta = delta >> 1 ^ -(delta & 1)
            offset = data[pos]
            pos += 1
            if offset > 127:
                if (more := data[pos]) > 127:
                    offset, pos = decode_varint(data, pos - 1)
                else:
                    offset = offset & 127 | more << 7
                    offset = offset >> 1 ^ -(offset & 1)
                    pos += 1
            else:
                offset = offset >> 1 ^ -(offset & 1)
            size = data[pos]
            pos += 1
            if size > 127:
                if (more := data[pos]) > 127:
                    size, pos = decode_varint(data, pos - 1)
                else:
                    size = size & 127 | more << 7
                    size = size >> 1 ^ -(size & 1)
                    pos += 1
            else:
                size = size >> 1 ^ -(size & 1)
            key = None
            if size >= 0:
                key = data[pos : pos + size]
                pos += size
            size = data[pos]
            pos += 1
            if size > 127:
                if (more := data[pos]) > 127:
                    size, pos = decode_varint(data, pos - 1)
                else:
                    size = size & 127 | more << 7
                    size = size >> 1 ^ -(size & 1)
                    pos += 1
            else:
                size = size >> 1 ^ -(size & 1)
            value = None
            if size >= 0:
                value = data[pos : pos + size]
                pos += size
            headers: Headers = ()
            if data[pos]:
                headers, pos = _headers(data, pos)
            else:
                pos += 1
            if pos != end:
                break
            add(LeanRecord(base + offset, latest if appended else first + delta, key, value, headers))
        else:
            at = pos
    except (IndexError, ValueError):  # the data end inside a record, or a number is absurd
        pass
    return found, at


def _headers(data: bytes, pos: int) -> tuple[Headers, int]:
    """Read the headers at *pos*; return them and the position behind them."""
    count, pos = decode_varint(data, pos)
    headers: list[tuple[str, bytes | None]] = []
    for _ in range(count):
        size, pos = decode_varint(data, pos)
        if size < 0:
            raise ValueError(size)
        name = data[pos : pos + size].decode()
        pos += size
        size, pos = decode_varint(data, pos)
        headers.append((name, data[pos : pos + size] if size >= 0 else None))
        pos += max(size, 0)
    if count < 0:
        raise ValueError(count)
    return headers, pos
