"""One step: its arguments put together, the gates asked, then sent as an effect or asked as a question.

Called by the episode for steps that the rule decides (and for fallbacks), and by the agent run with arguments that the
gateway has judged. ``Episode.gate`` has its say here, before the ledger hears of the call; all that can stop an order,
before and after, stands in the code's order in docs/architecture.md, "Where an order is stopped".
"""

from collections.abc import Mapping
from typing import Any

from dutyd.act.each import Item, items_of, together
from dutyd.act.episode import Episode
from dutyd.act.gateway import Bound, Gate, Outcome, Unbound, bind
from dutyd.act.parallel import side_by_side
from dutyd.act.questions import read
from dutyd.act.steps import StepResult, StepState, encode_result, skipped
from dutyd.core.incident import EffectState
from dutyd.core.policy import Policy
from dutyd.core.route import DEFAULT_ROUTE
from dutyd.core.step import Step
from dutyd.core.tool import ANSWER, Tool, known_tool
from dutyd.ledger.effects import MICROS, MoneyLimitsMicros, NewEffect

SIDE_BY_SIDE = 4
"""Items of one step that are done at the same time."""

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
        answer = StepResult(StepState.DONE, bound.args)
        noted = episode.means.ledger.incidents.note_step(
            episode.claim, episode.note_name(step.name), encode_result(answer)
        )
        episode.saw(await noted)
        return answer
    if not tool.changes:
        return await read(episode, step, tool, bound.args)
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


def money_limits(policy: Policy) -> MoneyLimitsMicros:
    """Return the policy's daily limits as the ledger counts them."""
    money = policy.money
    if money is None:
        return MoneyLimitsMicros()
    return MoneyLimitsMicros(
        per_rule_day=None if money.per_rule_day is None else int(money.per_rule_day * MICROS),
        per_day=None if money.per_day is None else int(money.per_day * MICROS),
    )


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
