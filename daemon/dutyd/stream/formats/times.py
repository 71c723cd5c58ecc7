"""An event's time as its producer wrote it, to seconds since the epoch.

Text is RFC 3339 (a blank for the ``T``, a missing zone and a date alone are understood, all UTC); a number is epoch
seconds or milliseconds by its size. Many events share a millisecond, so texts that were read are remembered.
"""

from datetime import UTC, datetime
from typing import Any

import ciso8601

from dutyd.core.errors import BadInputError

REMEMBERED = 4_096
"""Texts remembered; then all are forgotten, which is cheaper than to find the oldest."""

MILLISECONDS_FROM = 1e11
"""From here on a number is milliseconds: as seconds it would be the year 5138."""

TOO_LARGE = 1e14
"""As milliseconds it would be the year 5138: microseconds, or no time at all."""

LATEST = TOO_LARGE / 1000
"""Seconds since the epoch; a record that says it was made then does not say milliseconds."""

_DATE = len("2026-01-31")


class Times:
    """Reads times; one for each decoder."""

    def __init__(self) -> None:
        self.known: dict[str, float] = {}

    def read(self, value: Any) -> float:
        """Return seconds since the epoch.

        Raises:
            BadInputError: it is no time.

        """
        kind = value.__class__
        if kind is str:
            seconds = self.known.get(value)
            return self._text(value) if seconds is None else seconds
        if kind is int or kind is float:
            return _number(value)
        raise _unreadable(value)

    def _text(self, text: str) -> float:
        try:
            seconds = _parse(text.upper())
        except ValueError:
            raise _unreadable(text) from None
        if len(self.known) >= REMEMBERED:
            self.known.clear()
        self.known[text] = seconds
        return seconds


def _parse(text: str) -> float:
    # ciso8601 reads more of ISO 8601 than can be told apart from other numbers: 2026, 20260131, week dates.
    if len(text) < _DATE or text[4] != "-" or text[7] != "-":
        raise ValueError(text)
    leap = text[17:19] == "60"
    found: datetime = ciso8601.parse_datetime(f"{text[:17]}59{text[19:]}" if leap else text)
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return found.timestamp() + leap


def _number(value: float) -> float:
    size = abs(value)
    if size >= TOO_LARGE:
        raise _unreadable(value)
    return value / 1000 if size >= MILLISECONDS_FROM else float(value)


def _unreadable(value: Any) -> BadInputError:
    said = repr(value)
    said = said if len(said) <= 80 else f"{said[:77]}..."
    return BadInputError(
        f"time {said} can't be read: expected RFC 3339 such as 2026-01-31T09:30:00Z, or epoch seconds or milliseconds"
    )
