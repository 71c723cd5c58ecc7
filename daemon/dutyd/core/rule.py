"""A rule as the engine, the step graph and the gateway read it: frozen values, made by ``rules.load``.

A rule says which events it sees (``topic``, ``where``), what state is kept for (``per``), when an incident opens and
clears (``core.opening``), how many are too many (``core.limits``), and what may happen then (``core.step``).
Expressions and templates are parsed once, at load.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from dutyd.core.expr import Expr, Template
from dutyd.core.limits import UNTHROTTLED, Brake, Group, Inhibit, Throttle
from dutyd.core.mute import RecurringSilence
from dutyd.core.opening import Again, Opens, Schedule, Sequence, Silent, Then
from dutyd.core.place import UNPLACED, Place
from dutyd.core.step import Agent, Step


class Severity(StrEnum):
    """How bad it is, worst first."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Mode(StrEnum):
    """How far a rule or a tool may go; the lowest of all that apply counts."""

    OBSERVE = "observe"  # decide and record, change nothing
    APPROVE = "approve"  # every effect asks a person
    ACT = "act"

    @property
    def rank(self) -> int:
        """0 for observe, 1 for approve, 2 for act."""
        return _RANK[self]


_RANK = {Mode.OBSERVE: 0, Mode.APPROVE: 1, Mode.ACT: 2}


def lowest(*modes: Mode | None) -> Mode:
    """Return the lowest of *modes*; None says nothing; with nothing said, ``act``."""
    return min((mode for mode in modes if mode is not None), key=lambda mode: mode.rank, default=Mode.ACT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One entry of a rule file.

    Attributes:
        id: never changes.
        topic: alias of the source topic (``from``); empty for a rule with a schedule, whose *when* is just true.
        schedule: when it is due; None: it judges events.
        sequence: what must happen, one after the other; *when* is then just false. None: it has a *when*.
        per: the fields whose values make the entity; empty: one entity for the whole rule.
        let: names for sub-expressions, in the order of the file; usable in when, clear and steps.
        hold: ``for``, seconds that *when* must be true before it fires.
        clear: None means: not *when*.
        keep: ``keep_firing_for``, seconds that what clears must be true before it does.
        again, silent: further rounds, and what silence does; None: nothing.
        expire: seconds after which an incident ends whatever was seen; None: never.
        opens: what opens an incident.
        brake: how many openings are too many; None: as the policy says.
        inhibit: what mutes its incidents.
        storms: whether many openings in a short time are one incident (``group: off`` ends that).
        group: which openings are one incident; None: each is one of its own.
        summary: text for people; rendered on the newest evidence.
        reads_fields: the event fields that the rule names anywhere: only these go to the model.
        raw: the rule as written, for `rules plan`, digests and messages.
    """

    id: str
    topic: str
    when: Expr
    schedule: Schedule | None = None
    sequence: Sequence | None = None
    per: tuple[str, ...] = ()
    where: Expr | None = None
    let: Mapping[str, Expr] = field(default_factory=dict)
    hold: float = 0.0
    clear: Expr | None = None
    keep: float = 0.0
    again: Again | None = None
    silent: Silent | None = None
    expire: float | None = None
    opens: Opens = Opens.ON_CHANGE
    severity: Severity = Severity.WARNING
    mode: Mode = Mode.OBSERVE
    throttle: Throttle = UNTHROTTLED
    brake: Brake | None = None
    inhibit: Inhibit | None = None
    storms: bool = True
    group: Group | None = None
    summary: Template | None = None
    agent: Agent | None = None
    steps: Mapping[str, Step] = field(default_factory=dict)
    on_clear: Mapping[str, Step] = field(default_factory=dict)
    reads_fields: frozenset[str] = frozenset()
    raw: Mapping[str, Any] = field(default_factory=dict)
    place: Place = UNPLACED

    @property
    def momentary(self) -> bool:
        """Whether its incidents have no end of their own: they are closed once nothing is left to do."""
        if self.sequence is not None:
            return self.clear is None and self.silent is None and self.expire is None
        return self.schedule is not None or self.opens is Opens.EACH_EVENT

    @property
    def topics(self) -> frozenset[str]:
        """The aliases of all topics that it reads."""
        own = frozenset((self.topic,)) if self.topic else frozenset[str]()
        return own if self.sequence is None else own | self.sequence.topics

    @property
    def timing(self) -> str:
        """What time alone does to an open incident, as text; empty: nothing."""
        silent = self.silent if self.silent is not None and self.silent.then is Then.END else None
        parts = (self.again, silent, self.expire)
        return repr(parts) if any(part is not None for part in parts) else ""


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules of one state of the files.

    Attributes:
        digest: SHA-256 of the files' names and contents, 32 hex digits.
        rules: by id, in file order.
        files: relative path to content: what is stored in Redis by digest, so that any worker can load it.
        silences: those of the files.
    """

    digest: str
    rules: Mapping[str, Rule]
    files: Mapping[str, str]
    silences: tuple[RecurringSilence, ...] = ()
