"""Read ``decide``: what the model may put into each argument, and within which bounds.

Called by ``step_reader``. Bounds of numbers may hold expressions; what can be compared at load is compared here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from dutyd.act.gateway.bounds import Outside, limits_of
from dutyd.core.errors import nearest
from dutyd.core.expr import Template, Type, look_in
from dutyd.core.step import Bound
from dutyd.rules.reading.fields import Fields, entries
from dutyd.rules.reading.uses import Uses, Where
from dutyd.rules.reading.values import Reader, count, describe, wrong
from dutyd.rules.syntax.source import Broken, ListNode, MapNode, Node, Scalar, SourceFile

T = TypeVar("T")

_KINDS = ("text", "one_of", "integer", "number", "boolean", "each")
_EXAMPLE = "a bound such as {text: 120}, {one_of: [P1, P2]}, {integer: {min: 1, max: 10}} or {boolean: true}"


def bound(source: SourceFile, node: Node, uses: Uses, step: str, where: Where = Where.STEP) -> Bound | None:
    """Read the bound of one argument of *step*; *where* says which names its limits may read."""
    if not isinstance(node, MapNode) or len(node.pairs) != 1:
        wrong(source, node, _EXAMPLE)
        return None
    (kind, value), *_ = node.pairs
    if isinstance(value, Broken):
        return None
    if kind.text in ("integer", "number"):
        return _numbers(_Numbers(source, kind.text, uses, step, where), value)
    if kind.text == "each" and where is Where.STEP:
        return _each(source, value, uses, step)
    if kind.text in _PLAIN_KINDS:
        return _PLAIN_KINDS[kind.text](source, value)
    message = f"'{kind.text[:40]}' is no kind of bound{nearest(kind.text, _KINDS)}"
    source.report(kind, "unknown-key", message, f"expected {_EXAMPLE}")
    return None


def _text(source: SourceFile, node: Node) -> Bound | None:
    limit = count(source, node)
    return None if limit is None else Bound(kind="text", limit=limit)


def _options(source: SourceFile, node: Node) -> Bound | None:
    if not isinstance(node, ListNode) or not node.items:
        wrong(source, node, "a list of values such as [P1, P2, P3]")
        return None
    options: list[str | float] = []
    for item in node.items:
        value = item.value if isinstance(item, Scalar) else None
        if value is None or isinstance(value, bool):
            wrong(source, item, "a text or a number")
        elif value in options:
            source.report(item, "duplicate-value", f"{describe(item)} is in this list twice", "delete one of them")
        else:
            options.append(value)
    return Bound(kind="one_of", options=tuple(options))


def _boolean(source: SourceFile, node: Node) -> Bound | None:
    if (isinstance(node, Scalar) and node.value in (True, None)) or (isinstance(node, MapNode) and not node.pairs):
        return Bound(kind="boolean")
    wrong(source, node, "{boolean: true}: a boolean has no bounds")
    return None


def _each(source: SourceFile, node: Node, uses: Uses, step: str) -> Bound | None:
    """Read ``{in: LIST, with: ..., decide: ...}``: for each item of the list, what is put in and what is decided."""
    fields = Fields(source, node, "bound of kind each", ("in", "with", "decide"), required=("in", "decide"))
    if not fields.readable:
        return None
    items = fields.read("in", uses.template(Where.STEP, step, Type.LIST))
    fixed = dict(_pairs(fields, "with", uses.template(Where.ITEM, step)))
    parts = dict(_pairs(fields, "decide", lambda source, node: bound(source, node, uses, step, Where.ITEM)))
    if not parts and fields.written("decide"):
        source.report(
            fields.key("decide"), "decide", "nothing is left to decide", "bind the whole list in the step's `with`"
        )
        return None
    for name in fixed.keys() & parts.keys():
        message = f"'{name}' is bound by `with` and left to the model by `decide`"
        source.report(fields.names_in("decide")[name], "decide", message, "delete one of them")
    return Bound(kind="each", items=items, fixed=fixed, parts=parts)


def _pairs(fields: Fields, key: str, reader: Reader[T]) -> Iterator[tuple[str, T]]:
    node = fields.node_of(key)
    for name, value in entries(fields.source, node, "a mapping of names to values") if node is not None else ():
        if (found := reader(fields.source, value)) is not None:
            yield name.text, found


@dataclass(frozen=True, slots=True)
class _Numbers:
    """A bound of numbers that is read: its kind, and where its limits stand."""

    source: SourceFile
    kind: str
    uses: Uses
    step: str
    where: Where


def _numbers(reading: _Numbers, node: Node) -> Bound | None:
    source, kind = reading.source, reading.kind
    fields = Fields(source, node, f"bound of kind {kind}", ("min", "max", "multiple_of"))
    low, high, multiple = (_limit(fields, key, reading) for key in ("min", "max", "multiple_of"))
    if not fields.readable:
        return None
    found = Bound(kind="integer" if kind == "integer" else "number", low=low, high=high, multiple_of=multiple)
    if all(part is None or part.is_literal for part in (low, high, multiple)):
        limits = limits_of(found, look_in({}))
        if isinstance(limits, Outside):
            source.report(node, "out-of-range", f"this bound can't be met: {limits.reason}")
    return found


def _limit(fields: Fields, key: str, reading: _Numbers) -> Template | None:
    """Read one limit: a number, or a value that is only ``{{ }}``."""
    found = fields.read(key, reading.uses.template(reading.where, reading.step, Type.NUMBER))
    node = fields.node_of(key)
    if found is None or node is None:
        return None
    only_expression = found.exprs and found.root is found.exprs[0]
    value = found.literal
    if isinstance(value, bool) or (value is not None and not isinstance(value, int | float)):
        wrong(fields.source, node, 'a number, or an expression such as "{{ 2 * order_quantity }}"')
    elif value is None and not only_expression:
        message = "text around an expression makes it a text: expected a number"
        fields.source.report(node, "wrong-type", message, 'write the expression alone: "{{ 2 * order_quantity }}"')
    elif reading.kind == "integer" and isinstance(value, float) and not value.is_integer():
        wrong(fields.source, node, "a whole number")
    else:
        return found
    return None


_PLAIN_KINDS: Mapping[str, Reader[Bound]] = {"text": _text, "one_of": _options, "boolean": _boolean}
