"""One agent run for one incident: what the rule leaves open goes to the model, and comes back as results of steps.

Called by ``path`` once everything that the decided steps need is done. From the model's word to bytes:

    ``agent.loop`` reads a turn and records it -> ``Executor`` here, for each call -> ``gateway.judge`` holds it against
    the grant -> ``perform.call`` asks the gates, as for the rule's own steps -> ``effects.Delivery`` sends it once

Whatever the model did not decide, the rule's fallback does: a run can't suppress a step that has one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from dutyd.act.agent import loop
from dutyd.act.agent.brief import EndKind
from dutyd.act.agent.clock import MonotonicClock
from dutyd.act.agent.journal import Stop, Turn
from dutyd.act.agent.model import Price
from dutyd.act.agent.prompt import brief_of
from dutyd.act.agent.tries import Answered, Failed
from dutyd.act.episode import Episode
from dutyd.act.gateway import Accepted, Bound, Call, Read, Rejected, judge, narrowed, offered, withheld
from dutyd.act.perform import call, perform, refuse
from dutyd.act.questions import answer_the_model
from dutyd.act.steps import TOO_LATE, StepResult, StepState, encode_result, may_start, not_chosen
from dutyd.core.model_use import ModelUse
from dutyd.core.rule import Rule
from dutyd.core.step import Budget, Step
from dutyd.core.tool import Tool, known_tool
from dutyd.ledger.claims import Hold
from dutyd.ledger.model_spend import NoRoom

NO_MODEL = "no_model"


async def ask_model(episode: Episode, steps: tuple[Step, ...]) -> Mapping[str, StepResult]:
    """Have the model decide *steps*, once per incident; return what became of each that could begin."""
    if not episode.claim.run:
        ended = await _run(episode, steps)
        if ended == EndKind.FINISHED:
            await _note_not_chosen(episode, steps)
        episode.saw(await episode.means.ledger.incidents.note_run(episode.claim, ended))
        episode.claim = replace(episode.claim, run=ended)
    if episode.lease.cleared.is_set():
        return {}
    rest = [step for step in steps if step.name not in episode.results]
    free = [step for step in rest if may_start(step, episode.rule.steps, episode.results)]
    return {step.name: await _fall_back(episode, step) for step in free}


async def _note_not_chosen(episode: Episode, steps: tuple[Step, ...]) -> None:
    """Remember which of *steps* the model left alone, where no fallback does them all the same."""
    held_back = withheld(narrowed(episode.rule, steps), episode.means.catalogue, episode.look)
    for step in not_chosen(steps, episode.rule.steps, episode.results):
        if step.fallback is None and step.name not in held_back:
            result = episode.results[step.name] = StepResult(StepState.SKIPPED, reason="the model chose not to")
            name, said = episode.note_name(step.name), encode_result(result)
            episode.saw(await episode.means.ledger.incidents.note_step(episode.claim, name, said))


async def _run(episode: Episode, steps: tuple[Step, ...]) -> str:
    """Run the agent, or say why it can't be; return how it ended."""
    means, incidents = episode.means, episode.means.ledger.incidents
    if means.model is None:
        return NO_MODEL
    most = _at_most(episode.rule, means.model.price)
    reserved = await means.ledger.model_spend.reserve(episode.claim, most, means.policy.model)
    if isinstance(reserved, NoRoom):
        return reserved.limit
    grant = narrowed(episode.rule, _granted(episode, steps))
    functions = offered(grant, means.catalogue, episode.look)
    steps_done = {name: result for name, result in episode.results.items() if result.state is StepState.DONE}
    done = {name: shown(result, _tool(episode, name)) for name, result in steps_done.items()}
    brief = brief_of(episode.rule, episode.claim.id, episode.trigger.evidence, done, functions, episode.look)
    turns = [msgspec.json.decode(turn, type=Turn) for turn in await incidents.turns(episode.claim)]
    journal = LedgerJournal(episode, tuple(turns))
    end = await loop.run(brief, means.model, Executor(episode, grant).execute, journal, MonotonicClock(), means.chance)
    await means.ledger.model_spend.settle(episode.claim, reserved, ModelUse(end.tokens, end.usd or 0.0))
    return end.kind.value


def _at_most(rule: Rule, price: Price | None) -> ModelUse:
    """Return what a run of *rule* may take by its budget, each token at the dearer of the two prices."""
    budget = rule.agent.budget if rule.agent else Budget()
    if price is None:
        return ModelUse(budget.tokens)
    usd = max(price.of(budget.tokens, 0), price.of(0, budget.tokens))
    return ModelUse(budget.tokens, usd if budget.usd is None else min(usd, budget.usd))


def _granted(episode: Episode, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return *steps* and those that this run had decided before a crash: it is played again from its first turn."""
    off = (StepState.SKIPPED, StepState.STOPPED)
    before = {name for name, result in episode.results.items() if result.state not in off}
    return tuple(step for step in episode.rule.steps.values() if step.decide and (step in steps or step.name in before))


async def _fall_back(episode: Episode, step: Step) -> StepResult:
    """Do what the rule says where the model did not decide."""
    if step.fallback is not None:
        return await perform(episode, step, by="fallback")
    if why := withheld(narrowed(episode.rule, (step,)), episode.means.catalogue, episode.look):
        return await refuse(episode, step, why[step.name])
    ended = episode.claim.run
    return await refuse(episode, step, TOO_LATE if ended == EndKind.FINISHED else ended)


@dataclass(frozen=True, slots=True)
class LedgerJournal:
    """The turns of one run, in the ledger (``agent.journal.Journal``)."""

    episode: Episode
    turns: Sequence[Turn]

    async def record(self, turn: Turn) -> Stop | None:
        """Store *turn* before anything of it is done."""
        episode = self.episode
        hold = await episode.means.ledger.incidents.note_turn(episode.claim, msgspec.json.encode(turn))
        episode.saw(hold)
        return Stop() if hold is Hold.CLEARED else None


@dataclass(frozen=True, slots=True)
class Executor:
    """Judges the model's calls and does what is granted.

    Attributes:
        grant: the rule with only the steps that this run may decide.

    """

    episode: Episode
    grant: Rule

    async def execute(self, asked: Call) -> Answered | Failed | Stop:
        """Do one call; return what the model is told of it."""
        episode = self.episode
        if episode.lease.cleared.is_set():
            return Stop()
        known = episode.results.get(asked.name)
        if known is not None and asked.name in self.grant.steps:
            return Answered(_said(known, _tool(episode, asked.name)))
        match judge(self.grant, episode.means.catalogue, asked, episode.look):
            case Accepted(step, args):
                return await self._decide(step, Bound(args))
            case Read(tool, args):
                result = await answer_the_model(episode, tool, args)
                told = _said(result, tool)
                return Failed(told) if result.state is StepState.FAILED else Answered(told)
            case Rejected(message):
                incidents = episode.means.ledger.incidents
                episode.saw(await incidents.note_rejected(episode.claim, asked.id, f"{asked.name}: {message}"))
                return Failed(f"Rejected: {message}")

    async def _decide(self, step: Step, bound: Bound) -> Answered | Failed:
        episode = self.episode
        missing = sorted(name for name in step.after if name not in episode.results)
        if missing:
            return Failed(f"Rejected: decide {', '.join(missing)} first")
        if not may_start(step, episode.rule.steps, episode.results):
            return Failed("Rejected: what it needs is not done yet; leave it, it can't be decided in this run")
        result = episode.results[step.name] = await call(episode, step, bound, by="model")
        return Answered(_said(result, _tool(episode, step.name)))


RECEIPT = frozenset(("id", "url", "number", "status"))
"""What the model sees of an effect's receipt: a provider's answer may repeat what it was sent, and with it fields of
the event that the rule does not name."""


def shown(result: StepResult, tool: Tool) -> dict[str, object]:
    """Return what the model sees of a step's result: of a question all, of an effect what it can be found by."""
    if not tool.changes:
        return dict(result.data)
    many = result.data.get("results")
    of_items = (
        {"results": [_receipt(each) for each in many if isinstance(each, Mapping)]} if isinstance(many, list) else {}
    )
    return _receipt(result.data) | of_items


def _receipt(data: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in data.items() if name in RECEIPT}


def _tool(episode: Episode, step: str) -> Tool:
    return known_tool(episode.accepted.steps[step].tool, episode.means.catalogue)


def _said(result: StepResult, tool: Tool) -> str:
    said: dict[str, object] = {"state": result.state.value, **shown(result, tool)}
    if result.reason:
        said["reason"] = result.reason
    return msgspec.json.encode(said).decode()
