"""What the operators do to values: known values in, a known value or None (unknown) out; nothing here raises.

One meaning for the tree-walking evaluator and for generated code, wherever that leaves its fast path. A number is a
double; a bool is none. The rules, each also a test:

* arithmetic takes two numbers (``+`` also two texts, joined); a result that is not finite, a division and a remainder
  by zero are unknown; the remainder has the sign of the dividend, as in CEL;
* ``<`` ``<=`` ``>`` ``>=`` take two numbers or two texts (by code point); anything else is unknown;
* ``==`` of values of different types is false and ``!=`` true, as in CEL; lists are equal item by item; an object
  compares with nothing: unknown;
* ``in`` takes a list on its right; an item that is null equals nothing but null; text in text is ``contains``;
* ``&&`` and ``||`` are Kleene's: false decides the first, true the second, whatever the other side is; a side that is
  no bool counts as unknown.
"""

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

Kind = Literal["number", "text", "bool", "list", "object", "unknown"]


def kind(value: object) -> Kind:
    """Return what *value* counts as; None, NaN and infinities are unknown."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "unknown" if number(value) is None else "number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list | tuple):
        return "list"
    return "unknown" if value is None else "object"


def number(value: object) -> float | None:
    """Return *value* as a double, or None where it is no number, or none that a double holds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        result = float(value)
    except OverflowError:  # a whole number beyond the doubles
        return None
    return result if math.isfinite(result) else None


def key_text(value: object) -> str | None:
    """Return *value* as a key: text as it is, bool and whole numbers as text, so that 12, 12.0 and "12" are one."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return None if number(value) is None else str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return None


def same(left: object, right: object) -> bool:
    """Return whether two known values are equal; lists item by item, objects never."""
    pairs = [(left, right)]  # a stack, not recursion: the lists come from events, however deep
    while pairs:
        one, other = pairs.pop()
        one_kind = kind(one)
        if one_kind != kind(other) or one_kind == "object":
            return False
        if isinstance(one, list | tuple) and isinstance(other, list | tuple):
            if len(one) != len(other):
                return False
            pairs.extend(zip(one, other, strict=True))
        elif (number(one) if one_kind == "number" else one) != (number(other) if one_kind == "number" else other):
            return False
    return True


def _equal(left: object, right: object) -> bool | None:
    if kind(left) in _INCOMPARABLE or kind(right) in _INCOMPARABLE:
        return None
    return same(left, right)


def _unequal(left: object, right: object) -> bool | None:
    equal = _equal(left, right)
    return None if equal is None else not equal


def _contained(left: object, right: object) -> bool | None:
    if kind(left) in _INCOMPARABLE or not isinstance(right, list | tuple):
        return None
    return any(same(left, item) for item in right)


_INCOMPARABLE: Final = ("unknown", "object")


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[object, object], bool | None]:
    def apply(left: object, right: object) -> bool | None:
        if isinstance(left, str) and isinstance(right, str):
            return compare(left, right)
        one, other = number(left), number(right)
        return None if one is None or other is None else compare(one, other)

    return apply


def _arithmetic(compute: Callable[[float, float], float]) -> Callable[[object, object], float | None]:
    def apply(left: object, right: object) -> float | None:
        one, other = number(left), number(right)
        if one is None or other is None:
            return None
        try:
            return number(compute(one, other))
        except (ZeroDivisionError, ValueError):  # fmod by zero is a ValueError
            return None

    return apply


_add_numbers = _arithmetic(operator.add)


def _add(left: object, right: object) -> float | str | None:
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    return _add_numbers(left, right)


BINARY: Final[Mapping[str, Callable[[object, object], object | None]]] = {
    "+": _add,
    "-": _arithmetic(operator.sub),
    "*": _arithmetic(operator.mul),
    "/": _arithmetic(operator.truediv),
    "%": _arithmetic(math.fmod),
    "==": _equal,
    "!=": _unequal,
    "<": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    ">": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
    "in": _contained,
}
"""Every binary operator but ``&&`` and ``||``, which need not look at both sides."""


def both(left: object, right: object) -> bool | None:
    """``&&``: false if either is false, true if both are true, else unknown."""
    if left is False or right is False:
        return False
    return True if left is True and right is True else None


def either(left: object, right: object) -> bool | None:
    """``||``: true if either is true, false if both are false, else unknown."""
    if left is True or right is True:
        return True
    return False if left is False and right is False else None


def negate(value: object) -> float | None:
    """``-x``: unknown unless a number."""
    result = number(value)
    return None if result is None else -result


def invert(value: object) -> bool | None:
    """``!x``: unknown unless a bool."""
    return not value if isinstance(value, bool) else None
