"""The windows of an entity as bytes: what the checkpoint keeps, so that a start need not read a whole window again.

A value holds one track (``tracks``): its windows, its newest time, its last events, and the offset up to which all of
that is whole. Binary, with its version and a checksum: a value that is damaged, or of another version, is as good as
none, and what it held is replayed. ``trickle`` says which are written when, ``resume`` takes them up again.
"""

import zlib
from hashlib import sha256
from typing import TypeVar

import msgspec

from dutyd.core.event import Event
from dutyd.core.expr import to_text
from dutyd.evaluate.engine.compiled.aggregates import Aggregate, Kind
from dutyd.evaluate.engine.entities import Key, entity_of, to_key
from dutyd.evaluate.engine.windows.samples import Begun
from dutyd.evaluate.engine.windows.series import Absence, Differences
from dutyd.evaluate.engine.windows.window import AtRest, Window

VERSION = 2
"""The first byte of whatever is stored here."""

_LARGEST_EVENT = 64 * 1024
"""Bytes; a larger last event is not kept: after a start the timers of its entity ask nobody until the next one."""


class Snapshot(msgspec.Struct, frozen=True, array_like=True):
    """One track.

    Attributes:
        whole: every event with a lower offset is in it.
        newest: as ``Track`` has it.
        last, before: as ``Track`` has them, as JSON; empty: None.
        windows: what the aggregate is called, and its window.

    """

    whole: int
    newest: float
    last: bytes
    before: bytes
    windows: list[tuple[str, AtRest]]


class Origin(msgspec.Struct, frozen=True, array_like=True):
    """The first event of a topic that is in no snapshot of its entity.

    Attributes:
        offset: of its record.
        arrival: seconds since the epoch; infinite: there is no such event.

    """

    offset: int
    arrival: float


class Cover(msgspec.Struct, frozen=True, array_like=True):
    """What one view takes in, whether or not its entities have snapshots.

    Attributes:
        first: offset of the first record that it sees.
        begun: each aggregate, by its name, and since when all its samples are here.

    """

    first: int
    begun: dict[str, Begun]


_NAME = 12
"""Characters of a view's name."""

_event = msgspec.json.Decoder(Event)
_entity = msgspec.json.Decoder(tuple[str, ...])
_json = msgspec.json.Encoder()
_packer = msgspec.msgpack.Encoder()


Part = TypeVar("Part", Snapshot, Origin, Cover)


def seal(value: Snapshot | Origin | Cover) -> bytes:
    """Return *value* as it is stored."""
    body = _packer.encode(value)
    return bytes((VERSION,)) + zlib.crc32(body).to_bytes(4, "big") + body


def intact(stored: bytes) -> bool:
    """Return whether ``unseal`` can read what is *stored*: this version wrote it, and it is whole."""
    return stored[:1] == bytes((VERSION,)) and stored[1:5] == zlib.crc32(stored[5:]).to_bytes(4, "big")


def unseal(stored: bytes, kind: type[Part]) -> Part:
    """Return what ``seal`` was given; it is *intact*."""
    return msgspec.msgpack.decode(memoryview(stored)[5:], type=kind)


def view_name(alias: str, per: tuple[str, ...], where: str) -> str:
    """Return what a view of topic *alias* is called: the same as long as it sees the same events."""
    return sha256(repr((alias, per, where)).encode()).hexdigest()[:_NAME]


def aggregate_name(of: Aggregate) -> str:
    """Return what an aggregate is called in its view: the same as long as it sums up the same samples."""
    text = "" if of.filter is None else to_text(of.filter)
    return sha256(repr((of.field, text, of.seconds, of.fold.name, of.kind.value, of.by)).encode()).hexdigest()[:8]


def place(view: str, key: Key) -> bytes:
    """Return the field that holds the snapshot of *key* in *view*; the one called like the view holds its ``Cover``."""
    return view.encode() + _json.encode(entity_of(key))


def placed(name: bytes) -> tuple[str, Key | None]:
    """Return the view and the entity that the field *name* is for; no entity: it holds a ``Cover``.

    Raises:
        ValueError: it is no such field.

    """
    entity = name[_NAME:]
    return name[:_NAME].decode(), to_key(_entity.decode(entity)) if entity else None


def event_at_rest(event: Event | None) -> bytes:
    """Return *event* as a snapshot holds it."""
    found = b"" if event is None else _json.encode(event)
    return found if len(found) <= _LARGEST_EVENT else b""


def read_event(found: bytes) -> Event | None:
    """Return what ``event_at_rest`` was given."""
    return _event.decode(found) if found else None


def awake(rest: AtRest, of: Aggregate) -> Window:
    """Return the window of aggregate *of* that *rest* was."""
    if of.kind is Kind.ABSENCE:
        window: Window = Absence(of.seconds)
    elif of.kind is Kind.VALUES:
        window = Window(of.fold, of.seconds)
    else:
        window = Differences(of.seconds, rises=of.kind is Kind.RISES)
    window.wake(rest)
    return window
