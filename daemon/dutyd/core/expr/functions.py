"""The functions of the language: pure, of values alone; a mistyped argument makes the result unknown (None).

The parser knows names and numbers of arguments from here, the checker the types, the evaluator and the compiler
what to call. Functions that need more than values (``has``, ``prev``, windows) are nodes of their own.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final

from dutyd.core.expr.operators import number
from dutyd.core.expr.tree import Type


@dataclass(frozen=True, slots=True)
class Function:
    """One function.

    Attributes:
        example: how it is written, for messages.
        takes: the type of each argument.
        gives: the type of the result.
        apply: the function itself; called with as many values as arguments are allowed, none of them None; never
            raises; None means unknown.
        optional: how many of the last arguments may be left out.
        more: whether the last argument may be repeated.

    """

    example: str
    takes: tuple[Type, ...]
    gives: Type
    apply: Callable[..., object | None]
    optional: int = 0
    more: bool = False

    def fits(self, count: int) -> bool:
        """Return whether it can be called with *count* arguments."""
        return len(self.takes) - self.optional <= count and (self.more or count <= len(self.takes))


def _of_texts(compute: Callable[..., object]) -> Callable[..., object | None]:
    def apply(*args: object) -> object | None:
        return compute(*args) if all(isinstance(arg, str) for arg in args) else None

    return apply


def _of_numbers(compute: Callable[..., float]) -> Callable[..., float | None]:
    def apply(*args: object) -> float | None:
        numbers = [found for arg in args if (found := number(arg)) is not None]
        return float(compute(*numbers)) if len(numbers) == len(args) else None

    return apply


def _size(value: object) -> float | None:
    return float(len(value)) if isinstance(value, str | list | tuple) else None


_EXACT: Final = Context(prec=400)
"""Wide enough for every double, so that rounding is exact."""


def _round(value: object, digits: object = 0.0) -> float | None:
    """Round half away from zero, as people do on paper, on the number as it prints."""
    one, places = number(value), number(digits)
    if one is None or places is None or not places.is_integer() or not 0 <= places <= 15:
        return None
    return float(Decimal(repr(one)).quantize(Decimal(1).scaleb(-int(places)), ROUND_HALF_UP, _EXACT))


FUNCTIONS: Final[Mapping[str, Function]] = {
    "startsWith": Function('x.startsWith("a")', (Type.TEXT, Type.TEXT), Type.BOOL, _of_texts(str.startswith)),
    "endsWith": Function('x.endsWith("a")', (Type.TEXT, Type.TEXT), Type.BOOL, _of_texts(str.endswith)),
    "contains": Function('x.contains("a")', (Type.TEXT, Type.TEXT), Type.BOOL, _of_texts(str.__contains__)),
    "lower": Function("lower(x)", (Type.TEXT,), Type.TEXT, _of_texts(str.lower)),
    "upper": Function("upper(x)", (Type.TEXT,), Type.TEXT, _of_texts(str.upper)),
    "trim": Function("trim(x)", (Type.TEXT,), Type.TEXT, _of_texts(str.strip)),
    "size": Function("size(x)", (Type.ANY,), Type.NUMBER, _size),
    "abs": Function("abs(x)", (Type.NUMBER,), Type.NUMBER, _of_numbers(abs)),
    "floor": Function("floor(x)", (Type.NUMBER,), Type.NUMBER, _of_numbers(math.floor)),
    "ceil": Function("ceil(x)", (Type.NUMBER,), Type.NUMBER, _of_numbers(math.ceil)),
    "round": Function("round(x, 2)", (Type.NUMBER, Type.NUMBER), Type.NUMBER, _round, optional=1),
    "min": Function("min(a, b)", (Type.NUMBER, Type.NUMBER), Type.NUMBER, _of_numbers(min), more=True),
    "max": Function("max(a, b)", (Type.NUMBER, Type.NUMBER), Type.NUMBER, _of_numbers(max), more=True),
}
"""By name; ``min`` and ``max`` are windows where their second argument is a duration."""

RECEIVERS: Final = frozenset({"startsWith", "endsWith", "contains"})
"""The functions that are printed as ``x.f(y)``, as CEL has them; every function may be written either way."""
