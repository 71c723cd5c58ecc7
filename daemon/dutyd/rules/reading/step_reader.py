"""Read the steps of a rule: tools with arguments, what the model decides in them, their conditions and their order.

Called by ``rule_reader`` for ``steps`` and ``on_clear``. What a step says is held against its tool's argument model;
names in expressions and the order of steps are checked later, when all steps are known.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from dutyd.core.expr import Expr, Template, Type
from dutyd.core.step import Bound, Retry, Step
from dutyd.core.tool import Tool
from dutyd.rules.reading.bounds import bound
from dutyd.rules.reading.fields import Fields, entries
from dutyd.rules.reading.step_checks import StepContext, check_step, find_tool
from dutyd.rules.reading.tool_args import expression_types
from dutyd.rules.reading.uses import Uses, Where
from dutyd.rules.reading.values import count, duration, names, one_of, text, wrong
from dutyd.rules.syntax.source import Node, Scalar, SourceFile

KEYS = (
    "tool",
    "with",
    "decide",
    "fallback",
    "needs",
    "if",
    "refuse_if",
    "approval_if",
    "each",
    "retry",
    "on_error",
    "if_unsure",
)
STEP_NAME = re.compile(r"[A-Za-z][a-z0-9_]{2,39}")


class _OnError(StrEnum):
    STOP = "stop"
    CONTINUE = "continue"


class _IfUnsure(StrEnum):
    SKIP = "skip"
    REPEAT = "repeat"


def read_steps(context: StepContext, node: Node) -> dict[str, Step]:
    """Return the steps of *node*, in the order of the file; those that can't be read are left out."""
    found: dict[str, Step] = {}
    for name, value in entries(context.source, node, "a mapping of step names to steps"):
        if not STEP_NAME.fullmatch(name.text):
            message = f"'{name.text[:60]}' is no name for a step"
            hint = "a letter, then 2 to 39 of a-z, 0-9 and _"
            context.source.report(name, "step-name", message, hint)
        step = _step(context, name, value)
        if step is not None:
            found[name.text] = step
    return found


def _step(context: StepContext, name: Scalar, node: Node) -> Step | None:
    source, uses, own = context.source, context.uses, name.text
    fields = Fields(source, node, "step", KEYS, required=("tool",))
    if not fields.readable:
        return None
    tool = _tool(context, fields)
    types = expression_types(tool.args) if tool is not None else {}
    args = read_arguments(fields, "with", uses, own, types)
    decide = read_bounds(fields, "decide", uses, own)
    fallback = read_arguments(fields, "fallback", uses, own, types) if fields.written("fallback") else None
    step = Step(
        name=own,
        tool=fields.read("tool", text, ""),
        args=args,
        decide=decide,
        fallback=fallback,
        after=frozenset(fields.read("needs", names("[forecast]"), ())),
        if_=fields.read("if", uses.expression(Where.STEP, own)),
        refuse_if=fields.read("refuse_if", uses.expression(Where.CALL, own)),
        approval_if=fields.read("approval_if", uses.expression(Where.CALL, own)),
        each=fields.read("each", lambda source, node: _each(source, node, uses, own)),
        retry=fields.read("retry", _retry, None),
        on_error=fields.read("on_error", one_of(_OnError), _OnError.STOP).value,
        if_unsure=_value(fields.read("if_unsure", one_of(_IfUnsure))),
        place=source.place(name.start),
    )
    check_step(context, fields, step, tool)
    return step


def _each(source: SourceFile, node: Node, uses: Uses, step: str) -> Template | None:
    """Read the list whose items a step is done for."""
    found = uses.template(Where.EACH, step, Type.LIST)(source, node)
    if found is None or isinstance(found.root, tuple | Expr):
        return found
    wrong(source, node, 'a list, such as [a, b] or "{{ group.members }}"')
    return None


def _value(member: _IfUnsure | None) -> Any:
    return None if member is None else member.value


def _tool(context: StepContext, fields: Fields) -> Tool | None:
    name = fields.require("tool", text)
    return find_tool(context.source, context.known, name, fields.node_of("tool"))


def _retry(source: SourceFile, node: Node) -> Retry | None:
    fields = Fields(source, node, "retry", ("attempts", "backoff"))
    if not fields.readable:
        return None
    return Retry(fields.read("attempts", count, Retry().attempts), fields.read("backoff", duration, Retry().backoff))


def read_arguments(
    fields: Fields, key: str, uses: Uses, step: str, types: Mapping[str, Type] | None = None
) -> dict[str, Template]:
    """Read arguments; a text may come of any expression, other types only of one that can be them."""
    node = fields.node_of(key)
    found: dict[str, Template] = {}
    pairs = entries(fields.source, node, "a mapping of arguments to values") if node is not None else ()
    for name, value in pairs:
        expect = (types or {}).get(name.text, Type.ANY)
        expect = Type.ANY if expect is Type.TEXT else expect
        template = uses.template(Where.STEP, step, expect)(fields.source, value)
        if template is not None:
            found[name.text] = template
    return found


def read_bounds(fields: Fields, key: str, uses: Uses, step: str) -> dict[str, Bound]:
    """Read what the model may put into each argument."""
    node = fields.node_of(key)
    if node is None:
        return {}
    pairs = entries(fields.source, node, "a mapping of arguments to bounds")
    read = {name.text: bound(fields.source, value, uses, step) for name, value in pairs}
    return {name: found for name, found in read.items() if found is not None}
