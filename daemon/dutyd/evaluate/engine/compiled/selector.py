"""``where`` as an index: which events a view sees, with the test for one text taken apart so that it can be looked up.

A thousand rules with ``where: service == "..."`` cost one look into a dictionary, not a thousand comparisons.
``topic`` holds the dictionaries.
"""

from collections.abc import Callable
from dataclasses import dataclass

from dutyd.core.expr import Node
from dutyd.core.expr.compiler import Get, compile_predicate
from dutyd.core.expr.tree import Binary, Has, Literal, Name, walk
from dutyd.evaluate.engine.compiled.conditions import conjuncts


@dataclass(frozen=True, slots=True)
class Selector:
    """Which events a view sees.

    Attributes:
        field, text: the field that must hold this text; None: no such test.
        rest: what must be true beside it; None: nothing.
        names: the fields that *rest* reads.

    """

    field: str | None = None
    text: str = ""
    rest: Callable[[Get], bool | None] | None = None
    names: tuple[str, ...] = ()


def text_of(condition: Node) -> tuple[str, str] | None:
    """Return a field and the text that it must hold for *condition* to be true, None where there is no such test."""
    return next((test for part in conjuncts(condition) if (test := _equality(part)) is not None), None)


def selector_of(where: Node | None) -> Selector:
    """Return *where*, taken apart."""
    if where is None:
        return Selector()
    parts = list(conjuncts(where))
    for part in parts:
        test = _equality(part)
        if test is not None:
            rest = [other for other in parts if other is not part]
            return _with_rest(test, rest)
    return _with_rest((None, ""), parts)


def _equality(node: Node) -> tuple[str, str] | None:
    if not isinstance(node, Binary) or node.op != "==":
        return None
    sides = (node.left, node.right)
    for one, other in (sides, sides[::-1]):
        if isinstance(one, Name) and isinstance(other, Literal) and isinstance(other.value, str):
            return one.name, other.value
    return None


def _with_rest(test: tuple[str | None, str], rest: list[Node]) -> Selector:
    if not rest:
        return Selector(*test)
    joined = rest[0]
    for part in rest[1:]:
        joined = Binary("&&", joined, part)
    names = tuple(dict.fromkeys(node.name for node in walk(joined) if isinstance(node, Name | Has)))
    return Selector(*test, compile_predicate(joined), names)
