"""Act on one incident without the world: the real step graph and gates, with a recorder in place of providers.

``desk`` makes an ``Actor`` for each opening. What a rule test says of the model and of tools' answers is its
``Script``; without one the model is down and tools answer nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from dutyd.act.each import Item, items_of, together
from dutyd.act.gateway import Accepted, Bound, Call, Outcome, Rejected, Unbound, bind, gate, judge, narrowed
from dutyd.act.names import names_of
from dutyd.act.steps import StepResult, StepState, skipped, waves
from dutyd.core.expr import Look, look_with
from dutyd.core.incident import EffectState, Trigger
from dutyd.core.money import Money
from dutyd.core.policy import Policy
from dutyd.core.rule import Rule
from dutyd.core.step import Step
from dutyd.core.tool import ANSWER, Catalogue, known_tool
from dutyd.rules.known import Known
from dutyd.rules.rehearsal.hostile import hostile_calls

_STATES = {
    Outcome.SEND: EffectState.DONE,
    Outcome.ASK: EffectState.AWAITING_APPROVAL,
    Outcome.REFUSE: EffectState.REFUSED,
    Outcome.OBSERVE: EffectState.REFUSED,
}

Decisions = Mapping[str, Mapping[str, Any]]
"""Step to names and values: what the model decides, or what a call gives."""


@dataclass(frozen=True, slots=True)
class Script:
    """What others would have said.

    Attributes:
        model: step to the arguments that the model decides; None: the model is down.
        hostile: whether the model does its worst instead.
        results: step to what its call gives, for reading tools and for ids.

    """

    model: Decisions | None = None
    hostile: bool = False
    results: Decisions = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """An effect that came as far as *state*: what it was, why it went no further, and what it would cost."""

    step: str
    tool: str
    args: Mapping[str, Any]
    state: EffectState
    reason: str = ""
    spent: Money | None = None


@dataclass(slots=True)
class Actor:
    """The work on one incident: ``act.path`` without ledger, providers and model.

    Attributes:
        effects: what was done, in order.
        said: what the gateway told the model where it refused.
        runs: how often the model was asked.
        results: what became of each step of this round.
        earlier: the same of the rounds before.
        summary: replaces the rule's summary, on a page for many.
        item: the one that a step with ``each`` is done for now.

    """

    rule: Rule
    known: Known
    trigger: Trigger
    script: Script
    effects: list[Done] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    runs: int = 0
    results: dict[str, StepResult] = field(default_factory=dict)
    earlier: list[dict[str, StepResult]] = field(default_factory=list)
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
        return self.known.catalogue

    def act(self) -> None:
        """Do what the rule orders: plain steps first, then what is decided, then what follows from it."""
        for now in waves(self, self.rule.steps):
            for step in now.plain:
                self.perform(step)
            if not now.plain:
                self.decide(now.decided)

    def page(self, summary: str, steps: Iterable[str]) -> None:
        """Do only *steps*, with another summary."""
        self.summary = summary
        for name in steps:
            self.perform(self.rule.steps[name])

    def renew(self, trigger: Trigger) -> None:
        """Turn to a further round, on what is seen now: ``act`` does it all again."""
        if self.results:
            self.earlier.append(self.results)
        self.results, self.trigger = {}, trigger

    def clear(self, trigger: Trigger) -> None:
        """Do what the rule orders when it clears, for each round that did something; what waits is off."""
        self.trigger = trigger
        for results in (*self.earlier, self.results):
            if results is self.results or any(result.state is StepState.DONE for result in results.values()):
                self.take_back(results)

    def take_back(self, results: dict[str, StepResult]) -> None:
        """Run ``on_clear`` on what one round did."""
        never = StepResult(StepState.SKIPPED, reason="cleared")
        some = {name for name, result in results.items() if result.data.get("results") and self.rule.steps[name].each}
        done = {name: result for name, result in results.items() if result.ended and name not in some}
        done |= {name: StepResult(StepState.DONE, results[name].data) for name in some}
        self.results = {**dict.fromkeys(self.rule.steps, never), **done}
        for now in waves(self, {**self.rule.steps, **self.rule.on_clear}):
            for step in now.plain:
                self.perform(step)

    def decide(self, steps: tuple[Step, ...]) -> None:
        """Take the scripted decisions in the order of the script, then the fallbacks of what is left."""
        self.runs += 1
        grant = narrowed(self.rule, steps)
        for name, decided in self.asked(steps):
            self.call(grant, name, decided)
        for step in steps:
            if step.name in self.results:
                continue
            if step.fallback is not None:
                self.perform(step)
            elif self.script.model is None and not self.script.hostile:
                self.note(step, {}, EffectState.REFUSED, "no_model")
            else:
                self.results[step.name] = StepResult(StepState.SKIPPED, reason="the model chose not to")

    def asked(self, steps: tuple[Step, ...]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield what the model asks for: function and arguments."""
        if self.script.hostile:
            for step in steps:
                yield from hostile_calls(step, self.look)
            return
        names = {step.name for step in steps}
        yield from ((name, decided) for name, decided in (self.script.model or {}).items() if name in names)

    def call(self, grant: Rule, name: str, decided: Mapping[str, Any]) -> None:
        """Do one call of the scripted model, if the gateway lets it."""
        asked = Call("", name, msgspec.json.encode(decided).decode())
        match judge(grant, self.catalogue, asked, self.look):
            case Accepted(step, args) if step.name not in self.results:
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
                self.note(step, {}, EffectState.REFUSED, reason)

    def perform_each(self, step: Step) -> None:
        """Do *step* for each item of its list."""
        items = items_of(step, self.look)
        if isinstance(items, str):
            self.note(step, {}, EffectState.REFUSED, items)
            return
        results: list[tuple[Item, StepResult]] = []
        for item in items:
            self.item = item
            found = skipped(step, self.look)
            if found is None:
                self.perform(step)
                found = self.results.pop(step.name)
            results.append((item, found))
            self.item = None
        self.results[step.name] = together(results)

    def send(self, step: Step, args: Mapping[str, Any]) -> None:
        """Bring a call through the gates, and give it the result that the test says."""
        tool = known_tool(step.tool, self.catalogue)
        if tool is ANSWER:
            self.results[step.name] = StepResult(StepState.DONE, args)
            return
        if not tool.changes:
            self.results[step.name] = StepResult(StepState.DONE, self.script.results.get(step.name, {}))
            return
        policy = self.known.policy or Policy()
        verdict = gate(step, args, tool, self.look, policy, self.rule.mode)
        self.note(step, args, _STATES[verdict.outcome], verdict.reason, observed=verdict.outcome is Outcome.OBSERVE)

    def note(
        self, step: Step, args: Mapping[str, Any], state: EffectState, reason: str = "", *, observed: bool = False
    ) -> None:
        """Record an effect and what later steps see of it."""
        tool = known_tool(step.tool, self.catalogue)
        if tool.changes:
            refused = state is EffectState.REFUSED
            spent = None if refused or tool.spends is None else tool.spends(tool.args.model_validate(args))
            self.effects.append(Done(step.name, step.tool, args, state, reason, spent))
        id_ = f"{step.name}-{len(self.effects)}"
        data = {"id": id_, **self.script.results.get(step.name, {})}
        if state is EffectState.DONE or observed:
            self.results[step.name] = StepResult(StepState.DONE, data, reason)
        elif state is EffectState.AWAITING_APPROVAL:
            self.results[step.name] = StepResult(StepState.WAITING, reason=reason)
        else:
            self.results[step.name] = StepResult(StepState.REFUSED, reason=reason)
