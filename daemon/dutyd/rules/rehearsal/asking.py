"""What the model of a backtest would cost: how often it would be asked, and what that takes at most.

The history does not say what a run would take: each is reckoned with all that its rule's budget gives, at the dearer of
the two prices. By these sums the policy's limits of a day stop further runs, as ``act.run`` does by the real ones.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dutyd.core.model_use import ModelLimits, ModelUse
from dutyd.core.rule import Rule
from dutyd.core.step import Budget
from dutyd.rules.rehearsal.spending import day_of

Price = Callable[[int], float]
"""What so many tokens cost at most, in US dollars."""

_ALL = ""  # as a rule's name: all rules together


def asked_of(
    asked: Iterable[tuple[float, str]], rules: Mapping[str, Rule], limits: ModelLimits, price: Price | None
) -> dict[str, Any]:
    """Return what the model takes that is *asked* at these times for these rules."""
    runs, turns, total = 0, 0, ModelUse()
    days: defaultdict[tuple[int, str], ModelUse] = defaultdict(ModelUse)
    unasked: Counter[str] = Counter()
    for at, rule in sorted(asked):
        agent, of_rule, of_all = rules[rule].agent, (day_of(at), rule), (day_of(at), _ALL)
        budget = Budget() if agent is None else agent.budget
        most = 0.0 if price is None else price(budget.tokens)
        run = ModelUse(budget.tokens, most if budget.usd is None else min(most, budget.usd))
        if limit := limits.in_the_way(run, days[of_rule], days[of_all]):
            unasked[limit] += 1
            continue
        runs, turns, total = runs + 1, turns + budget.turns, total + run
        days[of_rule] += run
        days[of_all] += run
    at_most = {"turns": turns, "tokens": total.tokens, "usd": None if price is None else round(total.usd, 4)}
    return {"runs": runs, "at_most": at_most, "unasked": dict(unasked)}
