"""One claimed incident in work: its rule, its newest evidence, and what became of each step so far.

Nothing is remembered between claims but the ledger: ``recall`` takes up what stands there, so that a crash and a retry
are the same thing. ``path`` works with it, ``perform`` and ``run`` do single steps with it.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dutyd.act.each import Item, items_of, to_take_back, together, waited_for
from dutyd.act.effects import Delivery, Instead, result_of
from dutyd.act.gateway import Gate, Outcome, gate
from dutyd.act.lease import Lease
from dutyd.act.means import Means
from dutyd.act.names import names_of
from dutyd.act.steps import StepResult, StepState, recall_result
from dutyd.core.expr import Look, look_with
from dutyd.core.incident import EffectState, IncidentState, Trigger, effect_key, item_of, round_of, round_suffix
from dutyd.core.mute import Mute
from dutyd.core.rule import Rule
from dutyd.core.step import IfUnsure, Step
from dutyd.core.tool import known_tool
from dutyd.ledger.claims import Claim, Hold, Waiting
from dutyd.ledger.effects import Effect, LostError


@dataclass(frozen=True, slots=True)
class Rest:
    """How an incident is given back.

    Attributes:
        waiting: what it waits for.
        due: seconds until it should be worked again; None: not by itself.
        close: whether nothing more will happen.
        mute: what it waits for where that is the end of a mute.

    """

    waiting: Waiting = Waiting.NOTHING
    due: float | None = None
    close: bool = False
    mute: Mute | None = None


@dataclass(slots=True)
class Episode:
    """The work on one claim.

    Attributes:
        accepted: the rule as it was accepted: what the ledger may know of.
        rule: the tighter of the accepted and the current rule: what may be done.
        trigger: the newest: the opening, or the clear.
        summary: replaces the rule's summary (roll-up pages).
        results: what became of each step of this round so far.
        round: which one this is.
        earlier: what became of sends of other rounds.
        item: the one that a step with ``each`` is done for now.
        items: step to name of an item to what became of it.

    """

    means: Means
    claim: Claim
    lease: Lease
    accepted: Rule
    rule: Rule
    trigger: Trigger
    summary: str | None = None
    results: dict[str, StepResult] = field(default_factory=dict)
    round: int = 1
    earlier: list[StepResult] = field(default_factory=list)
    item: Item | None = None
    items: dict[str, dict[str, StepResult]] = field(default_factory=dict)

    @property
    def look(self) -> Look:
        """The names that expressions read, with the results so far."""
        look = names_of(self.rule, self.trigger, self.results, summary=self.summary)
        return look if self.item is None else look_with("item", self.item.value, look)

    @property
    def begun(self) -> bool:
        """Whether something became of a step of this round."""
        return bool(self.results or self.items)

    def waits_for(self, steps: Iterable[str]) -> bool:
        """Whether one of *steps* was begun and has not ended."""
        return any(self.results[name].state is StepState.WAITING for name in steps if name in self.results)

    def of_item(self, item: Item | None) -> "Episode":
        """Return the same work, on one item of a step's list."""
        return replace(self, item=item)

    @property
    def suffix(self) -> str:
        """What names of things of this round end with."""
        return round_suffix(self.round)

    def key(self, step: str, *, clear: bool = False) -> str:
        """Return the effect key of *step* in this round."""
        item = None if self.item is None else self.item.name
        return effect_key(self.claim.id, step, clear=clear, item=item, round_=self.round)

    def note_name(self, step: str) -> str:
        """Return the name under which the ledger notes the result of *step* in this round."""
        return self.key(step).removeprefix(f"{self.claim.id}/")

    async def recall(self, *, clear: bool = False, again: "Reread | None" = None) -> None:
        """Take up what the ledger remembers of this round: ended results as they are, the others as far as they go.

        What a call that was approved since depends on is read *again*: its gates are asked by what is true now.
        """
        known = self.accepted.on_clear if clear else self.accepted.steps
        if not clear:
            self.items.clear()
        noted = await self.means.ledger.incidents.steps(self.claim.id)
        self.results.update({name: recall_result(noted[at]) for name in known if (at := name + self.suffix) in noted})
        self._recall_noted_items(known, noted)
        for effect in await self.means.ledger.effects.of(self.claim.id):
            if effect.step not in known:
                continue
            step = known[effect.step]
            view = self.of_item(self._item_of(effect, step))
            if effect.key != view.key(step.name, clear=clear):
                continue
            self._remember(step, view.item, await view.take_up(effect, step, again))
        if self.claim.state is IncidentState.CLEARING and not clear:
            for name in self.items.keys() & known.keys():
                self._settle_items(known[name], self.items[name])

    def _settle_items(self, step: Step, begun: Mapping[str, StepResult]) -> None:
        """Make one result of what was begun of *step*: after a clear other items are off.

        Not those that outlive it, and not what such a step may need to know.
        """
        listed = items_of(step, self.look)
        items = {item.name: item for item in listed} if isinstance(listed, list) else {}
        tool = known_tool(step.tool, self.means.catalogue)
        late = (tool.outlives_clear or not tool.changes) and self.round == self.claim.trigger.round
        if not (late and items.keys() - begun.keys()):
            kept = [(items.get(name, Item(name, name)), one) for name, one in begun.items()]
            self.results[step.name] = to_take_back(kept) if tool.changes else together(kept)

    def _remember(self, step: Step, item: Item | None, result: StepResult) -> None:
        if item is None:
            self.results[step.name] = result
        else:
            self.items.setdefault(step.name, {})[item.name] = result

    def _recall_noted_items(self, known: Mapping[str, Step], noted: Mapping[str, bytes]) -> None:
        for name, value in noted.items():
            step, item = known.get(name.partition("/i:")[0]), item_of(name)
            if step is not None and item is not None and round_of(name) == self.round:
                self._remember(step, Item(item, item), recall_result(value))

    def _item_of(self, effect: Effect, step: Step) -> Item | None:
        """Return the item that *effect* is for, with its value where the list has it now."""
        name = item_of(effect.key)
        if name is None:
            return None
        items = items_of(step, self.look)
        return next((item for item in items if isinstance(item, Item) and item.name == name), Item(None, name))

    async def settle_earlier(self) -> None:
        """Of the rounds before this one, settle what was sent; what was not is off."""
        if self.round == 1:
            return
        for effect in await self.means.ledger.effects.of(self.claim.id):
            step = self.accepted.steps.get(effect.step)
            if effect.clear or effect.state.ended or step is None or round_of(effect.key) >= self.round:
                continue
            effect = await self._doubted(effect)  # noqa: PLW2901  # as it is now
            if effect.state in (EffectState.RESERVED, EffectState.AWAITING_APPROVAL):
                why = f"round {self.round} began"
                await self.means.ledger.effects.regate(self.claim, effect, EffectState.REFUSED, why)
            else:
                self.earlier.append(await self.sender(self._allowed(effect) or step, self._gone(effect)).go_on(effect))

    async def rounds(self) -> list[int]:
        """Return the rounds in which something was done, and this one."""
        effects = await self.means.ledger.effects.of(self.claim.id)
        done = {round_of(effect.key) for effect in effects if effect.state is EffectState.DONE and not effect.clear}
        return sorted(done | {self.round})

    async def take_up(self, effect: Effect, step: Step, again: "Reread | None" = None) -> StepResult:
        """Bring one remembered effect on, through its gates again where it is not sent yet."""
        if effect.state.ended:
            return result_of(effect)
        approved = effect.approved and effect.state is EffectState.RESERVED
        unread = await again(self, step) if again is not None and approved else None
        if unread is not None and unread.state is StepState.WAITING:
            return unread
        effect = await self._doubted(effect)
        now = self._regated(effect) if unread is None else Instead(EffectState.REFUSED, unread.reason)
        if now is not None and effect.state in (EffectState.RESERVED, EffectState.AWAITING_APPROVAL):
            await self.means.ledger.effects.regate(self.claim, effect, now.state, now.reason)
            effect = await self.means.ledger.effects.get(effect.key)
        if effect.state.ended:
            return result_of(effect)
        return await self.sender(self._allowed(effect) or step, now).go_on(effect)

    async def _doubted(self, effect: Effect) -> Effect:
        """Return *effect* as one that may have been sent, where a loss of the ledger may have taken that along."""
        if effect.state is EffectState.RESERVED and self.claim.predates:
            return await self.means.ledger.effects.doubt(self.claim, effect.key)
        return effect

    def _allowed(self, effect: Effect) -> Step | None:
        """Return the step of *effect* as it may be done now; None: it may not."""
        return (self.rule.on_clear if effect.clear else self.rule.steps).get(effect.step)

    def _gone(self, effect: Effect) -> Instead | None:
        """Return what becomes of *effect* where its step is gone; None where it is there."""
        if self._allowed(effect) is not None:
            return None
        return Instead(EffectState.REFUSED, f"step '{effect.step}' is no longer in the rule")

    def gate(self, step: Step, args: Mapping[str, Any]) -> Gate:
        """Return what the gates say to *step*'s call with *args* now; one that has nowhere to go is refused."""
        tool = self.means.catalogue[step.tool]
        if missing := self.means.providers[tool.family].missing(tool, args):
            return Gate(Outcome.REFUSE, missing)
        return gate(step, args, tool, self.look, self.means.policy, self.rule.mode)

    def _regated(self, effect: Effect) -> Instead | None:
        """Return what the gates make of *effect* now, as far as it is not sent; None: it stays as it is."""
        allowed = self._allowed(effect)
        if allowed is None:
            return self._gone(effect)
        now = self.gate(allowed, effect.args)
        if now.outcome is Outcome.REFUSE:
            return Instead(EffectState.REFUSED, now.reason)
        if now.outcome is Outcome.OBSERVE:
            return Instead(EffectState.REFUSED, "observe")
        asked = effect.approved or effect.state is EffectState.AWAITING_APPROVAL
        return Instead(EffectState.AWAITING_APPROVAL, now.reason) if now.outcome is Outcome.ASK and not asked else None

    def sender(self, step: Step, instead: Instead | None = None) -> Delivery:
        """Return who sends *step*'s effects; *instead*: what becomes of those that would be sent again."""
        return self.sender_of(step.tool, step.if_unsure, instead)

    def sender_of(self, name: str, if_unsure: IfUnsure, instead: Instead | None = None) -> Delivery:
        """Return who sends effects of the tool called *name*."""
        tool = self.means.catalogue[name]
        return Delivery(
            self.means.ledger.effects,
            self.claim,
            self.lease,
            tool,
            self.means.providers[tool.family],
            if_unsure,
            pause=self.means.pause,
            approval=self.means.waits.approval,
            instead=instead,
        )

    def saw(self, hold: Hold) -> None:
        """Take in what the ledger said of our claim.

        Raises:
            LostError: another worker has it.

        """
        self.lease.saw(hold)
        if hold is Hold.LOST:
            raise LostError(self.claim.id)

    def rest(self, *, close: bool = False) -> Rest:
        """Return when it should be looked at again: the earliest of what its steps wait for; else it may be closed."""
        waiting = [result for result in (*self.results.values(), *self.earlier) if result.state is StepState.WAITING]
        if not waiting:
            return Rest(close=close)
        first, due = waited_for(waiting)
        return Rest(Waiting(first), due)


Reread = Callable[[Episode, Step], Awaitable[StepResult | None]]
"""Reads anew what a step needs to know; None: that is known, else what its call comes to without."""
