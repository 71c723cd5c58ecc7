"""Instants as people and programs read them: RFC 3339 in UTC.

Used wherever a time leaves dutyd as text; ``stream.formats.times`` reads what others wrote.
"""

from datetime import UTC, datetime


def instant_text(seconds: float) -> str:
    """Return *seconds* since the epoch as ``2026-01-31T09:30:00Z``, to the microsecond where there is a fraction.

    Such a text can be read back exactly.

    Raises:
        ValueError, OverflowError: it lies outside the years 1 to 9999.

    """
    return _text(seconds, "auto")


def second_text(seconds: float) -> str:
    """Return *seconds* since the epoch to the second, as tables show them; raises as ``instant_text`` does."""
    return _text(seconds, "seconds")


def _text(seconds: float, digits: str) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=digits).replace("+00:00", "Z")
