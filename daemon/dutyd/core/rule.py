"""The rule as the engine, the step graph and the gateway read it: frozen values, made by ``rules.load``.

A rule says which events it sees (``topic``, ``where``), what state is kept for (``per``), when an incident opens and
clears, and what may happen then (``steps``, ``agent``). Expressions and templates are parsed once, at load.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from dutyd.core.expr import Expr, Template


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


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the rule files something stands, for messages: 1-based line and column."""

    file: str = ""
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class Rate:
    """At most *count* in any *seconds*."""

    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Throttle:
    """How many incidents may open before further ones are muted; counted in incidents."""

    per_entity: tuple[Rate, ...] = ()
    per_rule: tuple[Rate, ...] = ()


@dataclass(frozen=True, slots=True)
class Inhibit:
    """While an incident of another rule is open, those of this rule are muted.

    Attributes:
        by: ids of the rules whose open incidents mute.
        equal: fields of ``per``, of both rules, whose values must be the same.
        wait: ``group_wait``, seconds that an opening waits, so that an incident that explains it can come first.
    """

    by: tuple[str, ...]
    equal: tuple[str, ...] = ()
    wait: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Openings that are one incident: those with equal *by* values that open within *wait* seconds of the first.

    Attributes:
        by: event fields or names of ``let``; of a member in which one has no value, nobody knows what it belongs to.
        at_most: members; further ones open the next group.
        member: what is told of each member, by name; None: what the rule names of it.
    """

    by: tuple[str, ...]
    wait: float
    at_most: int
    member: Mapping[str, Template] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What the model may put into one argument.

    Attributes:
        kind: ``text`` (at most *limit* characters), ``one_of`` (*options*), ``integer`` or ``number`` (*low* to
            *high*, a multiple of *multiple_of*), ``boolean``, or ``each``: a list with one object for each of *items*,
            in which *fixed* are put in by code and *parts* are decided, each within its own bound.
    """

    kind: Literal["text", "one_of", "integer", "number", "boolean", "each"]
    limit: int | None = None
    options: tuple[str | float, ...] = ()
    low: Template | None = None
    high: Template | None = None
    multiple_of: Template | None = None
    items: Template | None = None
    fixed: Mapping[str, Template] = field(default_factory=dict)
    parts: Mapping[str, "Bound"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a step that failed is tried again, and how long to wait before the second try, in seconds."""

    attempts: int = 1
    backoff: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One named thing a rule orders: a tool with arguments.

    Attributes:
        args: ``with``: bound by the rule, the model can't change these.
        decide: left to the model, within bounds.
        fallback: what takes the place of the model's decision; None where the rule gives none.
        after: names of the steps that must end first (``needs`` and every ``steps.x`` it reads).
        if_, refuse_if, approval_if: conditions (DESIGN 3: each has its direction when unknown).
        if_unsure: for class C providers, ``skip`` or ``repeat``.
    """

    name: str
    tool: str
    args: Mapping[str, Template] = field(default_factory=dict)
    decide: Mapping[str, Bound] = field(default_factory=dict)
    fallback: Mapping[str, Template] | None = None
    after: frozenset[str] = frozenset()
    if_: Expr | None = None
    refuse_if: Expr | None = None
    approval_if: Expr | None = None
    retry: Retry = Retry()
    each: Template | None = None
    on_error: Literal["stop", "continue"] = "stop"
    if_unsure: Literal["skip", "repeat"] | None = None
    place: Place = Place()


@dataclass(frozen=True, slots=True)
class Budget:
    """What one agent run may use at most: model answers, seconds, tokens, US dollars (None: no limit of its own)."""

    turns: int = 6
    seconds: float = 120.0
    tokens: int = 60_000
    usd: float | None = None


@dataclass(frozen=True, slots=True)
class Agent:
    """What the model is asked: a goal, the tools it may read with, and a budget.

    A typed answer is a step, too, named ``answer``: see ``core.tool.ANSWER``.
    """

    goal: Template
    reads: tuple[str, ...] = ()
    budget: Budget = Budget()


class Opens(StrEnum):
    """What opens an incident."""

    ON_CHANGE = "on_change"  # `when` becomes true; one incident at a time for an entity
    EACH_EVENT = "each_event"  # every event for which `when` is true


class Then(StrEnum):
    """What becomes of an open incident whose entity fell silent."""

    END = "end"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Again:
    """An incident that is still open is acted on again: *every* so many seconds, *at_most* so often (None: always)."""

    every: float
    at_most: int | None = None


@dataclass(frozen=True, slots=True)
class Brake:
    """More than *openings* within *within* seconds of event time: new incidents wait for approval until released."""

    openings: int
    within: float


@dataclass(frozen=True, slots=True)
class Silent:
    """An entity of which nothing came for *after* seconds."""

    after: float
    then: Then


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a rule is due by the clock; made by ``evaluate.schedule``.

    Attributes:
        text: the five fields of a cron expression, as written.
        timezone: IANA name of the zone that they are read in.
        missed: a run that nobody was there to make is made up for so many seconds after it was due.
        due_after: returns the first due time after a time, both seconds since the epoch; None: never again.

    """

    text: str
    timezone: str
    missed: float
    due_after: Callable[[float], float | None] = field(compare=False, repr=False)

    @property
    def name(self) -> str:
        """Return what two equal schedules have in common, as one text."""
        return f"{self.text} {self.timezone}"


@dataclass(frozen=True, slots=True)
class Item:
    """One of the things that must happen in a sequence.

    Attributes:
        name: by which expressions read what was seen of it: ``items.NAME.FIELD``.
        topic: alias of the topic that tells of it; of the last one, the rule's.
        where: which events of the topic are it; None: every one that the rule sees.

    """

    name: str
    topic: str
    where: Expr | None = None


@dataclass(frozen=True, slots=True)
class Guard:
    """Events that break a sequence: those of *topic* for which *where* is true."""

    topic: str
    where: Expr


@dataclass(frozen=True, slots=True)
class Sequence:
    """What opens a rule's incidents in place of ``when``: *items*, one after the other, from first to last *within*.

    Attributes:
        items: two at least, in order.
        within: seconds of event time.
        unless: what breaks it in the meantime; None: nothing.

    """

    items: tuple[Item, ...]
    within: float
    unless: Guard | None = None

    @property
    def topics(self) -> frozenset[str]:
        """The aliases of all topics that tell of it."""
        return frozenset(item.topic for item in self.items) | ({self.unless.topic} if self.unless else set())


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
    throttle: Throttle = Throttle()
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
    place: Place = Place()

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


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurringSilence:
    """A silence that comes again by the clock, written in a rule file.

    Attributes:
        id: unique among the files.
        because: why, for people.
        schedule: when it begins.
        lasts: seconds from each beginning.
        rule: only incidents of this rule; empty: of every rule.
        entity: ``per`` field to value: only incidents of such entities; empty: of every entity.
    """

    id: str
    because: str
    schedule: Schedule
    lasts: float
    rule: str = ""
    entity: Mapping[str, str] = field(default_factory=dict)
    place: Place = Place()

    @property
    def why(self) -> str:
        """For people."""
        return f"silenced by the rule files ({self.id}): {self.because}"

    def until(self, now: float) -> float | None:
        """Return when the span that *now* lies in ends, None where it lies in none."""
        begins = self.schedule.due_after(now - self.lasts)
        return begins + self.lasts if begins is not None and begins <= now else None

    def covers(self, rule: str, entity: Mapping[str, str]) -> bool:
        """Whether it speaks of *entity* of *rule*, at whatever time."""
        return self.rule in ("", rule) and self.entity.items() <= entity.items()


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
