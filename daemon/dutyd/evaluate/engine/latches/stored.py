"""A latch at rest is bytes, the same in the checkpoint and in memory, and not decoded before somebody asks.

It is one JSON document of two parts. The *head* is what must be known at once (where the latch stands, whether a timer
may be needed) and what most latches of a rule have in common: it is decoded once for all of them. The *body* is the
rest, mostly evidence. A million incidents that nobody asks about so cost a start little time, and little memory.
``latches`` keeps the parts, ``records`` gives them to the checkpoint.
"""

from functools import lru_cache

import msgspec

from dutyd.core.event import identity_of
from dutyd.core.incident import Evidence
from dutyd.core.version import newer
from dutyd.evaluate.engine.latches.evidence import cut_evidence
from dutyd.evaluate.engine.latches.latch import Latch, Phase

VERSION = 2
"""``v`` of a latch; 1 was the latch as a whole."""

_BORDER = b',\n"latch":'
_LONG = 64 * 1024
"""Bytes from which on a latch is looked at again: it may hold evidence that has to be cut."""

_IN_HEAD = ("phase", "topic", "per", "timing", "under")
_LATE = ("since", "occurrence", "opened", "evidence", "offset", "round", "acted", "edited")
_EARLY = tuple(name for name in Latch.__struct_fields__ if name not in {*_IN_HEAD, *_LATE})
"""Fields of the body that matter at a start: the head says which of them are there."""


_NOTHING: tuple[object, ...] = (None, "", {})
"""What such a field says where there is nothing to say."""


class Head(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What must be known of a latch at once.

    Attributes:
        v: version of the whole.
        phase, topic, per, timing, under: as ``Latch`` has them.
        also: the names of fields in the body that a start has to look at.

    """

    v: int
    phase: Phase
    topic: str = ""
    per: tuple[str, ...] | None = None
    timing: str = ""
    under: str = ""
    also: tuple[str, ...] = ()


Stored = tuple[Head, bytes]
"""A latch at rest: equal heads are the same object; the body ends as the document does."""


class _Old(msgspec.Struct, frozen=True):
    """Version 1."""

    latch: Latch
    v: int = 1


_latch = msgspec.json.Decoder(Latch)
_old = msgspec.json.Decoder(_Old)
_encoder = msgspec.json.Encoder()


def pack(latch: Latch) -> Stored:
    """Return *latch* at rest, its evidence cut where it is too large."""
    body = _body(latch)
    if len(body) >= _LONG and latch.evidence is not None:
        latch = msgspec.structs.replace(latch, evidence=cut_evidence(latch.evidence))
        body = _body(latch)
    also = tuple(name for name in _EARLY if getattr(latch, name) not in _NOTHING)
    return _head(latch.phase, latch.topic, latch.per, latch.timing, latch.under, also), body


def unpack(stored: Stored) -> Latch:
    """Return the latch."""
    head, body = stored
    latch = _latch.decode(memoryview(body)[:-1])
    evidence = latch.evidence
    return msgspec.structs.replace(
        latch,
        phase=head.phase,
        topic=head.topic,
        per=head.per,
        timing=head.timing,
        under=head.under,
        occurrence=_identity(evidence) if evidence is not None and not latch.occurrence else latch.occurrence,
    )


def join(stored: Stored) -> bytes:
    """Return the document that the checkpoint holds."""
    head, body = stored
    return _text(head) + _BORDER + body


def split(document: bytes) -> Stored:
    """Return what ``join`` was given.

    Raises:
        NotReadyError: a newer dutyd wrote it.

    """
    text, border, body = document.partition(_BORDER)
    return (_parsed(text), body) if border else _split_old(document)


def _body(latch: Latch) -> bytes:
    """Return the body: nothing that the head, or the evidence, says."""
    told = latch.evidence is not None and latch.occurrence == _identity(latch.evidence)
    occurrence = "" if told else latch.occurrence
    rest = msgspec.structs.replace(
        latch, phase=Phase.INACTIVE, topic="", per=None, timing="", under="", occurrence=occurrence
    )
    return _encoder.encode(rest) + b"}"


def _identity(evidence: Evidence) -> str:
    return identity_of(evidence.source, evidence.id, evidence.time)


@lru_cache(4_096)
def _head(
    phase: Phase, topic: str, per: tuple[str, ...] | None, timing: str, under: str, also: tuple[str, ...]
) -> Head:
    return Head(v=VERSION, phase=phase, topic=topic, per=per, timing=timing, under=under, also=also)


@lru_cache(4_096)
def _text(head: Head) -> bytes:
    """Return the document's beginning: what ends at the border."""
    return _encoder.encode(head)[:-1]


@lru_cache(4_096)
def _parsed(text: bytes) -> Head:
    """Return the head that a document begins with."""
    version = msgspec.json.decode(text + b"}", type=dict)["v"]
    if version > VERSION:
        raise newer("a latch", version, VERSION)
    head = msgspec.json.decode(text + b"}", type=Head)
    return _head(head.phase, head.topic, head.per, head.timing, head.under, head.also)


def _split_old(document: bytes) -> Stored:
    version = msgspec.json.decode(document, type=dict).get("v", 1)
    if version >= VERSION:
        raise newer("a latch", version, VERSION)
    return pack(_old.decode(document).latch)
