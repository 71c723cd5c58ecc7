"""One agent run for one incident: what the rule leaves open goes to the model, and comes back as results of steps.

Called by ``path`` once everything that the decided steps need is done. The model's calls pass the gateway here and
then take the same road as the rule's own steps (``perform``); turns are in the ledger before anything of theirs
starts. Whatever the model did not decide, the rule's fallback does: a run can't suppress a step that has one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from dutyd.act.agent import loop
from dutyd.act.agent.clock import MonotonicClock
from dutyd.act.agent.journal import Stop, Turn
from dutyd.act.agent.model import Model
from dutyd.act.agent.prompt import task_of
from dutyd.act.agent.task import EndKind
from dutyd.act.episode import Episode
from dutyd.act.gateway import Accepted, Bound, Call, Read, Rejected, judge, narrowed, offered
from dutyd.act.perform import call, perform, read, refuse
from dutyd.act.steps import StepResult, StepState
from dutyd.core.rule import Rule, Step
from dutyd.ledger.incidents import Claim, Hold, Incidents

NO_MODEL = "no_model"


async def ask_model(episode: Episode, steps: tuple[Step, ...]) -> Mapping[str, StepResult]:
    """Have the model decide *steps*, once per incident; return what became of each."""
    model, ended = episode.means.model, episode.claim.run
    if not ended:
        ended = await _run(episode, model, steps) if model is not None else NO_MODEL
        episode.saw(await episode.means.ledger.incidents.note_run(episode.claim, ended))
    if episode.lease.cleared.is_set():
        return {}
    return {step.name: await _fall_back(episode, step, ended) for step in steps if step.name not in episode.results}


async def _run(episode: Episode, model: Model, steps: tuple[Step, ...]) -> str:
    grant = narrowed(episode.rule, steps)
    functions = offered(grant, episode.means.catalogue, episode.look)
    done = {name: dict(result.data) for name, result in episode.results.items() if result.state is StepState.DONE}
    task = task_of(episode.rule, episode.claim.id, episode.trigger.evidence, done, functions, episode.look)
    incidents = episode.means.ledger.incidents
    turns = [msgspec.json.decode(turn, type=Turn) for turn in await incidents.turns(episode.claim.id)]
    journal = LedgerJournal(incidents, episode.claim, episode, tuple(turns))
    executor = Executor(episode, grant)
    end = await loop.run(task, model, executor.execute, journal, MonotonicClock())
    return end.kind.value


async def _fall_back(episode: Episode, step: Step, ended: str) -> StepResult:
    """Do what the rule says where the model did not decide."""
    if step.fallback is not None:
        return await perform(episode, step, by="fallback")
    if ended == EndKind.FINISHED:
        return StepResult(StepState.SKIPPED, reason="the model chose not to")
    return await refuse(episode, step, ended)


@dataclass(frozen=True, slots=True)
class LedgerJournal:
    """The turns of one run, in the ledger (``agent.journal.Journal``)."""

    incidents: Incidents
    claim: Claim
    episode: Episode
    turns: Sequence[Turn]

    async def record(self, turn: Turn) -> Stop | None:
        """Store *turn* before anything of it is done."""
        hold = await self.incidents.note_turn(self.claim, msgspec.json.encode(turn))
        self.episode.saw(hold)
        return Stop() if hold is Hold.CLEARED else None


@dataclass(frozen=True, slots=True)
class Executor:
    """Judges the model's calls and does what is granted.

    Attributes:
        grant: the rule with only the steps that this run may decide.

    """

    episode: Episode
    grant: Rule

    async def execute(self, asked: Call) -> str | Stop:
        """Do one call; return what the model is told."""
        episode = self.episode
        if episode.lease.cleared.is_set():
            return Stop()
        match judge(self.grant, episode.means.catalogue, asked, episode.look):
            case Accepted(step, args):
                return await self._decide(step, Bound(args))
            case Read(tool, args):
                return _said(await read(episode, tool, args))
            case Rejected(message):
                incidents = episode.means.ledger.incidents
                episode.saw(await incidents.note_rejected(episode.claim, asked.id, f"{asked.name}: {message}"))
                return f"Rejected: {message}"

    async def _decide(self, step: Step, bound: Bound) -> str:
        episode = self.episode
        missing = sorted(name for name in step.after if name not in episode.results)
        if missing:
            return f"Rejected: decide {', '.join(missing)} first"
        known = episode.results.get(step.name)
        if known is None:
            known = episode.results[step.name] = await call(episode, step, bound, by="model")
        return _said(known)


def _said(result: StepResult) -> str:
    said: dict[str, object] = {"state": result.state.value, **result.data}
    if result.reason:
        said["reason"] = result.reason
    return msgspec.json.encode(said).decode()
