"""Which field made a condition unknown: what is counted, so that a misspelt or mistyped field is never a silent false.

Called by ``runner`` only for conditions that came out unknown.
"""

from dutyd.core.expr import Look, Node, evaluate, to_text
from dutyd.core.expr.tree import Name, Prev, Window, children, walk


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
    mistyped = {part.name for part in walk(node) if isinstance(part, Name)}
    return frozenset(mistyped or {""})
