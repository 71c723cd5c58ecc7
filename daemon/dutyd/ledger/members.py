"""What stands for several incidents: the parent of a storm, the page that lists what a throttle holds back, a group.

Values of ``incidents``; the rehearsal's paper goes by the same numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from dutyd.core.incident import Trigger

STORM_OPENINGS, STORM_SECONDS = 20, 120.0
"""More of one rule in so long are a storm."""

GATHERING_SECONDS = 5.0
"""How long what one page is to list gathers first."""

LISTED = 100
"""Members of a roll-up, a storm or a group that are read, and can be listed by their page."""


@dataclass(frozen=True, slots=True)
class Gathering:
    """A group as a member may open it.

    Attributes:
        name: what its members have in common.
        trigger: of the group's incident; its members are not in it yet.
        wait: seconds that it gathers.
        at_most: members.

    """

    name: str
    trigger: Trigger
    wait: float
    at_most: int


class Formed(StrEnum):
    """Whether the members of a group stand fast."""

    OWN = "own"  # and the outcomes topic knows them
    WAITS = "waits"  # and the outcomes topic is being told
    CLEARED = "cleared"  # nobody is left
    LOST = "lost"  # another worker has it


@dataclass(frozen=True, slots=True)
class Members:
    """The incidents behind one page: how many, and the triggers of the first hundred."""

    count: int
    triggers: Sequence[Trigger]
