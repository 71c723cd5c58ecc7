"""A rule as the engine sees it: its conditions with every ``let`` put in, and what they read.

Made by ``plan`` once per rule and set of files. With the ``let`` names gone, every ``Name`` is a field of the event,
and the analysis (``touch``), the compiler and the evidence all read the same trees.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

from dutyd.core.errors import WrongError
from dutyd.core.expr import Expr, Node
from dutyd.core.expr.tree import Binary, Call, ListOf, Literal, Lookup, Name, Prev, Ternary, Unary, Window, walk
from dutyd.core.rule import Rule

NEVER = Literal(value=False)

MOST_NODES = 10_000
"""How large a condition may be with its ``let`` put in: a chain of them can double with every link."""


@dataclass(frozen=True, slots=True, eq=False)
class Conditions:
    """What decides about one rule.

    Attributes:
        rule: the rule.
        where: what it sees; None: every event.
        when: what opens.
        clear: what clears; None: when *when* is false.
        let: each name and its tree.
        windows: every window that *when*, *clear* and *let* read.
        prevs: every field whose value before they read.
        absents: every ``absent`` among the windows.
        names: every field that *when* and *clear* read themselves.
        digest: of all that; as long as it stays the same, editing the rule changes no decision.

    """

    rule: Rule
    where: Node | None
    when: Node
    clear: Node | None
    let: Mapping[str, Node]
    windows: tuple[Window, ...]
    prevs: frozenset[str]
    absents: frozenset[Window]
    names: tuple[str, ...]
    digest: str


def conditions_of(rule: Rule) -> Conditions:
    """Return *rule*'s conditions.

    Raises:
        WrongError: they are too large with ``let`` put in, or read a window where none can be.

    """
    let = _put_in_each(rule)
    when = _put_in(rule.when.root, let)
    clear = None if rule.clear is None else _put_in(rule.clear.root, let)
    if rule.sequence is not None and clear is None:
        clear = NEVER
    where = None if rule.where is None else rule.where.root
    deciding = [node for root in (when, clear) if root is not None for node in walk(root)]
    read = deciding + [node for root in let.values() for node in walk(root)]
    _refuse_windows(rule, where, read)
    return Conditions(
        rule=rule,
        where=where,
        when=when,
        clear=clear,
        let=let,
        windows=tuple(dict.fromkeys(node for node in read if isinstance(node, Window))),
        prevs=frozenset(node.field for node in read if isinstance(node, Prev)),
        absents=frozenset(node for node in read if isinstance(node, Window) and node.function == "absent"),
        names=tuple(dict.fromkeys(node.name for node in deciding if isinstance(node, Name))),
        digest=sha256(_text(rule).encode()).hexdigest()[:16],
    )


def _text(rule: Rule) -> str:
    expressions = [rule.where, rule.when, rule.clear, *rule.let.values()]
    texts = [None if expression is None else expression.text for expression in expressions]
    return repr((rule.topic, rule.per, rule.hold, rule.keep, list(rule.let), texts, *_sequence(rule)))


def _sequence(rule: Rule) -> Iterator[object]:
    found = rule.sequence
    if found is not None:
        yield from ((item.name, item.topic, None if item.where is None else item.where.text) for item in found.items)
        yield found.within
        yield None if found.unless is None else (found.unless.topic, found.unless.where.text)


def _put_in_each(rule: Rule) -> dict[str, Node]:
    """Put the earlier ``let`` into each later one; measured first, so that none can grow without end."""
    sizes: dict[str, int] = {}
    let: dict[str, Node] = {}
    for name, expression in rule.let.items():
        sizes[name] = _size(expression, sizes)
        if sizes[name] <= MOST_NODES:
            let[name] = _put_in(expression.root, let)
    conditions = [rule.when, *([] if rule.clear is None else [rule.clear])]
    if max([*sizes.values(), *(_size(expression, sizes) for expression in conditions)]) > MOST_NODES:
        raise WrongError(
            f"rule {rule.id}: its conditions have more than {MOST_NODES} parts once each 'let' is put in: "
            "let them build on each other less"
        )
    return let


def _size(expression: Expr, sizes: Mapping[str, int]) -> int:
    return sum(sizes.get(node.name, 1) if isinstance(node, Name) else 1 for node in walk(expression.root))


def _refuse_windows(rule: Rule, where: Node | None, read: list[Node]) -> None:
    filters = [node.filter for node in read if isinstance(node, Window) and node.filter is not None]
    for part, roots in (("where", [where] if where is not None else []), ("the filter of a window", filters)):
        if any(isinstance(node, Window | Prev) for root in roots for node in walk(root)):
            raise WrongError(f"rule {rule.id}: {part} can't read a window or prev: use them in 'when' or 'clear'")


def _put_in(node: Node, let: Mapping[str, Node]) -> Node:  # noqa: PLR0911  # one kind of node after the other
    """Return *node* with every name of *let* replaced by its tree."""
    match node:
        case Name():
            return let.get(node.name, node)
        case Unary():
            return Unary(node.op, _put_in(node.operand, let), node.at)
        case Binary():
            return Binary(node.op, _put_in(node.left, let), _put_in(node.right, let), node.at)
        case Ternary():
            condition, then, other = (_put_in(part, let) for part in (node.condition, node.then, node.other))
            return Ternary(condition, then, other, node.at)
        case ListOf():
            return ListOf(tuple(_put_in(item, let) for item in node.items), node.at)
        case Call():
            return Call(node.function, tuple(_put_in(arg, let) for arg in node.args), node.at)
        case Lookup():
            default = None if node.default is None else _put_in(node.default, let)
            return replace(node, key=_put_in(node.key, let), default=default)
        case Window(filter=found) if found is not None:
            return replace(node, filter=_put_in(found, let))
    return node


def conjuncts(node: Node) -> Iterator[Node]:
    """Yield the parts that *node* joins by ``&&``; itself when there is none."""
    if isinstance(node, Binary) and node.op == "&&":
        yield from conjuncts(node.left)
        yield from conjuncts(node.right)
    else:
        yield node
