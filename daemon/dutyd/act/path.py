"""ACT: triggers topic -> accept into the ledger, commit -> due incidents -> steps and decisions -> outcomes topic.

This is the screen to read: what happens to one claimed incident, from top to bottom. ``accept`` put it into the
ledger, ``worker`` claimed it under a lease and rests it with what comes back from here, ``outcomes`` tells the world.
"""

from dataclasses import replace

from dutyd.act import many
from dutyd.act.accept import alerting_steps, rules_of
from dutyd.act.episode import Episode, Rest
from dutyd.act.gateway import tighten
from dutyd.act.grouping import gathering_of, with_members
from dutyd.act.lease import Lease
from dutyd.act.leftovers import end_leftovers
from dutyd.act.means import Means
from dutyd.act.parallel import side_by_side
from dutyd.act.perform import perform
from dutyd.act.questions import read_again
from dutyd.act.run import ask_model
from dutyd.act.steps import StepResult, StepState, needed_by, waves
from dutyd.core.incident import IncidentState
from dutyd.core.limits import Group
from dutyd.core.rule import Mode, Rule, lowest
from dutyd.core.step import Step
from dutyd.core.tool import known_tool
from dutyd.ledger.claims import Claim, Hold, Waiting
from dutyd.ledger.effects import LostError
from dutyd.ledger.members import Formed

PARALLEL = 8
"""Steps of one incident that run at the same time."""

PAGES = ("storm", "rollup")
"""Kinds of incidents that are one page for many."""

SOON_SECONDS = 5.0

NO_PLACE = 3
"""As after so many tries an incident waits that found no place for its agent run, its plain steps done."""

TOLD_SECONDS = 0.1
"""How soon it is seen whether the outcomes topic knows a group."""


async def work(means: Means, claim: Claim, lease: Lease) -> Rest | None:
    """Bring one incident as far as it can be brought now; None: it was given back already, as a member of a group.

    Raises:
        LostError: another worker has it.
        NotReadyError: the world is not ready.

    """
    accepted = (await rules_of(means.rules, claim.trigger.digest, lost=claim.predates)).rules[claim.rule]
    rule = tighten(accepted, (await means.rules.current()).rules.get(claim.rule))
    if claim.braked:
        rule = replace(rule, mode=lowest(rule.mode, Mode.APPROVE))
    episode = Episode(means, claim, lease, accepted, rule, claim.trigger, round=claim.trigger.round)
    if claim.over:
        return await end_leftovers(episode)
    if claim.kind == "rollup":
        return await page_many(episode, many.ROLLUP, close=True)
    if accepted.group is not None and not claim.told:
        return await gather(episode, accepted.group)
    if claim.state is IncidentState.CLEARING:
        return await clear(episode)
    if claim.kind == "storm":
        return await page_many(episode, many.STORM, close=False)
    return await act(episode)


async def act(episode: Episode) -> Rest:
    """Do what the rule orders: plain steps first, then what the model decides, then what follows from it."""
    await episode.recall(again=read_again)
    await episode.settle_earlier()
    if not episode.begun and (muted := await _muted(episode)):
        return muted
    for now in waves(episode, episode.rule.steps):
        if episode.lease.cleared.is_set():
            break
        if now.plain:
            await _do_all(episode, now.plain)
        elif _soon(episode):
            break
        else:
            with episode.means.places.one(episode.rule.id) as free:
                if not free:
                    return Rest(Waiting.RETRY, episode.means.pause(NO_PLACE))
                episode.results.update(await ask_model(episode, now.decided))
    return episode.rest(close=episode.trigger.momentary)


async def gather(episode: Episode, group: Group) -> Rest | None:
    """Let a member join its group; of a group whose time has come, say who is in it, and begin."""
    claim, incidents = episode.claim, episode.means.ledger.incidents
    if claim.state is IncidentState.CLEARING:
        return Rest(close=True)  # nothing was done
    if muted := await _muted(episode):
        return muted
    if claim.kind != "group":
        hold = await incidents.join(claim, gathering_of(episode.accepted, group, claim.trigger))
        episode.saw(hold)
        return Rest(close=True) if hold is Hold.CLEARED else None
    members = await incidents.gathered(claim.id)
    if await incidents.form(claim, with_members(episode.accepted, group, claim.trigger, members)) is Formed.LOST:
        raise LostError(claim.id)
    return Rest(Waiting.RETRY, TOLD_SECONDS)


async def _muted(episode: Episode) -> Rest | None:
    """Return how an incident that has done nothing yet waits for the end of what mutes it; None where it may begin."""
    muting, written = episode.means.muting, (await episode.means.rules.current()).silences
    if episode.claim.kind in PAGES:
        members = await episode.means.ledger.incidents.members(episode.claim.id)
        mute = await muting.mute_of_many(episode.rule, members, written)
    else:
        mute = await muting.mute_of(episode.claim, _mutable(episode), written)
    return Rest(Waiting.MUTED, mute.until - muting.now(), mute=mute) if mute else None


async def _was_muted(episode: Episode) -> bool:
    """Return whether it was muted when it cleared."""
    if episode.claim.kind in PAGES:
        return False
    written = (await episode.means.rules.current()).silences
    return await episode.means.muting.was_muted(episode.claim, _mutable(episode), written)


def _mutable(episode: Episode) -> Rule:
    """Return the rule as it is held back: what explains a member of a group has held that member back."""
    return replace(episode.rule, inhibit=None) if episode.claim.kind == "group" else episode.rule


async def clear(episode: Episode) -> Rest:
    """After a clear: unsent effects are off, sent ones are settled, then ``on_clear`` runs, then it is closed.

    What is muted, or was when it cleared, and was not begun stays undone: it would have waited for a worker, too.
    """
    effects = episode.means.ledger.effects
    await effects.withdraw(episode.claim)
    await episode.recall(again=read_again)
    await episode.settle_earlier()
    if episode.begun or not (await _muted(episode) or await _was_muted(episode)):
        await _finish_late(episode)
    elif not await effects.of(episode.claim.id):  # of an earlier round
        return Rest(close=True)
    if (rest := episode.rest()).waiting:
        return rest
    last, results = episode.round, episode.results
    if episode.claim.kind != "group":  # a group's evidence is that of all its members, not of the last to clear
        episode.trigger = episode.claim.clear_trigger or episode.trigger
    for number in await episode.rounds():
        episode.earlier += episode.results.values()
        episode.round, episode.results = number, dict(results) if number == last else {}
        await _take_back(episode)
    return episode.rest(close=True)


async def _take_back(episode: Episode) -> None:
    """Run ``on_clear`` on what one round did."""
    await episode.recall()
    off = StepResult(StepState.REFUSED, reason="cleared")
    episode.results = {**dict.fromkeys(episode.accepted.steps, off), **episode.results}
    await episode.recall(clear=True, again=read_again)
    for now in waves(episode, {**episode.rule.steps, **episode.rule.on_clear}):
        await _do_all(episode, now.plain, clear=True)


async def _finish_late(episode: Episode) -> None:
    """Do what outlives the clear, with what it needs to know; every other step is off. No model is asked any more."""
    steps, catalogue = episode.rule.steps, episode.means.catalogue
    late = {step.name for step in steps.values() if known_tool(step.tool, catalogue).outlives_clear}
    wanted = late | {name for name in needed_by(late, steps) if not known_tool(steps[name].tool, catalogue).changes}
    off = StepResult(StepState.REFUSED, reason="cleared")
    episode.results = {**{name: off for name in episode.accepted.steps if name not in wanted}, **episode.results}
    for now in waves(episode, steps):
        for step in (*now.plain, *now.decided):
            episode.results[step.name] = await perform(episode, step, by="fallback" if step.decide else "rule")


def _soon(episode: Episode) -> bool:
    """Whether a step is about to be tried again: a page's second try must not wait for the model."""
    return any(
        result.waiting == Waiting.RETRY and (result.due or 0.0) < SOON_SECONDS for result in episode.results.values()
    )


async def page_many(episode: Episode, what: str, *, close: bool) -> Rest:
    """Page once for many incidents of a rule, and list them."""
    members = await episode.means.ledger.incidents.members(episode.claim.id)
    episode.summary = many.text_of_many(members.count, what, episode.rule.id, members.triggers)
    pages = alerting_steps(episode.rule, episode.means.catalogue)
    await episode.recall(again=read_again)
    if not episode.begun and (muted := await _muted(episode)):
        return muted
    questions = many.questions_of(pages, episode.rule.steps, episode.means.catalogue)
    for now in waves(episode, questions):
        await _do_all(episode, now.plain)
    if not episode.waits_for(questions):
        await _do_all(episode, tuple(episode.rule.steps[name] for name in pages if name not in episode.results))
    return episode.rest(close=close)


async def _do_all(episode: Episode, steps: tuple[Step, ...], *, clear: bool = False) -> None:
    """Perform *steps* side by side."""

    async def one(step: Step) -> None:
        episode.results[step.name] = await perform(episode, step, clear=clear)

    await side_by_side(PARALLEL, one, steps)
