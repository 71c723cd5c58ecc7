"""What the model of a backtest would cost: how often it would be asked, and what that takes at most.

The history does not say what a run would take: each is reckoned with all that its rule's budget gives, at the dearer of
the two prices. By these sums the policy's limits of a day stop further runs, as ``act.run`` does by the real ones.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dutyd.core.policy import ModelLimits
from dutyd.core.rule import Rule
from dutyd.core.step import Budget
from dutyd.rules.rehearsal.spending import day_of

Price = Callable[[int], float]
"""What so many tokens cost at most, in US dollars."""


def asked_of(
    asked: Iterable[tuple[float, str]], rules: Mapping[str, Rule], limits: ModelLimits, price: Price | None
) -> dict[str, Any]:
    """Return what the model takes that is *asked* at these times for these rules."""
    runs, turns, tokens, usd = 0, 0, 0, 0.0
    days: defaultdict[int, tuple[int, float]] = defaultdict(lambda: (0, 0.0))
    unasked: Counter[str] = Counter()
    for at, rule in sorted(asked):
        agent, day = rules[rule].agent, day_of(at)
        if over := limits.used_up(*days[day]):
            unasked[over] += 1
            continue
        budget = Budget() if agent is None else agent.budget
        most = 0.0 if price is None else price(budget.tokens)
        cost = most if budget.usd is None else min(most, budget.usd)
        runs, turns, tokens, usd = runs + 1, turns + budget.turns, tokens + budget.tokens, usd + cost
        days[day] = days[day][0] + budget.tokens, days[day][1] + cost
    at_most = {"turns": turns, "tokens": tokens, "usd": None if price is None else round(usd, 4)}
    return {"runs": runs, "at_most": at_most, "unasked": dict(unasked)}
