"""Text hygiene: what leaves for other systems has no control or direction characters and keeps to its limit.

Used by ``bounds`` and ``arguments`` for every text that goes to a tool, whoever wrote it, and by the agent's prompt.
"""

import unicodedata
from typing import Final

from dutyd.core import secrets

MARK: Final = "…"
"""Stands at the end of a text that was cut; it counts towards the limit."""

_HARMFUL: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Line breaks and tabs are layout; the joiners build emoji and words of several scripts.
_KEPT: Final = frozenset("\n\t\u200c\u200d")


def clean(text: str) -> str:
    """Return *text* without control, direction, invisible and surrogate characters."""
    if text.isascii() and text.isprintable():
        return text
    kept = (mark for mark in text if mark in _KEPT or unicodedata.category(mark) not in _HARMFUL)
    return "".join(kept)


def cut(text: str, limit: int) -> str:
    """Return *text*, cut to *limit* characters with the mark as its last where it is longer; never within a secret."""
    return secrets.cut(text, limit, MARK)
