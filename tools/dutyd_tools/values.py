"""Values that several tools take or give: whole numbers, money, currencies, and the words for nothing known.

Rule expressions compute in doubles, and a model writes what it likes; these types say what still counts. Their
schemas stay within what model hosts understand: no exclusive bounds, patterns or formats.
"""

from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from dutyd.core.money import Money, parse_money

NO_DATA: Final = "no data"
"""What a reading tool says where it knows nothing. Never a number: a missing figure must not look like a zero."""

DEAREST = Decimal(1_000_000_000)


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _price(value: object) -> Money | None:
    if value is None:
        return None
    price = parse_money(value)
    if not 0 <= price.amount <= DEAREST:
        raise ValueError(f"a price from 0 to {DEAREST:,} was expected")
    return price


def _code(value: str) -> str:
    if value and not (len(value) == 3 and value.isascii() and value.isalpha() and value.isupper()):
        raise ValueError(f"{value!r} is no currency: expected an ISO 4217 code such as EUR")
    return value


Whole = Annotated[int, BeforeValidator(_whole)]
"""A whole number; 28.0 is one."""

Quantity = Annotated[float, Field(ge=0.001, le=1_000_000_000, allow_inf_nan=False)]
"""How many pieces, or how much of what is not counted in pieces: more than nothing."""

Price = Annotated[
    Money | None,
    BeforeValidator(_price),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]}),
]
"""An amount of money, given as a number or as a text such as ``2.50 EUR``."""

Route = Annotated[
    str,
    Field(description="The route: a name from the settings of the provider.", min_length=1, max_length=100),
]
"""Which of a provider's systems a call goes to; what an earlier effect made is changed where that was made."""

Currency = Annotated[str, AfterValidator(_code)]
"""An ISO 4217 code, or nothing for the installation's own currency."""


def plain(number: float | Decimal) -> Any:
    """Return *number* as JSON writes it best: whole ones without a fraction."""
    return int(number) if number == int(number) else float(number)
