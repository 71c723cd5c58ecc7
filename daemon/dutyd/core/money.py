"""Money: a decimal amount with a currency. It exists in tool arguments only; in expressions it is its amount."""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

_TEXT = re.compile(r"^\s*(-?[0-9]+(?:\.[0-9]+)?)\s*([A-Z]{3})?\s*$")


@dataclass(frozen=True, slots=True)
class Money:
    """An amount; *currency* is an ISO 4217 code, or empty for the installation's own."""

    amount: Decimal
    currency: str = ""

    def times(self, count: float) -> "Money":
        """Return the price of *count* pieces."""
        return Money(self.amount * Decimal(str(count)), self.currency)

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}".strip()


def parse_money(value: object) -> Money:
    """Return *value*, a number or a text such as ``2.50 EUR``, as money.

    Raises:
        ValueError: it is neither; the message says what was expected.
    """
    if isinstance(value, Money):
        return value
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            amount = Decimal("NaN")
        if amount.is_finite():
            return Money(amount)
    if isinstance(value, str) and (match := _TEXT.match(value)):
        return Money(Decimal(match[1]), match[2] or "")
    raise ValueError(f"{value!r} is no amount of money: expected a number or a text such as '2.50 EUR'")
