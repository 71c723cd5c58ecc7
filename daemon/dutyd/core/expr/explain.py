"""``explain``: what each part of an expression came to, and why a part is unknown.

For people: ``rules explain``, ``why`` and the reason of a refused effect print it. It evaluates each part anew, which
is slower than ``evaluate`` and simple; trees are small.
"""

from dataclasses import dataclass

from dutyd.core.expr.evaluate import Look, evaluate
from dutyd.core.expr.operators import kind
from dutyd.core.expr.text import to_text
from dutyd.core.expr.tree import Binary, Expr, Literal, Name, Node, Prev, Ternary, Window, children


@dataclass(frozen=True, slots=True)
class Explained:
    """One node and what it came to.

    Attributes:
        text: the node, canonically.
        value: its value; None is unknown.
        unknown: why it is unknown; empty where it is known.
        parts: what stands right below it, without the branch of a ``?:`` that was not taken.

    """

    text: str
    value: object | None
    unknown: str = ""
    parts: tuple["Explained", ...] = ()


def explain(tree: Node | Expr, look: Look) -> Explained:
    """Return what *tree* and each of its parts come to under *look*."""
    node = tree.root if isinstance(tree, Expr) else tree
    value = evaluate(node, look)
    parts = tuple(explain(part, look) for part in _asked(node, look))
    unknown = "" if value is not None else _inherited(parts) or _own(node, parts)
    return Explained(to_text(node), value, unknown, parts)


def _asked(node: Node, look: Look) -> tuple[Node, ...]:
    """The parts that the value depends on; a window's filter was asked of other events, so it is none."""
    if isinstance(node, Window):
        return ()
    if isinstance(node, Ternary):
        condition = evaluate(node.condition, look)
        if not isinstance(condition, bool):
            return (node.condition,)
        return (node.condition, node.then if condition else node.other)
    return children(node)


def _inherited(parts: tuple[Explained, ...]) -> str:
    return next((part.unknown for part in parts if part.unknown), "")


def _own(node: Node, parts: tuple[Explained, ...]) -> str:
    match node:
        case Name(name=name):
            return f"'{name}' has no value"
        case Prev(field=field):
            return f"'{field}' had no value in the event before"
        case Window():
            return f"'{to_text(node)}' has too few values, or reaches back further than was read"
        case Literal():
            return "null is unknown"
        case Binary(op="/" | "%" as op) if kind(parts[1].value) == "number" and not parts[1].value:
            return f"'{op}' by zero"
    kinds = " and ".join(kind(part.value) for part in parts)
    return f"'{to_text(node)}' has no value for {kinds}"
