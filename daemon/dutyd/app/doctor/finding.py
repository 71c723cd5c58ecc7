"""What a look found: how a thing stands, what was seen and promised, and what to do."""

from dataclasses import dataclass
from enum import StrEnum


class Standing(StrEnum):
    """How a thing stands."""

    FINE = "fine"  # as promised
    NOTE = "note"  # as chosen, and people should know it
    WEAK = "weak"  # it works, and less is promised than should be
    WRONG = "wrong"  # `run` would not do its work


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    Attributes:
        check: what was looked at.
        standing: how it stands.
        found: what was seen.
        promised: what dutyd's promises need here; empty where nothing is promised.
        what_to_do: empty where there is nothing to do.

    """

    check: str
    standing: Standing
    found: str
    promised: str = ""
    what_to_do: str = ""

    @property
    def ok(self) -> bool:
        """Whether it is as promised, or as chosen: False for what is weak or wrong."""
        return self.standing in (Standing.FINE, Standing.NOTE)


def fine(check: str, found: str, promised: str = "") -> Finding:
    """Return a finding of something that is as promised."""
    return Finding(check, Standing.FINE, found, promised)


def note(check: str, found: str, what_to_do: str) -> Finding:
    """Return a finding of something that is as chosen."""
    return Finding(check, Standing.NOTE, found, what_to_do=what_to_do)


def weak(check: str, found: str, promised: str, what_to_do: str) -> Finding:
    """Return a finding of something that works and promises too little."""
    return Finding(check, Standing.WEAK, found, promised, what_to_do)


def wrong(check: str, found: str, promised: str, what_to_do: str) -> Finding:
    """Return a finding of something that doesn't work."""
    return Finding(check, Standing.WRONG, found, promised, what_to_do)
