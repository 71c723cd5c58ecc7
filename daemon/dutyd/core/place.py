"""Where in the rule files something stands. Readers put it in; messages about a rule that was read long ago say it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the rule files something stands, for messages: 1-based line and column."""

    file: str = ""
    line: int = 0
    column: int = 0


UNPLACED = Place()
"""Of what no file says."""
