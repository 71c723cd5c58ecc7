"""The errors of the project: one base and three kinds, because three things can go wrong.

*Bad input* is dead-lettered and never retried; *not ready* is retried with back-pressure; *wrong* means that a
rule, a tool or the settings need a person. Whoever catches one of them knows what to do without reading its text.
The text says what is wrong, where, and what to do.
"""

from difflib import get_close_matches


class DutydError(Exception):
    """Something went wrong in dutyd."""


class BadInputError(DutydError):
    """A record can't be understood: it goes to the dead-letter topic with this reason."""


class NotReadyError(DutydError):
    """The world is not ready (server down, unknown digest): try again, lose nothing.

    Attributes:
        retry_after: seconds to wait before the next try, where the other side said so.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class WrongError(DutydError):
    """A rule, a tool or the settings are wrong: a person must mend them."""


class SettingsError(WrongError):
    """The settings can't be used (exit code 3)."""


def nearest(name: str, valid: "list[str] | tuple[str, ...] | set[str] | frozenset[str]") -> str:
    """Return ``; did you mean 'x'?`` for the valid name nearest to *name*, or an empty text."""
    found = get_close_matches(name, sorted(valid), n=1, cutoff=0.6)
    return f"; did you mean '{found[0]}'?" if found else ""
