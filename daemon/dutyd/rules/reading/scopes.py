"""The names and types of a rule's expressions, checked when the whole rule was read.

``check_uses`` reports what is wrong; ``fields_read`` and ``steps_read`` say which event fields and which steps the
expressions name. Called by ``rule_reader``.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from dutyd.core.expr import Expr, ExpressionError, Scope, Type, examine, examine_template
from dutyd.core.expr.tree import Has, Name, Node, Prev, Window, walk
from dutyd.rules.reading.uses import Use, Where, report_inside
from dutyd.rules.syntax.source import SourceFile

PREFIXES = ("steps", "answer", "group")
"""First parts of names that are no event fields, in any expression."""

_NONE: Mapping[str, frozenset[str] | None] = dict.fromkeys(PREFIXES, frozenset())
_RESULTS = ("steps", "answer")
_ONE_EVENT = (Where.EVENT, Where.SEQUENCE)
_OF_MEMBER = (Where.SEQUENCE, Where.LET, Where.MEMBER, Where.ONE_EVENT)
_ELSEWHERE = {Where.EVENT: "use it in `when`", Where.SEQUENCE: "count in a rule of its own"}
_TEXTS = {"summary": Type.TEXT, "evidence": Type.TEXT}


@dataclass(frozen=True, slots=True)
class Names:
    """What the expressions of one rule may name.

    Attributes:
        let: the rule's own names, in order, with the type of each.
        steps: the names of its steps; *clearing* those under ``on_clear``.
        answer: the fields of the agent's answer.
        arguments: step to the arguments of its call, with the type of each.
        items: the names of its sequence's items, in order.
        fields: what stands in place of an event's fields, and nothing else; None: any event's fields.
        group: what may follow ``group.``; None: the rule has no group. What one event of a member says is not what
            its group says: the steps of a group read *fields*, which its members have in common, and ``group``.
        each: the steps that run once for each item of a list: theirs read ``item``.

    """

    let: Mapping[str, Type]
    steps: frozenset[str]
    clearing: frozenset[str]
    arguments: Mapping[str, Mapping[str, Type]]
    fields: Mapping[str, Type] | None = None
    answer: frozenset[str] = frozenset()
    group: frozenset[str] | None = None
    each: frozenset[str] = frozenset()
    items: tuple[str, ...] = ()


def let_types(uses: Iterable[Use]) -> dict[str, Type]:
    """Return the type of each ``let`` name; a name may stand in those after it."""
    found: dict[str, Type] = {}
    for use in uses:
        if use.where is Where.LET and isinstance(use.value, Expr):
            found[use.owner] = examine(use.value, Scope(names=found, prefixes=_NONE)).type
    return found


def check_uses(source: SourceFile, uses: Iterable[Use], names: Names) -> None:
    """Report every wrong name and type in *uses*."""
    for use in uses:
        scope = _scope(use, names)
        if isinstance(use.value, Expr):
            problems = list(examine(use.value, scope, use.expect).problems)
        else:
            problems = list(examine_template(use.value, scope, use.expect))
        hidden = _hidden(use, list(names.let))
        for path, expr in use.exprs:
            for node in walk(expr.root):
                if found := _misplaced(node, use.where, hidden, names.let):
                    problems.append(ExpressionError(found[0], expr.offset + node.at + 1, found[1], path))
        for problem in problems:
            report_inside(source, use.node, problem)


def _hidden(use: Use, let: list[str]) -> frozenset[str]:
    """Return the ``let`` names that have no value yet where *use* stands: they would be taken for fields."""
    if use.where is Where.LET:
        return frozenset(let[let.index(use.owner) :])
    return frozenset(let if use.where in _ONE_EVENT else ())


def _misplaced(node: Node, where: Where, hidden: frozenset[str], let: Collection[str]) -> tuple[str, str] | None:
    """Return what is wrong with *node* where types can't tell: ``let`` names and windows that have no value there."""
    if isinstance(node, Name | Has) and node.name in hidden:
        why = "`where` comes before `let`" if where in _ONE_EVENT else "`let` is computed from top to bottom"
        return f"'{node.name}' has no value here: {why}", "write out what it stands for"
    field = node.name if isinstance(node, Has) else node.field if isinstance(node, Window | Prev) else None
    if isinstance(node, Window) and node.by in let:
        field = node.by
    if field is not None and field in let and where not in _ONE_EVENT:
        what = {Has: "has()", Prev: "prev()"}.get(type(node), "a window")
        return f"'{field}' is a name of `let`: {what} takes a field of the event", "name the field itself"
    if where in _ONE_EVENT and isinstance(node, Window | Prev):
        return "`where` looks at one event alone: no windows, no prev", _ELSEWHERE[where]
    return None


def _scope(use: Use, names: Names) -> Scope:
    none = _prefixes(use, names)
    if use.where in _ONE_EVENT:
        return Scope(prefixes=none)
    if use.where in (Where.LET, Where.CONDITION):
        return Scope(names=names.let, prefixes=none)
    if use.where in (Where.MEMBER, Where.ONE_EVENT) and names.group is not None:
        return Scope(names=names.let, prefixes=none, windows=False)
    if use.where in (Where.SUMMARY, Where.ONE_EVENT, Where.MEMBER):
        return _after(names, {}, none)
    if use.where is Where.GOAL:
        return _after(names, _TEXTS, none)
    own = names.arguments.get(use.owner, {}) if use.where is Where.CALL else {}
    of_item = use.where is Where.ITEM or (use.owner in names.each and use.where is not Where.EACH)
    item: dict[str, None] = {"item": None} if of_item else {}
    own = {**own, **dict.fromkeys(item, Type.ANY)}
    steps = names.steps | names.clearing if use.owner in names.clearing else names.steps
    return _after(names, {**_TEXTS, **own}, {**none, **item, "steps": steps, "answer": names.answer})


def _prefixes(use: Use, names: Names) -> Mapping[str, frozenset[str] | None]:
    """Return which items can be read where *use* stands: they have been seen there; no other prefix has a value."""
    items = names.items
    if not items:
        return _NONE
    if use.where is Where.SEQUENCE:
        items = items[: items.index(use.owner)] if use.owner in items else items[:-1]
    of_group = names.group is not None and use.where not in _OF_MEMBER
    unseen = of_group or use.where in (Where.EVENT, Where.CONDITION)
    return {**_NONE, "items": frozenset(() if unseen else items)}


def _after(names: Names, more: Mapping[str, Type], prefixes: Mapping[str, frozenset[str] | None]) -> Scope:
    """Return the scope of what is read after the rule decided: no windows, which stand in its ``let``."""
    let, prefixes = names.let, {**prefixes, "group": names.group or frozenset()}
    if names.group is not None:
        let = {}
    known = {**(names.fields or {}), **let, **more}
    return Scope(names=known, closed=names.fields is not None, prefixes=prefixes, windows=False)


def fields_read(uses: Iterable[Use], names: Names) -> frozenset[str]:
    """Return the event fields that *uses* name."""
    found: set[str] = set()
    for use in uses:
        if use.where is Where.SEQUENCE:
            found |= _of_item(use, names)
            continue
        scope = _scope(use, names)
        own = set(scope.names) - set(names.fields or ())
        found |= {
            name
            for _, expr in use.exprs
            for name in expr.names
            if name not in own and name.partition(".")[0] not in scope.prefixes.keys() - {"items"}
        }
    return frozenset(found)


def _of_item(use: Use, names: Names) -> set[str]:
    """Return what an item reads, as everything after it names that; a guard's own event is not seen after it."""
    read = {name for _, expr in use.exprs for name in expr.names}
    items = {name for name in read if name.startswith("items.")}
    return items | ({f"items.{use.owner}.{name}" for name in read - items} if use.owner in names.items else set())


def steps_read(uses: Iterable[Use], owner: str) -> frozenset[str]:
    """Return the steps whose results the step *owner* reads (``steps.x``; ``answer.x`` is that of ``answer``)."""
    parts = (name.split(".") for use in uses if use.owner == owner for _, expr in use.exprs for name in expr.names)
    return frozenset(
        part[1] if part[0] == "steps" else part[0] for part in parts if part[0] in _RESULTS and len(part) > 1
    )
