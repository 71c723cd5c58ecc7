"""Evidence is kept within ``EVIDENCE_BYTES`` before anything is stored: the biggest fields go first, and it says so.

Pure; used for what latches remember (``stored``) and for the triggers that tell of them (``triggers``).
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from dutyd.core.incident import Evidence
from dutyd.core.secrets import cut

EVIDENCE_BYTES = 256 * 1024
"""How long evidence may be as JSON."""

_KEPT_CHARACTERS = 1_000
"""What stays of a text that is cut."""


def cut_evidence(evidence: Evidence, limit: int = EVIDENCE_BYTES) -> Evidence:
    """Return *evidence*, as JSON at most *limit* bytes long: where it is longer, its biggest values are cut."""
    size = _size(evidence)
    if size <= limit:
        return evidence
    short = msgspec.structs.replace(
        evidence,
        id=_shorten(evidence.id),
        source=_shorten(evidence.source),
        fields=dict(evidence.fields),
        let=dict(evidence.let),
        values=dict(evidence.values),
        cut=True,
    )
    size = _size(short)
    for part, name in _biggest_first(short):
        if size <= limit:
            break
        value = part.pop(name)
        size -= _size({name: value})
        if isinstance(value, str) and len(value) > _KEPT_CHARACTERS:
            part[name] = _shorten(value)
            size += _size({name: part[name]})
    return short


def _biggest_first(evidence: Evidence) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield where each value stands; what is still there after that comes again, to be left out."""
    places = [(part, name) for part in (evidence.fields, evidence.let, evidence.values) for name in part]
    places.sort(key=lambda place: _size({place[1]: place[0][place[1]]}), reverse=True)
    yield from places
    yield from [(part, name) for part, name in places if name in part]


def _shorten(text: str) -> str:
    return cut(text, _KEPT_CHARACTERS, f"… (cut, {len(text)} characters)")


def _size(value: object) -> int:
    return len(msgspec.json.encode(value))
