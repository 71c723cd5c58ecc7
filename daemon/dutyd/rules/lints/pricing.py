"""What a rule may cost in a day at most: its openings, its model's tokens at the settings' price, its orders' money.

The worst case by what is written: the throttle (or the schedule) bounds the openings, ``again`` the rounds of each, the
agent's budget what a run takes, ``decide`` and the policy what an order spends. Rounds of incidents from days before
are not in it. ``check`` holds it against the policy, ``rules check`` prints it, and the daemon says it at start.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import ceil
from typing import Any, Final

from pydantic import ValidationError

from dutyd.act.each import MOST_ITEMS
from dutyd.core.money import Money
from dutyd.core.opening import Schedule
from dutyd.core.policy import Policy
from dutyd.core.rule import Rule
from dutyd.core.step import Budget, Step
from dutyd.core.tool import Tool
from dutyd.rules.known import Known

DAY: Final = 86_400.0
_ANY_DAY: Final = 1_767_225_600.0  # 2026-01-01: schedules are looked at from here on
_MOST_DUE: Final = 1_440  # a cron expression is due once a minute at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one rule may take in a day at most; None: nothing bounds it.

    Attributes:
        openings: incidents that are worked.
        asks: whether it asks a model; then *runs* is how often, *tokens* and *usd* are what that takes. *usd* is None,
            too, where neither a price nor a budget is known.
        orders: whether it spends; then *money* is how much.

    """

    openings: float | None
    asks: bool = False
    runs: float | None = None
    tokens: float | None = None
    usd: float | None = None
    orders: bool = False
    money: Money | None = None

    @property
    def is_unbounded(self) -> bool:
        """Whether nothing bounds what its model takes, or what it orders for."""
        return (self.asks and self.tokens is None) or (self.orders and self.money is None)


def daily(rule: Rule, known: Known) -> Cost:
    """Return what *rule* may cost in a day."""
    openings = _openings(rule)
    rounds = None if openings is None else openings * _rounds(rule)
    asks = rule.agent is not None
    tokens = usd = None
    if rule.agent is not None and rounds is not None:
        tokens = rounds * rule.agent.budget.tokens
        of_run = run_usd(rule.agent.budget, known)
        usd = None if of_run is None else rounds * of_run
    spending = [
        (step, tool)
        for step in rule.steps.values()
        if (tool := known.catalogue.get(step.tool)) is not None and tool.spends is not None
    ]
    money = _money(spending, rounds, known) if spending else None
    return Cost(
        openings=openings,
        asks=asks,
        runs=rounds if asks else None,
        tokens=tokens,
        usd=usd,
        orders=bool(spending),
        money=money,
    )


def run_usd(budget: Budget, known: Known) -> float | None:
    """Return what one run may cost at most, in US dollars; None: neither a price nor a budget is known."""
    return least(None if known.token_usd is None else budget.tokens * known.token_usd, budget.usd)


def of_all(costs: Mapping[str, Cost], known: Known) -> dict[str, Any]:
    """Return the worst case of a day in one line: the models' tokens and dollars within the policy's limits.

    None: nothing bounds it, or no price is known. *unbounded* names the rules that nothing of their own bounds.
    """
    asking = [cost for cost in costs.values() if cost.asks]
    limits = (known.policy or Policy()).model
    tokens = [least(cost.tokens, limits.tokens_per_rule_day) for cost in asking]
    usd = [least(cost.usd, limits.usd_per_rule_day) for cost in asking]
    return {
        "tokens": least(None if None in tokens else sum(filter(None, tokens)), limits.tokens_per_day),
        "usd": least(None if None in usd else round(sum(filter(None, usd)), 2), limits.usd_per_day),
        "unbounded": sorted(name for name, cost in costs.items() if cost.is_unbounded),
    }


def least(*bounds: float | None) -> float | None:
    """Return the smallest of those that are known, if any."""
    return min((bound for bound in bounds if bound is not None), default=None)


def _openings(rule: Rule) -> float | None:
    """Return how many incidents are worked in a day at most; the entities of ``per_entity`` are not known."""
    bounds = [_due_a_day(rule.schedule)] if rule.schedule is not None else []
    throttle = rule.throttle
    rates = throttle.per_rule if rule.per else (*throttle.per_rule, *throttle.per_entity)
    bounds += [float(rate.count * ceil(DAY / rate.seconds)) for rate in rates]  # 10/16h: 10 at 0:00, 10 at 16:00
    return min(bounds, default=None)


def _due_a_day(schedule: Schedule) -> float:
    """Return how often it is due within a day from its first due time on."""
    first = schedule.due_after(_ANY_DAY)
    due, times = first, 0
    while first is not None and due is not None and due < first + DAY and times < _MOST_DUE:
        due, times = schedule.due_after(due), times + 1
    return float(times)


def _rounds(rule: Rule) -> float:
    """Return how often an incident acts within a day."""
    if rule.again is None:
        return 1.0
    further = DAY // rule.again.every
    return 1.0 + (further if rule.again.at_most is None else min(further, rule.again.at_most))


def _money(spending: list[tuple[Step, Tool]], times: float | None, known: Known) -> Money | None:
    """Return what the steps may spend in a day: each at its most, within the policy's limits."""
    limits = known.policy.money if known.policy is not None else None
    caps = [] if limits is None else [each for each in (limits.per_rule_day, limits.per_day) if each is not None]
    amounts = [_of_items(step, _amount(step, tool, known)) for step, tool in spending]
    total: Decimal | None = None
    if times is not None and all(amount is not None for amount in amounts):
        total = sum((amount.amount for amount in amounts if amount is not None), Decimal(0)) * Decimal(str(times))
    known_totals = [*caps, *([total] if total is not None else [])]
    currency = next((amount.currency for amount in amounts if amount is not None and amount.currency), "")
    currency = currency or (limits.currency if limits is not None else "")
    return Money(min(known_totals).quantize(Decimal("0.01")), currency) if known_totals else None


def _of_items(step: Step, amount: Money | None) -> Money | None:
    """Return what a step may spend that costs *amount* for each item of its list, where it has one."""
    if step.each is None or amount is None:
        return amount
    items = step.each.literal
    return amount.times(len(items) if isinstance(items, list) else MOST_ITEMS)


def _amount(step: Step, tool: Tool, known: Known) -> Money | None:
    """Return what one call may spend at most; None where neither the rule nor the policy says it."""
    limits = known.policy.money if known.policy is not None else None
    cap = None if limits is None or limits.per_effect is None else Money(limits.per_effect, limits.currency)
    args: dict[str, Any] = {name: template.literal for name, template in step.args.items()}
    args |= {name: None if bound.high is None else bound.high.literal for name, bound in step.decide.items()}
    texts = {name: "x" for name, field in tool.args.model_fields.items() if field.annotation is str and name in args}
    told = {**texts, **{name: value for name, value in args.items() if value is not None}}
    try:  # what is not known yet: of a text any will do, of a number none
        spent = None if tool.spends is None else tool.spends(tool.args.model_validate(told))
    except (ValidationError, ValueError, TypeError, ArithmeticError):
        spent = None
    amounts = [each for each in (spent, cap) if each is not None]
    return min(amounts, key=lambda money: money.amount) if amounts else None
