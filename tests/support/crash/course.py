"""What goes on while a process is killed: the course that all others (``courses``) are of the kind of.

``kills`` plays it: publish, ``prepare``, die of ``command``, ``between`` and die again, ``finish``, then the verdict.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dutyd.ledger.queries import Row
from support.crash.asked import OPENINGS, RULES, STOCK, WANTED, Thing
from support.crash.killed import Killed
from support.crash.points import Point

Events = Sequence[tuple[str, Sequence[Mapping[str, Any]], str]]
"""Events by topic, with the member that their producers key them by."""

EACH_CLASS = ("A", "B", "C", "C skip", "C repeat")


@dataclass(frozen=True)
class Course:
    """Events come, and a daemon that works them dies.

    Attributes:
        points: where it may die.
        kinds: the classes that it is played at.
        wanted: what the back office is to hold in the end.
        events: what is published at first.
        topics: the settings of the topics, by alias.
        again: where a daemon that goes on after the first kill is killed again, if its point has no own place.
        asks: whether its rules ask a model.
        passes: how often its points are passed at least: ``--long`` kills at each of them.

    """

    points: Mapping[str, Point]
    kinds: Sequence[str] = EACH_CLASS
    rules: str = RULES
    wanted: "Counter[Thing]" = field(default_factory=lambda: WANTED)
    events: Events = (("metrics", OPENINGS, "service"), ("stock", STOCK, "sku"))
    topics: Mapping[str, Mapping[str, Any]] = field(
        default_factory=lambda: {"metrics": {"partitioned_by": ["service"]}, "stock": {"partitioned_by": ["sku"]}}
    )
    settings: Mapping[str, Any] = field(default_factory=dict)
    again: str = "claim -> work"
    asks: bool = False
    passes: int = 4

    def prepare(self, killed: Killed) -> None:
        """Bring it to where it can die."""

    def command(self, killed: Killed) -> Sequence[str]:
        """Return the arguments of the process that dies."""
        return killed.run()

    def between(self, killed: Killed) -> None:
        """Do what happens between two deaths."""

    def afterwards(self, killed: Killed) -> Sequence[str]:
        """Return the arguments of the process that goes on, and may die in its turn."""
        return killed.run()

    def finish(self, killed: Killed) -> None:
        """Have all that is left done."""
        killed.work()

    def may_be_unsure(self, killed: Killed, row: Row) -> bool:
        """Return whether nobody can know what became of the effect of *row*: it was being sent at a death."""
        return any(row["key"] == each["key"] for each in killed.unheard)

    def missing(self, killed: Killed) -> int:
        """Return how much that the back office does not show is missing."""
        del killed
        return 0

    def needless(self, killed: Killed, point: str) -> int:
        """Return how much was done that a death at *point* does not account for, and the back office does not show."""
        del killed, point
        return 0
