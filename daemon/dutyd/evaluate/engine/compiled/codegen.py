"""The conditions of many rules as one Python function: fields in, the rules whose latch moves out.

The function looks at one entity's *mask*, two bits a rule (firing, pending; both while ``keep_firing_for`` runs), asks
of each rule only what can move its latch from where it stands, and returns a list: ``i`` for a latch that moves, ``~i``
for a condition that is unknown. Fields, arithmetic and windows that rules share are computed once. ``tables`` calls it
behind the guards.
"""

import ast
from collections.abc import Callable, Mapping, Sequence

from dutyd.core.expr import Node
from dutyd.core.expr.compiler import Writer, compile_function
from dutyd.core.expr.python import all_of, any_of, constant, name
from dutyd.core.expr.tree import Window
from dutyd.evaluate.engine.compiled.conditions import Conditions

Hits = list[int]


def firing_bit(number: int) -> int:
    """Return the bit of a mask that says that rule *number* of its table is firing."""
    return 1 << 2 * number


def pending_bit(number: int) -> int:
    """Return the bit of a mask that says that rule *number* of its table is pending."""
    return 2 << 2 * number


def generate(rules: Sequence[Conditions], windows: Mapping[Window, int]) -> Callable[..., Hits]:
    """Return ``f(get, prev, read, track, time, mask)`` for *rules* of any kind."""
    writer = Writer(windows)
    branches = [_rule(number, rule, writer, certain=False) for number, rule in enumerate(rules)]
    return _function(("get", "prev", "read", "track", "time", "mask"), writer, branches)


def generate_for_number(rules: Sequence[Conditions], quantity: Node) -> Callable[..., Hits]:
    """Return ``f(value, mask)`` for *rules* that read nothing but the number *quantity*."""
    writer = Writer({}, given={quantity: "value"})
    branches = [_rule(number, rule, writer, certain=True) for number, rule in enumerate(rules)]
    return _function(("value", "mask"), writer, branches)


def _function(parameters: tuple[str, ...], writer: Writer, branches: list[ast.stmt]) -> Callable[..., Hits]:
    hits: ast.stmt = ast.Assign([ast.Name("hits", ast.Store())], ast.List([], ast.Load()))
    return compile_function(parameters, [hits, *writer.body, *branches, ast.Return(name("hits"))], writer.refs)


def _rule(number: int, rule: Conditions, writer: Writer, *, certain: bool) -> ast.stmt:
    """Return the statement for one rule; *certain*: no condition of it can be unknown."""
    inactive = _opening(number, rule, writer, certain=certain)
    if rule.rule.hold > 0:
        inactive = _if(_has_bit(pending_bit(number)), [_pending(number, rule, writer, certain=certain)], [inactive])
    return _if(_has_bit(firing_bit(number)), [_firing(number, rule, writer, certain=certain)], [inactive])


def _opening(number: int, rule: Conditions, writer: Writer, *, certain: bool) -> ast.stmt:
    opens = writer.truth(rule.when)
    if rule.clear is not None:
        opens = all_of(opens, ast.UnaryOp(ast.Not(), writer.truth(rule.clear)))
    return _if(opens, [_hit(number)], _unknown(number, writer, rule.when, certain=certain))


def _pending(number: int, rule: Conditions, writer: Writer, *, certain: bool) -> ast.stmt:
    ends = writer.falsity(rule.when)
    if rule.clear is not None:
        ends = any_of(ends, writer.truth(rule.clear))
    return _if(ends, [_hit(number)], _unknown(number, writer, rule.when, certain=certain))


def _firing(number: int, rule: Conditions, writer: Writer, *, certain: bool) -> ast.stmt:
    ends = writer.falsity(rule.when) if rule.clear is None else writer.truth(rule.clear)
    unknown = _unknown(number, writer, rule.clear or rule.when, certain=certain)
    clears = _if(ends, [_hit(number)], unknown)
    if rule.rule.keep == 0:
        return clears
    goes_on = writer.truth(rule.when) if rule.clear is None else writer.falsity(rule.clear)
    return _if(_has_bit(pending_bit(number)), [_if(goes_on, [_hit(number)], unknown)], [clears])


def _unknown(number: int, writer: Writer, node: Node, *, certain: bool) -> list[ast.stmt]:
    """Return the statement that reports *node* where it is neither true nor false."""
    if certain:
        return []
    known = any_of(writer.truth(node), writer.falsity(node))
    return [_if(ast.UnaryOp(ast.Not(), known), [_hit(~number)], [])]


def _has_bit(bit: int) -> ast.expr:
    return ast.BinOp(name("mask"), ast.BitAnd(), constant(bit))


def _hit(number: int) -> ast.stmt:
    append = ast.Attribute(name("hits"), "append", ast.Load())
    return ast.Expr(ast.Call(append, [constant(number)], []))


def _if(test: ast.expr, then: list[ast.stmt], other: list[ast.stmt]) -> ast.stmt:
    return ast.If(test, then, other)
