"""Durations as people write them: ``10s``, ``90m``, ``7d``, always with a unit.

Used wherever a file or an option holds one; windows inside expressions are read by the lexer, with the same units.
"""

import re
from typing import Final

UNIT_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
"""The units of a duration, smallest first."""

_TEXT = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-z]+)\s*")


def parse_duration(text: str) -> float:
    """Return *text* in seconds.

    Raises:
        ValueError: it is no number with a unit; the message says what was expected.

    """
    match = _TEXT.fullmatch(text)
    if match is None or match[2] not in UNIT_SECONDS:
        raise ValueError(f"'{text}' is no duration: write a number with its unit (100ms, 10s, 5m, 1h, 7d)")
    return float(match[1]) / 1000 if match[2] == "ms" else float(match[1]) * UNIT_SECONDS[match[2]]
