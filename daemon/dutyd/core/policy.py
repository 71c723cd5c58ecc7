"""The platform team's ceiling (``policy.yaml``): rules only narrow it.

Made by ``rules.policy`` from the file, read by the gateway and by the rule checker. A key that is absent limits
nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from dutyd.core.limits import Brake
from dutyd.core.model_use import ModelLimits
from dutyd.core.rule import Mode


@dataclass(frozen=True, slots=True)
class MoneyLimits:
    """How much may be spent, in *currency*; None: no limit."""

    currency: str = "EUR"
    per_effect: Decimal | None = None
    per_rule_day: Decimal | None = None
    per_day: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """The ceiling.

    Attributes:
        mode: the highest mode of any rule.
        tools: tool name to its highest mode; None means *never*.
        money: limits on what effects spend.
        model: limits on what the model costs.
        brake: how many openings of any one rule are too many; None: there is no limit.
        approvers: tool name, or ``default``, to the names that may decide.
    """

    mode: Mode = Mode.ACT
    tools: Mapping[str, Mode | None] = field(default_factory=dict)
    money: MoneyLimits | None = None
    model: ModelLimits = field(default_factory=ModelLimits)
    brake: Brake | None = None
    approvers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def deciders(self, tool: str) -> tuple[str, ...] | None:
        """Return who may decide calls of *tool*; None: everybody."""
        return self.approvers.get(tool, self.approvers.get("default"))

    def allows(self, tool: str) -> Mode | None:
        """Return the highest mode for *tool*, or None where it may never be used."""
        if tool in self.tools and self.tools[tool] is None:
            return None
        return min((self.mode, self.tools.get(tool) or Mode.ACT), key=lambda mode: mode.rank)
