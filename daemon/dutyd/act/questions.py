"""Questions: steps that read. One is put once for each look at its incident; without an answer it waits in the ledger.

``perform`` comes here with a reading step and its arguments. What may be answered later is WAITING with a due time, so
that a system that is down for hours costs no order that needs to know something of it; what has to be known before an
approved call is sent is asked again (``read_again``). The model can't wait: it is told (``answer_the_model``).
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog

from dutyd.act.each import items_of, together
from dutyd.act.episode import Episode
from dutyd.act.gateway import Unbound, bind
from dutyd.act.means import LONGEST_SECONDS, Means
from dutyd.act.steps import StepResult, StepState, encode_result, needed_by, skipped
from dutyd.core.backoff import pause
from dutyd.core.errors import NotReadyError
from dutyd.core.step import Step
from dutyd.core.tool import NotSentError, ProviderError, Tool, UnknownOutcomeError
from dutyd.ledger.incidents import Tries, Waiting

log = structlog.get_logger()

READ_SECONDS = 20.0
"""How long one answer may take."""

PATIENCE_SECONDS = 2.0
"""How long an answer is waited for without which the rest goes on (``on_error: continue``), and by the model."""


async def read(episode: Episode, step: Step, tool: Tool, args: Mapping[str, Any]) -> StepResult:
    """Ask what *step* asks, and remember the answer, which is final; or when to ask again.

    A step that is repeated after a crash sees what its predecessors saw.
    """
    incidents, claim, name = episode.means.ledger.incidents, episode.claim, episode.note_name(step.name)
    result = await _ask(episode, tool, args)
    if result.state is StepState.WAITING:
        tries = await incidents.tries(claim.id, name) or Tries(0, claim.age)
        tries = replace(tries, count=tries.count + 1, reason=result.reason)
        wait = wait_after(step, tries, claim.age - tries.since, episode.means, result.due)
        if wait is not None:
            episode.saw(await incidents.note_tries(claim, name, tries))
            return replace(result, due=wait)
        result = StepResult(StepState.FAILED, reason=f"asked {tries.count} times without an answer: {result.reason}")
    if result.state is StepState.FAILED:
        log.warning("a question was not answered", step=name, tool=tool.name, error=result.reason)
    matters = result.state is StepState.FAILED and step.on_error == "stop"
    episode.saw(await incidents.note_step(claim, name, encode_result(result), unanswered=matters))
    return result


def wait_after(step: Step, tries: Tries, waited: float, means: Means, asked: float | None) -> float | None:
    """Return the seconds until *step*'s question is put again, None where it was put for the last time.

    Args:
        step: its ``retry`` says how often; without one it is a matter of time.
        tries: those that there were.
        waited: seconds since the first of them.
        means: chance, and how long an answer is waited for.
        asked: the seconds that the other side said.

    """
    if step.retry is not None:
        first, last = step.retry.backoff, tries.count >= step.retry.attempts
        longest = max(first, LONGEST_SECONDS)
        return None if last else pause(tries.count - 1, means.chance(), first=first, longest=longest, asked=asked)
    wait = means.pause(tries.count - 1, asked)
    most = PATIENCE_SECONDS if step.on_error == "continue" else means.waits.answer
    return wait if waited + wait <= most else None


async def answer_the_model(episode: Episode, tool: Tool, args: Mapping[str, Any]) -> StepResult:
    """Ask what the model wants to know; without an answer in a moment it is told so, and decides without."""
    tries, waited = 0, 0.0
    while (result := await _ask(episode, tool, args)).state is StepState.WAITING:
        wait = episode.means.pause(tries, result.due)
        if waited + wait > PATIENCE_SECONDS:
            return StepResult(StepState.FAILED, reason=result.reason)
        await asyncio.sleep(wait)
        tries, waited = tries + 1, waited + wait
    return result


async def _ask(episode: Episode, tool: Tool, args: Mapping[str, Any]) -> StepResult:
    """Ask once; WAITING: there may be an answer later, ``due`` is what the other side said of when."""
    if tool.ask is None:
        raise TypeError(f"tool '{tool.name}' says that it reads, but has nothing to ask")
    provider = episode.means.providers[tool.family].pick(tool, args)
    try:
        async with asyncio.timeout(READ_SECONDS):
            answer = await tool.ask(provider, tool.args.model_validate(args))
    except NotSentError as error:
        return _later(str(error), error.retry_after)
    except UnknownOutcomeError as error:
        return _later(str(error))
    except TimeoutError:
        return _later(f"no answer in {READ_SECONDS:g} s")
    except ProviderError as error:
        return StepResult(StepState.FAILED, reason=str(error))
    return StepResult(StepState.DONE, answer if isinstance(answer, Mapping) else {"result": answer})


def _later(reason: str, due: float | None = None) -> StepResult:
    return StepResult(StepState.WAITING, reason=reason, due=due, waiting=Waiting.RETRY)


async def read_again(episode: Episode, step: Step) -> None:
    """Ask again what *step* needs to know: it was approved, and much may have changed since.

    Raises:
        NotReadyError: a question has no answer now; the call waits for it.

    """
    steps, catalogue = episode.rule.steps, episode.means.catalogue
    names = needed_by({step.name}, steps) if step.name in steps else ()
    for name in (each for each in steps if each in names and not catalogue[steps[each].tool].changes):
        result = await _read_now(episode, steps[name])
        if result is None:
            continue
        if result.state not in (StepState.DONE, StepState.SKIPPED):
            why = f"step '{name}' must be read again before '{step.name}' is sent: {result.reason}"
            raise NotReadyError(why, retry_after=result.due)
        episode.results[name] = result


async def _read_now(episode: Episode, step: Step) -> StepResult | None:
    """Ask what *step* asks, for each of its items where it has some; None where its question can't be put."""
    if step.each is not None and episode.item is None:
        items = items_of(step, episode.look)
        views = [] if isinstance(items, str) else [(item, episode.of_item(item)) for item in items]
        found = [(item, skipped(step, view.look) or await _read_now(view, step)) for item, view in views]
        read_all = [(item, result) for item, result in found if result is not None]
        return together(read_all) if read_all and len(read_all) == len(found) else None
    bound = bind(step, episode.means.catalogue, episode.look)
    return None if isinstance(bound, Unbound) else await _ask(episode, episode.means.catalogue[step.tool], bound.args)
