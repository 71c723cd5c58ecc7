"""What passes between workers and the incidents of the ledger, as values: arrivals, claims, and what a call answers.

``incidents`` takes and gives them; whoever works on a claim, or writes effects by its fence, knows only these.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from dutyd.core.incident import IncidentState, Trigger, round_suffix
from dutyd.core.limits import Brake, Throttle
from dutyd.core.rule import Mode


class Accepted(StrEnum):
    """What became of a trigger."""

    ACCEPTED = "accepted"
    MUTED = "muted"
    CLEARING = "clearing"
    CLOSED = "closed"
    KNOWN = "known"
    OLD = "old"  # older than anything that is remembered: listed, not worked


class Hold(StrEnum):
    """Whether a claim still holds."""

    OWN = "own"
    CLEARED = "cleared"  # ours, but the incident cleared meanwhile
    LOST = "lost"  # another worker has it: stop, write nothing


class Waiting(StrEnum):
    """What a resting incident waits for; ``run --until-idle`` waits for RETRY and SETTLE, never for people."""

    NOTHING = ""
    RETRY = "retry"
    SETTLE = "settle"
    APPROVAL = "approval"
    PAUSED = "paused"
    MUTED = "muted"
    PERSON = "person"  # something unexpected happened: its traceback stands in the incident


@dataclass(frozen=True, slots=True)
class Tries:
    """How often a question was put that has no answer yet.

    Attributes:
        count: so often.
        since: the age of its incident, in seconds, when it was put first.
        reason: what was wrong the last time.

    """

    count: int
    since: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A trigger on its way into the ledger.

    Attributes:
        trigger: as decoded from the triggers topic.
        mode: the incident's effective mode, shown to people.
        throttle: the rule's.
        brakes: the rule's and the policy's.
        pages: whether the rule has an alerting step: then throttled incidents join a roll-up page.
        storms: whether too many openings in a short time become members of one parent incident.
        grouped: whether it will be a member of a group.
        source: ``topic:partition`` of the triggers topic.
        next_offset: the offset after this record.
        produced: when the record was produced, ms since the epoch.

    """

    trigger: Trigger
    mode: Mode
    throttle: Throttle
    brakes: Sequence[Brake]
    pages: bool
    storms: bool
    source: str
    next_offset: int
    produced: int
    grouped: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """An incident that this worker may work on while its lease lasts.

    Attributes:
        fence: the fencing token that every script compares.
        kind: ``incident``, ``rollup`` for the page that lists throttled ones, ``storm`` or ``group`` for the parent of
            many.
        trigger, clear_trigger: the newest opening and the clear.
        run: how the agent run of this round ended, empty while it has not.
        age: seconds since it was accepted.
        braked: whether its rule opened too often: each of its effects asks a person.
        told: whether it is a group whose members stand fast, and the outcomes topic knows them.
        opened, ended: when the records of its opening and its clear were produced, or a person closed it, seconds since
            the epoch.
        over: whether it is over, and worked only until its last effects have ended: nothing of it is sent any more.
        predates: whether it is older than the ledger, which lost its data since: effects may have been sent that it
            knows nothing of.

    """

    id: str
    fence: str
    state: IncidentState
    kind: str
    rule: str
    trigger: Trigger
    clear_trigger: Trigger | None
    run: str
    age: float = 0.0
    predates: bool = False
    braked: bool = False
    told: bool = False
    over: bool = False
    opened: float = 0.0
    ended: float | None = None

    @property
    def round_suffix(self) -> str:
        """What names of things of this round end with."""
        return round_suffix(self.trigger.round)
