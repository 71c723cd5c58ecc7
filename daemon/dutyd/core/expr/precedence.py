"""How tight each operator binds, as in CEL: one table for the parser, which reads, and the printer, which writes."""

from typing import Final

from dutyd.core.expr.tree import Binary, Literal, Node, Ternary, Unary

TERNARY: Final = 1
COMPARISON: Final = 4
UNARY: Final = 7
PRIMARY: Final = 8
"""Names, literals, lists, calls: nothing can come between their parts."""

POWER: Final = {
    "||": 2,
    "&&": 3,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in"), COMPARISON),
    **dict.fromkeys(("+", "-"), 5),
    **dict.fromkeys(("*", "/", "%"), 6),
}
"""Of the binary operators; those of equal power group from the left, comparisons not at all."""


def power(node: Node) -> int:
    """Return how tight the outermost operator of *node* binds."""
    if isinstance(node, Binary):
        return POWER[node.op]
    if isinstance(node, Unary) or (isinstance(node, Literal) and _is_signed(node.value)):
        return UNARY
    return TERNARY if isinstance(node, Ternary) else PRIMARY


def _is_signed(value: object) -> bool:
    """Whether a literal prints with a minus."""
    return isinstance(value, float) and repr(value).startswith("-")
