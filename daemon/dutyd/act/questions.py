"""Questions: steps that read. One is put once for each look at its incident; without an answer it waits in the ledger.

``perform`` comes here with a reading step and its arguments. What may be answered later is WAITING with a due time, so
that a system that is down for hours costs no order that needs to know something of it; what has to be known before an
approved call is sent is asked again in the same way (``read_again``). The model can't wait: it is told
(``answer_the_model``).
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from dutyd.act.each import items_of, together
from dutyd.act.episode import Episode
from dutyd.act.gateway import Unbound, bind
from dutyd.act.guard import HeldBackError
from dutyd.act.means import LONGEST_SECONDS, Means
from dutyd.act.steps import StepResult, StepState, encode_result, needed_by, skipped
from dutyd.core.backoff import pause
from dutyd.core.step import Step
from dutyd.core.tool import NotSentError, ProviderError, Tool, UnknownOutcomeError, known_tool
from dutyd.ledger.claims import Tries, Waiting

log = structlog.get_logger()

READ_SECONDS = 20.0
"""How long one answer may take."""

PATIENCE_SECONDS = 2.0
"""How long an answer is waited for without which the rest goes on (``on_error: continue``), and by the model."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """There is no answer now.

    Attributes:
        reason: why, for people.
        asked: seconds until there may be one, where the system said so.
        tried: whether the system was asked at all, and not held back by its guard.

    """

    reason: str
    asked: float | None = None
    tried: bool = True


async def read(episode: Episode, step: Step, tool: Tool, args: Mapping[str, Any]) -> StepResult:
    """Ask what *step* asks, and remember the answer, which is final; or when to ask again.

    A step that is repeated after a crash sees what its predecessors saw.
    """
    result = await _ask_in_turn(episode, step, tool, args)
    if result.state is not StepState.WAITING:
        matters = result.state is StepState.FAILED and step.on_error == "stop"
        noted = episode.means.ledger.incidents.note_step(
            episode.claim, episode.note_name(step.name), encode_result(result), unanswered=matters
        )
        episode.saw(await noted)
    return result


async def _ask_in_turn(episode: Episode, step: Step, tool: Tool, args: Mapping[str, Any]) -> StepResult:
    """Ask once; without an answer the question waits for its next turn, or has failed."""
    incidents, claim, name = episode.means.ledger.incidents, episode.claim, episode.note_name(step.name)
    result = await _ask(episode, tool, args)
    if isinstance(result, NotYet):
        before = await incidents.tries(claim.id, name) or Tries(0, claim.age)
        tries = replace(before, count=before.count + result.tried, reason=result.reason)
        wait = wait_after(step, tries, claim.age - tries.since, episode.means, result.asked)
        if wait is not None:
            episode.saw(await incidents.note_tries(claim, name, tries))
            return StepResult(StepState.WAITING, reason=result.reason, due=wait, waiting=Waiting.RETRY)
        result = StepResult(StepState.FAILED, reason=f"asked {tries.count} times without an answer: {result.reason}")
    if result.state is StepState.FAILED:
        log.warning("a question was not answered", step=name, tool=tool.name, error=result.reason)
    return result


def wait_after(step: Step, tries: Tries, waited: float, means: Means, asked: float | None) -> float | None:
    """Return the seconds until *step*'s question is put again, None where it was put for the last time.

    Args:
        step: its ``retry`` says how often, and its ``on_error`` whether others wait for it.
        tries: those that there were.
        waited: seconds since the first of them.
        means: chance, and how long an answer is waited for.
        asked: the seconds that the other side said.

    """
    times, most = max(0, tries.count - 1), means.waits.answer
    if step.retry is not None:
        if tries.count >= step.retry.attempts:
            return None
        longest = max(step.retry.backoff, LONGEST_SECONDS)
        wait = pause(times, means.chance(), first=step.retry.backoff, longest=longest, asked=asked)
    else:
        wait = means.pause(times, asked)
        most = PATIENCE_SECONDS if step.on_error == "continue" else most
    return wait if waited + wait <= most else None


async def answer_the_model(episode: Episode, tool: Tool, args: Mapping[str, Any]) -> StepResult:
    """Ask what the model wants to know; without an answer in a moment it is told so, and decides without."""
    tries, waited = 0, 0.0
    while isinstance(result := await _ask(episode, tool, args), NotYet):
        wait = episode.means.pause(tries, result.asked)
        if waited + wait > PATIENCE_SECONDS:
            return StepResult(StepState.FAILED, reason=result.reason)
        await asyncio.sleep(wait)
        tries, waited = tries + 1, waited + wait
    return result


async def _ask(episode: Episode, tool: Tool, args: Mapping[str, Any]) -> StepResult | NotYet:
    """Ask once."""
    if tool.ask is None:
        raise TypeError(f"tool '{tool.name}' says that it reads, but has nothing to ask")
    provider = episode.means.providers[tool.family].pick(tool, args)
    try:
        async with asyncio.timeout(READ_SECONDS):
            answer = await tool.ask(provider, tool.args.model_validate(args))
    except NotSentError as error:
        return NotYet(str(error), error.retry_after, tried=not isinstance(error, HeldBackError))
    except UnknownOutcomeError as error:
        return NotYet(str(error))
    except TimeoutError:
        return NotYet(f"no answer in {READ_SECONDS:g} s")
    except ProviderError as error:
        return StepResult(StepState.FAILED, reason=str(error))
    return StepResult(StepState.DONE, answer if isinstance(answer, Mapping) else {"result": answer})


async def read_again(episode: Episode, step: Step) -> StepResult | None:
    """Ask again what *step* needs to know: it was approved, and much may have changed since.

    Return None where it may go on; else that it waits for an answer, or that there is none, which people are told.
    """
    steps, catalogue = {**episode.rule.steps, **episode.rule.on_clear}, episode.means.catalogue
    names = needed_by({step.name}, steps) if step.name in steps else ()
    for name in (each for each in steps if each in names and known_tool(steps[each].tool, catalogue).ask):
        result = await _read_now(episode, steps[name])
        why = f"step '{name}' must be read again before '{step.name}' is sent: {result.reason}"
        if result.state is StepState.WAITING:
            return replace(result, reason=why)
        if result.state is StepState.FAILED and steps[name].on_error == "stop":
            return StepResult(StepState.FAILED, reason=why)
        episode.results[name] = result
    return None


async def _read_now(episode: Episode, step: Step) -> StepResult:
    """Ask what *step* asks, for each of its items where it has some; where it can't be asked, what it was is so."""
    known = episode.results.get(step.name, StepResult(StepState.SKIPPED))
    if step.each is not None and episode.item is None:
        items = items_of(step, episode.look)
        if not items or isinstance(items, str):
            return known
        views = [(item, episode.of_item(item)) for item in items]
        return together([(item, skipped(step, view.look) or await _read_now(view, step)) for item, view in views])
    bound = bind(step, episode.means.catalogue, episode.look)
    if isinstance(bound, Unbound):
        return known
    incidents, claim, note = episode.means.ledger.incidents, episode.claim, episode.note_name(step.name)
    result = await _ask_in_turn(episode, step, episode.means.catalogue[step.tool], bound.args)
    if result.state is StepState.FAILED and step.on_error == "stop":
        episode.saw(await incidents.note_unanswered(claim, note))
    elif result.state is not StepState.WAITING and await incidents.tries(claim.id, note):
        episode.saw(await incidents.note_tries(claim, note, None))
    return result
