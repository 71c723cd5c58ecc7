"""Play a rule test: the real engine and the real step graph and gates, with a recorder in place of providers.

``play`` takes a case and returns what happened: openings, clears, effects with the arguments they would have had.
Time is the events' own; nothing waits and nothing leaves. Called by ``testing``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from dutyd.act.gateway import Accepted, Bound, Call, Outcome, Rejected, Unbound, bind, gate, judge, narrowed
from dutyd.act.names import names_of
from dutyd.act.steps import StepResult, StepState, ready
from dutyd.core.event import Event
from dutyd.core.expr import Look
from dutyd.core.incident import EffectState, Trigger, TriggerKind
from dutyd.core.policy import Policy
from dutyd.core.rule import Rule, Step
from dutyd.core.tool import Catalogue
from dutyd.evaluate.engine import Change, State, next_due, plan, tick
from dutyd.evaluate.engine import judge as judge_events
from dutyd.evaluate.triggers import trigger_of
from dutyd.rules.cases import Case, Decisions
from dutyd.rules.known import Known

BEGIN = 1_767_225_600.0
"""The event time of ``0s``: the first of January 2026, 00:00 UTC."""

_STATES = {
    Outcome.SEND: EffectState.DONE,
    Outcome.ASK: EffectState.AWAITING_APPROVAL,
    Outcome.REFUSE: EffectState.REFUSED,
    Outcome.OBSERVE: EffectState.REFUSED,
}


@dataclass(frozen=True, slots=True)
class Done:
    """An effect that came as far as *state*: what it was and why it went no further."""

    step: str
    tool: str
    args: Mapping[str, Any]
    state: EffectState
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """An opening or a clear, *at* seconds from the beginning, and the values it was decided by."""

    entity: Mapping[str, str]
    at: float
    values: Mapping[str, Any]


@dataclass(slots=True)
class Played:
    """What happened, in the order of event time; *said* is what the gateway told the model where it refused."""

    opens: list[Turn] = field(default_factory=list)
    clears: list[Turn] = field(default_factory=list)
    effects: list[Done] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


def play(case: Case, rule: Rule, known: Known) -> Played:
    """Return what *rule* makes of the events of *case*."""
    played = Played()
    open_: dict[str, _Actor] = {}
    for change in _changes(case, rule):
        trigger = trigger_of(change, digest="", partition=0)
        turn = Turn(trigger.entity, change.decided - BEGIN, _values(trigger))
        if change.kind is TriggerKind.OPENED:
            played.opens.append(turn)
            actor = open_[trigger.incident] = _Actor(case, rule, known, trigger, played)
            actor.act()
        elif change.kind is TriggerKind.CLEARED:
            played.clears.append(turn)
            open_.pop(trigger.incident).clear(trigger)
    return played


def _changes(case: Case, rule: Rule) -> Iterator[Change]:
    plan_, state = plan([rule]), State()
    yield from tick(plan_, state, BEGIN, clock=BEGIN)
    for number, given in enumerate(case.events):
        time = BEGIN + given.at
        id_ = f"event-{number}" if given.id is None else given.id
        event = Event(id_, rule.topic, time, time, number, dict(given.fields))
        yield from judge_events(plan_, state, rule.topic, [event])
    end = BEGIN + max([case.until or 0.0, *(given.at for given in case.events)])
    while (due := next_due(plan_, state)) <= end:
        yield from tick(plan_, state, BEGIN, clock=due)
    yield from tick(plan_, state, end)


def _values(trigger: Trigger) -> Mapping[str, Any]:
    evidence = trigger.evidence
    return {**evidence.fields, **evidence.let, **evidence.values}


@dataclass(slots=True)
class _Actor:
    """The work on one incident: ``act.path`` without ledger, providers and model."""

    case: Case
    rule: Rule
    known: Known
    trigger: Trigger
    played: Played
    results: dict[str, StepResult] = field(default_factory=dict)

    @property
    def look(self) -> Look:
        return names_of(self.rule, self.trigger, self.results)

    @property
    def catalogue(self) -> Catalogue:
        return self.known.catalogue

    def act(self) -> None:
        """Do what the rule orders: plain steps first, then what is decided, then what follows from it."""
        while True:
            now = ready(self.rule.steps, self.results, self.look)
            self.results.update(now.settled)
            for step in now.plain:
                self.perform(step)
            if now.decided and not now.plain:
                self.decide(now.decided)
            if not (now.settled or now.plain or now.decided):
                return

    def clear(self, trigger: Trigger) -> None:
        """Do what the rule orders when it clears; what waits is off."""
        never = StepResult(StepState.SKIPPED, reason="cleared")
        done = {name: result for name, result in self.results.items() if result.ended}
        self.results, self.trigger = {**dict.fromkeys(self.rule.steps, never), **done}, trigger
        while True:
            now = ready({**self.rule.steps, **self.rule.on_clear}, self.results, self.look)
            self.results.update(now.settled)
            for step in now.plain:
                self.perform(step)
            if not (now.settled or now.plain):
                return

    def decide(self, steps: tuple[Step, ...]) -> None:
        """Take the scripted decisions in the order of the script, then the fallbacks of what is left."""
        grant = narrowed(self.rule, steps)
        model: Decisions = self.case.model or {}
        for name, decided in model.items():
            if name in grant.steps:
                self.call(grant, name, decided)
        for step in steps:
            if step.name in self.results:
                continue
            if step.fallback is not None:
                self.perform(step)
            elif self.case.model is None:
                self.note(step, {}, EffectState.REFUSED, "no_model")
            else:
                self.results[step.name] = StepResult(StepState.SKIPPED, reason="the model chose not to")

    def call(self, grant: Rule, name: str, decided: Mapping[str, Any]) -> None:
        """Do one call of the scripted model, if the gateway lets it."""
        asked = Call("", name, msgspec.json.encode(decided).decode())
        match judge(grant, self.catalogue, asked, self.look):
            case Accepted(step, args):
                self.send(step, args)
            case Rejected(message):
                self.played.said.append(f"{name}: {message}")

    def perform(self, step: Step) -> None:
        """Do *step* with what the rule says, its fallback where something was left to decide."""
        match bind(step, self.catalogue, self.look):
            case Bound(args):
                self.send(step, args)
            case Unbound(reason):
                self.note(step, {}, EffectState.REFUSED, reason)

    def send(self, step: Step, args: Mapping[str, Any]) -> None:
        """Bring a call through the gates, and give it the result that the test says."""
        tool = self.catalogue[step.tool]
        if not tool.changes:
            self.results[step.name] = StepResult(StepState.DONE, self.case.results.get(step.name, {}))
            return
        policy = self.known.policy or Policy()
        verdict = gate(step, args, tool, self.look, policy, self.rule.mode)
        self.note(step, args, _STATES[verdict.outcome], verdict.reason, observed=verdict.outcome is Outcome.OBSERVE)

    def note(
        self, step: Step, args: Mapping[str, Any], state: EffectState, reason: str = "", *, observed: bool = False
    ) -> None:
        """Record an effect and what later steps see of it."""
        if self.catalogue[step.tool].changes:
            self.played.effects.append(Done(step.name, step.tool, args, state, reason))
        id_ = f"{step.name}-{len(self.played.effects)}"
        data = {"id": id_, **self.case.results.get(step.name, {})}
        if state is EffectState.DONE or observed:
            self.results[step.name] = StepResult(StepState.DONE, data, reason)
        elif state is EffectState.AWAITING_APPROVAL:
            self.results[step.name] = StepResult(StepState.WAITING, reason=reason)
        else:
            self.results[step.name] = StepResult(StepState.REFUSED, reason=reason)
