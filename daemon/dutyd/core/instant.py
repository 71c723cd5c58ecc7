"""Instants as people and programs read them: RFC 3339 in UTC.

Used wherever a time leaves dutyd as text and has to be read back exactly; ``stream.formats.times`` reads what others
wrote.
"""

from datetime import UTC, datetime


def instant_text(seconds: float) -> str:
    """Return *seconds* since the epoch as ``2026-01-31T09:30:00Z``, to the microsecond where there is a fraction."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
