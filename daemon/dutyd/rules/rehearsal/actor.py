"""Act on one incident without the world: the real step graph and gates, with a recorder in place of providers.

``desk`` makes an ``Actor`` for each opening; what others say comes from its ``PaperMeans``. It is ``act.path``,
``perform`` and ``effects`` on paper: what these remember in the ledger, this keeps in ``results``.
``tests/integration/rules/test_desk.py`` holds both against each other.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from dutyd.act.each import Item, items_of, to_take_back, together
from dutyd.act.effects import OBSERVED
from dutyd.act.gateway import Accepted, Bound, Call, Gate, Outcome, Rejected, Unbound, bind, gate, judge, narrowed
from dutyd.act.many import questions_of
from dutyd.act.names import names_of
from dutyd.act.steps import TOO_LATE, StepResult, StepState, may_start, not_chosen, skipped, waves
from dutyd.core.expr import Look, look_with
from dutyd.core.incident import EffectState, Trigger
from dutyd.core.money import Money
from dutyd.core.rule import Rule
from dutyd.core.step import Step
from dutyd.core.tool import ANSWER, Catalogue, known_tool
from dutyd.ledger.claims import Waiting
from dutyd.rules.rehearsal.hostile import hostile_calls
from dutyd.rules.rehearsal.paper_means import PaperMeans

UNSENT = frozenset((EffectState.RESERVED, EffectState.AWAITING_APPROVAL))


@dataclass(frozen=True, slots=True)
class Done:
    """An effect that came as far as *state*.

    Attributes:
        reason: why it went no further.
        spent: what it would cost; None: nothing.
        at: when it was frozen, seconds since the epoch.
        round: in which round.
        item: the one that it is for, of a step with ``each``.

    """

    step: str
    tool: str
    args: Mapping[str, Any]
    state: EffectState
    reason: str = ""
    spent: Money | None = None
    at: float = 0.0
    round: int = 1
    item: Item | None = None


@dataclass(slots=True)
class Round:
    """What became of one round's steps, and of the items of those that have some."""

    number: int
    results: dict[str, StepResult] = field(default_factory=dict)
    items: dict[str, dict[str, tuple[Item, StepResult]]] = field(default_factory=dict)


@dataclass(slots=True)
class Actor:
    """The work on one incident.

    Attributes:
        effects: what was done, in order.
        said: what the gateway told the model where it refused.
        asked: when the model was asked, seconds since the epoch.
        results: what became of each step of this round.
        items: the same of each item, of steps that have some.
        earlier: the rounds before.
        number: of this round.
        ran: whether the model was asked in this round.
        clearing: whether it is about to take back what was done.
        summary: replaces the rule's summary, on a page for many.
        item: the one that a step with ``each`` is done for now.

    """

    rule: Rule
    means: PaperMeans
    trigger: Trigger
    effects: list[Done] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)
    results: dict[str, StepResult] = field(default_factory=dict)
    items: dict[str, dict[str, tuple[Item, StepResult]]] = field(default_factory=dict)
    earlier: list[Round] = field(default_factory=list)
    number: int = 1
    clearing: bool = False
    ran: bool = False
    summary: str | None = None
    item: Item | None = None

    @property
    def look(self) -> Look:
        """The names that its expressions read now."""
        look = names_of(self.rule, self.trigger, self.results, summary=self.summary)
        return look if self.item is None else look_with("item", self.item.value, look)

    @property
    def catalogue(self) -> Catalogue:
        """Every tool."""
        return self.means.known.catalogue

    @property
    def waits(self) -> bool:
        """Whether one of its effects is not sent yet."""
        return any(done.state in UNSENT for done in self.effects)

    @property
    def expires(self) -> float:
        """When the first approval that it waits for is over; infinite: it waits for none."""
        asked = [done.at for done in self.effects if done.state is EffectState.AWAITING_APPROVAL]
        return min(asked, default=math.inf) + self.means.script.lifetime

    def act(self) -> None:
        """Do what the rule orders: plain steps first, then what is decided, then what follows from it."""
        for now in waves(self, self.rule.steps):
            for step in now.plain:
                self.perform(step)
            if not now.plain:
                self.decide(now.decided)

    def page(self, summary: str, steps: Sequence[str]) -> None:
        """Do only *steps*, and what they ask, with another summary."""
        self.summary = summary
        for now in waves(self, questions_of(steps, self.rule.steps, self.catalogue)):
            for step in now.plain:
                self.perform(step)
        for name in steps:
            self.perform(self.rule.steps[name])

    def renew(self, trigger: Trigger) -> None:
        """Turn to a further round, on what is seen now: ``act`` does it all again."""
        if self.results:
            self.earlier.append(Round(self.number, self.results, self.items))
        self.results, self.items, self.trigger, self.number = {}, {}, trigger, trigger.round
        self.ran = False

    def settle_earlier(self) -> None:
        """What earlier rounds have not sent is off."""
        for at, done in enumerate(self.effects):
            if done.state in UNSENT and done.round < self.number:
                self.refuse(at, f"round {self.number} began")

    def clear(self, trigger: Trigger) -> None:
        """Do what the rule orders when it clears, for each round that did something; what waits is off."""
        for at, done in enumerate(self.effects):
            late = done.state is EffectState.RESERVED and known_tool(done.tool, self.catalogue).outlives_clear
            if done.state in UNSENT and not late:
                self.refuse(at, "cleared")
        self.settle_earlier()
        if self.waits:
            return
        self.trigger, self.clearing = trigger, True
        did = {done.round for done in self.effects if done.state is EffectState.DONE}
        for each in (*(one for one in self.earlier if one.number in did), Round(self.number, self.results, self.items)):
            self.take_back(each)

    def take_back(self, done: Round) -> None:
        """Run ``on_clear`` on what one round did."""
        never = StepResult(StepState.REFUSED, reason="cleared")
        told = {StepState.DONE, StepState.REFUSED, StepState.FAILED}  # what the ledger remembers
        kept = {name: result for name, result in done.results.items() if result.state in told}
        for name, items in done.items.items():
            if begun := [pair for pair in items.values() if pair[1].state is not StepState.SKIPPED]:
                kept[name] = to_take_back(begun)
        self.number, self.items = done.number, {}
        self.results = {**dict.fromkeys(self.rule.steps, never), **kept}
        for now in waves(self, {**self.rule.steps, **self.rule.on_clear}):
            for step in now.plain:
                self.perform(step)

    def expire(self) -> None:
        """Take what nobody has approved in time as denied."""
        for at, done in enumerate(self.effects):
            if done.state is EffectState.AWAITING_APPROVAL and done.at + self.means.script.lifetime <= self.means.now:
                self.refuse(at, "approval expired")

    def refuse(self, at: int, why: str) -> None:
        """End the effect number *at*, which was not sent."""
        done = self.effects[at]
        self.effects[at] = replace(done, state=EffectState.REFUSED, reason=why)
        self.means.release(self.rule.id, done.spent, done.at)
        result = StepResult(StepState.REFUSED, reason=why)
        if done.round == self.number and done.item is None:
            self.results[done.step] = result
        elif done.round == self.number and done.item is not None:
            self.items[done.step][done.item.name] = (done.item, result)
            self.results[done.step] = together(list(self.items[done.step].values()))

    def decide(self, steps: tuple[Step, ...]) -> None:
        """Take the scripted decisions in the order of the script, once a round, then the fallbacks of what is left."""
        script = self.means.script
        no_model = script.model is None and not script.hostile
        if not self.ran:
            self.ran = True
            self.asked.append(self.means.now)
            grant = narrowed(self.rule, steps)
            for name, decided in self.calls(steps):
                self.call(grant, name, decided)
            for step in () if no_model else not_chosen(steps, self.rule.steps, self.results):
                if step.fallback is None:
                    self.results[step.name] = StepResult(StepState.SKIPPED, reason="the model chose not to")
        for step in [each for each in steps if each.name not in self.results]:
            if not may_start(step, self.rule.steps, self.results):
                continue
            if step.fallback is not None:
                self.perform(step)
            else:
                self.note(step, {}, Gate(Outcome.REFUSE, "no_model" if no_model else TOO_LATE))

    def calls(self, steps: tuple[Step, ...]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield what the model asks for: function and arguments."""
        if self.means.script.hostile:
            for step in steps:
                yield from hostile_calls(step, self.look)
            return
        names = {step.name for step in steps}
        decided = self.means.script.model or {}
        yield from ((name, args) for name, args in decided.items() if name in names)

    def call(self, grant: Rule, name: str, decided: Mapping[str, Any]) -> None:
        """Do one call of the scripted model, if the gateway lets it."""
        asked = Call("", name, msgspec.json.encode(decided).decode())
        match judge(grant, self.catalogue, asked, self.look):
            case Accepted(step, args) if step.name not in self.results and may_start(
                step, self.rule.steps, self.results
            ):
                self.send(step, args)
            case Rejected(message):
                self.said.append(f"{name}: {message}")

    def perform(self, step: Step) -> None:
        """Do *step* with what the rule says, its fallback where something was left to decide; once for each item."""
        if step.each is not None and self.item is None:
            self.perform_each(step)
            return
        match bind(step, self.catalogue, self.look):
            case Bound(args):
                self.send(step, args)
            case Unbound(reason):
                self.note(step, {}, Gate(Outcome.REFUSE, reason))

    def perform_each(self, step: Step) -> None:
        """Do *step* for each item of its list."""
        items = items_of(step, self.look)
        if isinstance(items, str):
            self.note(step, {}, Gate(Outcome.REFUSE, items))
            return
        results = self.items[step.name] = {}
        for item in items:
            self.item = item
            found = skipped(step, self.look)
            if found is None:
                self.perform(step)
                found = self.results.pop(step.name)
            results[item.name] = (item, found)
            self.item = None
        self.results[step.name] = together(list(results.values()))

    def send(self, step: Step, args: Mapping[str, Any]) -> None:
        """Bring a call through the gates, and give it the result that the script says."""
        tool = known_tool(step.tool, self.catalogue)
        if tool is ANSWER:
            self.results[step.name] = StepResult(StepState.DONE, args)
        elif not tool.changes:
            self.results[step.name] = StepResult(StepState.DONE, self.means.script.results.get(step.name, {}))
        else:
            self.note(step, args, gate(step, args, tool, self.look, self.means.policy, self.rule.mode))

    def note(self, step: Step, args: Mapping[str, Any], verdict: Gate) -> None:
        """Bring an effect as far as it comes after its gates: record it, and what later steps see of it."""
        tool = known_tool(step.tool, self.catalogue)
        if not tool.changes:
            self.results[step.name] = StepResult(StepState.REFUSED, reason=verdict.reason)
            return
        refused = verdict.outcome is Outcome.REFUSE
        spent = None if refused or tool.spends is None else tool.spends(tool.args.model_validate(args))
        state, reason = self.means.after_gates(self.rule.id, step.tool, spent, verdict)
        at = self.means.now
        self.effects.append(Done(step.name, step.tool, args, state, reason, spent, at, self.number, self.item))
        self.results[step.name] = self.result_of(step, self.effects[-1])

    def result_of(self, step: Step, done: Done) -> StepResult:
        """Return what later steps see of an effect."""
        if done.state is EffectState.DONE:
            id_ = f"{step.name}-{len(self.effects)}"
            return StepResult(StepState.DONE, {"id": id_, **self.means.script.results.get(step.name, {})})
        if done.reason == "observe":
            return StepResult(StepState.DONE, {"id": OBSERVED}, "observe")
        if done.state is EffectState.REFUSED:
            return StepResult(StepState.REFUSED, reason=done.reason)
        waiting = Waiting.APPROVAL if done.state is EffectState.AWAITING_APPROVAL else Waiting.PAUSED
        return StepResult(StepState.WAITING, reason=done.reason, waiting=waiting)
