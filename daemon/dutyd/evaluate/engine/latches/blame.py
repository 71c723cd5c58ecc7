"""Which field made a condition unknown: what is counted, so that a misspelt or mistyped field is never a silent false.

Called by ``runner`` only for conditions that came out unknown.
"""

from dutyd.core.expr import Look, Node, evaluate, to_text
from dutyd.core.expr.tree import Binary, Name, Prev, Window, children, walk

_ARITHMETIC = frozenset("+-*/%")


def blame(node: Node, look: Look) -> frozenset[str]:
    """Return the fields (windows and ``prev`` by text) that make *node* unknown; an empty text: none does."""
    match node:
        case Name():
            return frozenset({node.name})
        case Window() | Prev():
            return frozenset({to_text(node)})
    unknown = [child for child in children(node) if evaluate(child, look) is None]
    if unknown:
        return frozenset().union(*(blame(child, look) for child in unknown))
    if isinstance(node, Binary) and node.op in _ARITHMETIC and all(_is_number(child, look) for child in children(node)):
        return frozenset({""})  # a division by zero, or a result that is not finite
    mistyped = {part.name for part in walk(node) if isinstance(part, Name)}
    return frozenset(mistyped or {""})


def depends_on_values(node: Node) -> bool:
    """Whether *node* can be unknown though every field in it has the type that it needs: it computes something."""
    return any(isinstance(part, Binary) and part.op in _ARITHMETIC for part in walk(node))


def _is_number(node: Node, look: Look) -> bool:
    value = evaluate(node, look)
    return isinstance(value, int | float) and not isinstance(value, bool)
