"""What a checkpoint is made of, as values: how far a task is decided, who owns it, what a write changes and answers.

``checkpoint`` reads and writes them; sources, tasks and whoever looks at an installation know only these.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from dutyd.core.version import VERSION
from dutyd.evaluate.engine import Written


class Answer(StrEnum):
    """What a fenced write found."""

    OWN = "own"  # it is written
    ANOTHER = "another"  # another process owns the task: nothing is written, stop working on it
    LOST = "lost"  # the server does not have what was written before: nothing is written, restore


class Found(StrEnum):
    """What a claim found."""

    NEW = "new"  # no checkpoint on this server
    RESTARTED = "restarted"  # one from before the server's last start: perhaps outdated
    SAME = "same"


class Decided(msgspec.Struct, frozen=True):
    """How far one topic partition is decided.

    Attributes:
        offset: of the next record to decide.
        timestamp: of the last decided record, ms since the epoch; None when none was.
        newest: newest event time seen, seconds since the epoch; None when none was.
        upto: of a by-key partition: what arrived before this time, seconds since the epoch, is decided as far as it was
            read up to *offset*.
        held: the lowest offset of what was read and is not decided; None: there is nothing.

    """

    offset: int
    timestamp: int | None = None
    newest: float | None = None
    upto: float | None = None
    held: int | None = None
    v: int = VERSION

    @property
    def below(self) -> int:
        """The offset below which everything is decided."""
        return self.offset if self.held is None else self.held


@dataclass(frozen=True, slots=True)
class Owner:
    """Who may write a task: the task's name, a random token, and the run id of the server that holds it."""

    task: str
    token: str
    server: str


@dataclass(frozen=True, slots=True)
class Write:
    """What one batch changes.

    Attributes:
        number: from ``Checkpoint.number``: a write that is repeated with its number changes nothing.
        offsets: by topic name.
        latches: changed ones by their field; None for those that are gone.
        triggers: new ones, in order.
        acked: how many of the oldest triggers in the outbox are produced and can go.
        windows: what changes of the snapshots of windows; None: nothing.

    """

    owner: Owner
    number: int
    offsets: Mapping[str, Decided] = field(default_factory=dict)
    latches: Mapping[bytes, bytes | None] = field(default_factory=dict)
    triggers: Sequence[bytes] = ()
    acked: int = 0
    windows: Written | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint as it was found, but for its latches, which come in pages: there may be a million of them.

    Without *offsets* there is none: nothing was decided on this server.
    """

    offsets: Mapping[str, Decided]
    outbox: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a task is: its offsets by topic name, and how many triggers wait in its outbox."""

    offsets: Mapping[str, Decided]
    waiting: int
