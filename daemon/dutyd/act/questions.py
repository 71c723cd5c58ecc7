"""Questions: steps that read. One is put once for each look at its incident; without an answer it waits in the ledger.

``perform`` comes here with a reading step and its arguments. What may be answered later is WAITING with a due time, so
that a system that is down for hours costs no order that needs to know something of it; what has to be known before an
approved call is sent is asked again (``read_again``). The model can't wait: it is told (``answer_the_model``).
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from dutyd.act.each import Item, items_of, together
from dutyd.act.episode import Episode
from dutyd.act.gateway import Unbound, bind
from dutyd.act.guard import HeldBackError
from dutyd.act.means import LONGEST_SECONDS, Means
from dutyd.act.steps import StepResult, StepState, encode_result, needed_by, skipped
from dutyd.core.backoff import pause
from dutyd.core.errors import NotReadyError
from dutyd.core.step import Step
from dutyd.core.tool import NotSentError, ProviderError, Tool, UnknownOutcomeError
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
    matters = result.state is StepState.FAILED and step.on_error == "stop"
    episode.saw(await incidents.note_step(claim, name, encode_result(result), unanswered=matters))
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


async def read_again(episode: Episode, step: Step) -> None:
    """Ask again what *step* needs to know: it was approved, and much may have changed since.

    Raises:
        NotReadyError: a question has no answer now; the call waits for it.

    """
    steps, catalogue = episode.rule.steps, episode.means.catalogue
    names = needed_by({step.name}, steps) if step.name in steps else ()
    for name in (each for each in steps if each in names and not catalogue[steps[each].tool].changes):
        result = await _read_now(episode, steps[name])
        why = f"step '{name}' must be read again before '{step.name}' is sent"
        if isinstance(result, NotYet):
            raise NotReadyError(f"{why}: {result.reason}", retry_after=result.asked)
        if result is None:
            continue
        if result.state not in (StepState.DONE, StepState.SKIPPED):
            raise NotReadyError(f"{why}: {result.reason}")
        episode.results[name] = result


async def _read_now(episode: Episode, step: Step) -> StepResult | NotYet | None:
    """Ask what *step* asks, for each of its items where it has some; None where its question can't be put."""
    if step.each is not None and episode.item is None:
        items = items_of(step, episode.look)
        views = [] if isinstance(items, str) else [(item, episode.of_item(item)) for item in items]
        found: list[tuple[Item, StepResult]] = []
        for item, view in views:
            result = skipped(step, view.look) or await _read_now(view, step)
            if not isinstance(result, StepResult):
                return result
            found.append((item, result))
        return together(found) if found else None
    bound = bind(step, episode.means.catalogue, episode.look)
    return None if isinstance(bound, Unbound) else await _ask(episode, episode.means.catalogue[step.tool], bound.args)
