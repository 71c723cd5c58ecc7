"""What runs of the model take, and what the policy lets them take in a day.

``act.run`` reserves by these limits in the ledger (``lua/model_reserve.lua``), a backtest reckons with them on paper.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelUse:
    """Tokens, and US dollars where the price is known."""

    tokens: int = 0
    usd: float = 0.0

    def __add__(self, other: "ModelUse") -> "ModelUse":
        """Return both together, to the millionth of a dollar: that is what the ledger counts."""
        return ModelUse(self.tokens + other.tokens, round(self.usd + other.usd, 6))


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """What the model may cost in a day, all rules together and each of them; None: no limit."""

    usd_per_day: float | None = None
    tokens_per_day: int | None = None
    usd_per_rule_day: float | None = None
    tokens_per_rule_day: int | None = None

    def in_the_way(self, run: ModelUse, of_rule: ModelUse, of_all: ModelUse) -> str:
        """Return which limit leaves no room for a *run* that takes so much, or an empty text.

        Args:
            run: what it takes at most.
            of_rule: what the day has taken or holds for its rule.
            of_all: the same of all rules.

        """
        for name, limit, taken, more in (
            ("tokens_per_rule_day", self.tokens_per_rule_day, of_rule.tokens, run.tokens),
            ("usd_per_rule_day", self.usd_per_rule_day, of_rule.usd, run.usd),
            ("tokens_per_day", self.tokens_per_day, of_all.tokens, run.tokens),
            ("usd_per_day", self.usd_per_day, of_all.usd, run.usd),
        ):
            if limit is not None and (taken >= limit or round(taken + more, 6) > limit):
                return name
        return ""
