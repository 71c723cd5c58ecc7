"""How often one run may call a function that fails it: in a few turns, and no success gives tries back.

A call fails that the gateway rejects, and one that asks and gets no answer. Whoever makes the calls says which of both
it was (``Answered``, ``Failed``); ``loop`` counts here. Calls of one turn are one try: none of them knew of the others.
All functions that nobody offered are one, so that a model wins no tries by inventing names.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

TRIES = 3
"""Turns of a run in which a function may fail: the first, its correction, and one more."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The call was made; *text* is what the model is told."""

    text: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The call was not made, or has no answer; *text* is what the model is told."""

    text: str


@dataclass(frozen=True, slots=True)
class Tries:
    """The count of one run.

    Attributes:
        offered: the names of its functions.

    """

    offered: Collection[str]
    _failed: Counter[str] = field(default_factory=Counter)

    def left(self, function: str) -> int:
        """Return in how many more turns *function* may fail; 0: it is not called any more."""
        return TRIES - self._failed[self._name(function)]

    def failed(self, functions: Iterable[str]) -> None:
        """Take note that calls of *functions* failed in one turn."""
        self._failed.update({self._name(function) for function in functions})

    def _name(self, function: str) -> str:
        return function if function in self.offered else ""
