"""One step: its arguments put together, the gates asked, then sent as an effect or asked as a question.

Called by the episode for steps that the rule decides (and for fallbacks), and by the agent run with arguments that the
gateway has judged. This is where a purchase order is stopped. All that can stop or hold it, in the order it is met:

    throttle                     ``lua/accept.lua``, again ``lua/claim.lua``: the incident waits, muted
    brake                        counted by ``lua/accept.lua``; ``path.work`` lowers the mode to approve
    the tighter rule             ``gateway.tighten``: a step that is gone, another tool, a smaller bound
    silence, inhibition          ``muting``: before the first step
    no provider                  ``Episode.gate``
    policy, refuse_if, mode      ``gateway.gate``: refused, only observed, or asked (``approval_if``); asked again by
                                 ``Episode.take_up`` while it is not sent
    a clear, the day's money     ``lua/reserve.lua``
    approval                     ``effects``: it waits until ``ledger.decisions`` has an answer, or its time is over
    a clear, a pause             ``lua/sending.lua``: the last word before bytes leave
    the lease                    ``effects``, by our own clock
    breaker, pace                ``guard``, around the provider
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from dutyd.act.each import Item, items_of, together
from dutyd.act.episode import Episode
from dutyd.act.gateway import Bound, Gate, Outcome, Unbound, bind
from dutyd.act.parallel import side_by_side
from dutyd.act.steps import StepResult, StepState, encode_result, needed_by, skipped
from dutyd.core.backoff import doubled
from dutyd.core.errors import NotReadyError
from dutyd.core.incident import EffectState
from dutyd.core.policy import Policy
from dutyd.core.route import DEFAULT_ROUTE
from dutyd.core.step import Retry, Step
from dutyd.core.tool import ANSWER, NotSentError, ProviderError, Tool, UnknownOutcomeError, known_tool
from dutyd.ledger.effects import MICROS, MoneyLimitsMicros, NewEffect

log = structlog.get_logger()

SIDE_BY_SIDE = 4
"""Items of one step that are done at the same time."""

READ_SECONDS = 20.0
READ_RETRY = Retry(attempts=3, backoff=0.5)
"""How often a question is asked whose provider is not ready, unless the step's ``retry`` says so."""

_STATES = {
    Outcome.SEND: EffectState.RESERVED,
    Outcome.ASK: EffectState.AWAITING_APPROVAL,
    Outcome.REFUSE: EffectState.REFUSED,
    Outcome.OBSERVE: EffectState.REFUSED,
}


async def perform(episode: Episode, step: Step, *, by: str = "rule", clear: bool = False) -> StepResult:
    """Do *step* with what the rule says, its fallback where something was left to decide; once for each item."""
    if step.each is not None and episode.item is None:
        return await _perform_each(episode, step, clear=clear)
    bound = bind(step, episode.means.catalogue, episode.look)
    if isinstance(bound, Unbound):
        return await refuse(episode, step, bound.reason, clear=clear)
    return await call(episode, step, bound, by=by, clear=clear)


async def _perform_each(episode: Episode, step: Step, *, clear: bool) -> StepResult:
    """Do *step* for each item of its list that was not begun, some side by side."""
    items = items_of(step, episode.look)
    if isinstance(items, str):
        return await refuse(episode, step, items, clear=clear)
    begun = episode.items.get(step.name, {})

    async def one(item: Item) -> StepResult:
        view = episode.of_item(item)
        return begun.get(item.name) or skipped(step, view.look) or await perform(view, step, clear=clear)

    results = await side_by_side(SIDE_BY_SIDE, one, items)
    return together(list(zip(items, results, strict=True)))


async def call(episode: Episode, step: Step, bound: Bound, *, by: str, clear: bool = False) -> StepResult:
    """Do *step* with exactly these arguments, through its gates."""
    tool = known_tool(step.tool, episode.means.catalogue)
    if tool is ANSWER:
        return await _note(episode, step, StepResult(StepState.DONE, bound.args))
    if not tool.changes:
        return await _read_and_note(episode, step, tool, bound.args)
    args = await _addressed(episode, tool, bound.args)
    new = _effect(episode, step, args, episode.gate(step, args), by=by, clear=clear)
    return await episode.sender(step).perform(new, money_limits(episode.means.policy))


async def refuse(episode: Episode, step: Step, reason: str, *, clear: bool = False) -> StepResult:
    """Refuse *step* without arguments, and let the ledger say why."""
    tool = episode.means.catalogue.get(step.tool)
    if tool is None or not tool.changes:
        return StepResult(StepState.REFUSED, reason=reason)
    new = _effect(episode, step, {}, Gate(Outcome.REFUSE, reason), by="rule", clear=clear)
    return await episode.sender(step).perform(new, money_limits(episode.means.policy))


async def read(episode: Episode, tool: Tool, args: Mapping[str, Any], retry: Retry = READ_RETRY) -> StepResult:
    """Ask a question; a provider that is not ready is asked again, a few times."""
    provider = episode.means.providers[tool.family].pick(tool, args)
    if tool.ask is None:
        raise TypeError(f"tool '{tool.name}' says that it reads, but has nothing to ask")
    reason = ""
    for attempt in range(retry.attempts):
        try:
            async with asyncio.timeout(READ_SECONDS):
                answer = await tool.ask(provider, tool.args.model_validate(args))
            return StepResult(StepState.DONE, answer if isinstance(answer, Mapping) else {"result": answer})
        except (NotSentError, UnknownOutcomeError, TimeoutError) as error:
            reason = str(error) or f"no answer in {READ_SECONDS:g} s"
            if attempt + 1 < retry.attempts:
                await asyncio.sleep(doubled(retry.backoff, attempt, READ_SECONDS))
        except ProviderError as error:
            return StepResult(StepState.FAILED, reason=str(error))
    log.warning("a question was not answered", tool=tool.name, error=reason)
    return StepResult(StepState.FAILED, reason=reason)


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
            raise NotReadyError(f"step '{name}' must be read again before '{step.name}' is sent: {result.reason}")
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
    return None if isinstance(bound, Unbound) else await read(episode, episode.means.catalogue[step.tool], bound.args)


def money_limits(policy: Policy) -> MoneyLimitsMicros:
    """Return the policy's daily limits as the ledger counts them."""
    money = policy.money
    if money is None:
        return MoneyLimitsMicros()
    return MoneyLimitsMicros(
        per_rule_day=None if money.per_rule_day is None else int(money.per_rule_day * MICROS),
        per_day=None if money.per_day is None else int(money.per_day * MICROS),
    )


async def _note(episode: Episode, step: Step, result: StepResult) -> StepResult:
    incidents = episode.means.ledger.incidents
    episode.saw(await incidents.note_step(episode.claim, episode.note_name(step.name), encode_result(result)))
    return result


async def _read_and_note(episode: Episode, step: Step, tool: Tool, args: Mapping[str, Any]) -> StepResult:
    """Ask, and remember the answer: a step that is repeated after a crash sees what its predecessors saw."""
    result = await read(episode, tool, args, step.retry if step.retry.attempts > 1 else READ_RETRY)
    return await _note(episode, step, result)


async def _addressed(episode: Episode, tool: Tool, args: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return *args* with the route: what is about a thing that this incident made goes where that was made."""
    if not tool.of or "to" in args or not episode.means.providers[tool.family].named:
        return args
    for effect in await episode.means.ledger.effects.of(episode.claim.id):
        made = episode.means.catalogue.get(effect.tool)
        if effect.receipt and effect.receipt.id == args.get(tool.of) and made and made.family == tool.family:
            return {**args, "to": effect.args.get("to", DEFAULT_ROUTE)}
    return args


def _effect(
    episode: Episode, step: Step, args: Mapping[str, Any], decision: Gate, *, by: str, clear: bool
) -> NewEffect:
    tool = episode.means.catalogue[step.tool]
    spent = tool.spends(tool.args.model_validate(args)) if tool.spends and args else None
    return NewEffect(
        key=episode.key(step.name, clear=clear),
        rule=episode.rule.id,
        step=step.name,
        tool=step.tool,
        args=args,
        state=_STATES[decision.outcome],
        reason="observe" if decision.outcome is Outcome.OBSERVE else decision.reason,
        micros=int(spent.amount * MICROS) if spent else 0,
        clear=clear,
        outlives=tool.outlives_clear,
        by=by,
    )
