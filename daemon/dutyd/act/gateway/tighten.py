"""The tighter of two states of one rule: what an incident was accepted under, and what the files say now.

A rule that was narrowed after an incident was accepted binds that incident, too; a rule that was widened does not.
Called by the act path whenever it takes an incident up. What can't be compared is not granted.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, TypeVar

from dutyd.core.expr import Expr, ExpressionError, Node, Template, parse, parse_template, tree
from dutyd.core.rule import Rule, lowest
from dutyd.core.step import Agent, Bound, Budget, IfUnsure, Step

_Number = TypeVar("_Number", int, float)


def tighten(accepted: Rule, current: Rule | None) -> Rule:
    """Return *accepted*, no wider than *current* (None: the rule is gone).

    A step that is gone or has another tool is not in the result; of a rule that is gone only ``on_clear`` is left, so
    that what was opened can be taken back.
    """
    if current is None:
        return replace(accepted, steps={}, agent=None)
    return replace(
        accepted,
        mode=lowest(accepted.mode, current.mode),
        agent=_agent(accepted.agent, current.agent),
        steps=_steps(accepted.steps, current.steps),
        on_clear=_steps(accepted.on_clear, current.on_clear),
    )


def _agent(accepted: Agent | None, current: Agent | None) -> Agent | None:
    if accepted is None or current is None:
        return None
    reads = tuple(name for name in accepted.reads if name in current.reads)
    return replace(accepted, reads=reads, budget=_budget(accepted.budget, current.budget))


def _budget(accepted: Budget, current: Budget) -> Budget:
    return Budget(
        turns=min(accepted.turns, current.turns),
        seconds=min(accepted.seconds, current.seconds),
        tokens=min(accepted.tokens, current.tokens),
        usd=_least(accepted.usd, current.usd),
    )


def _steps(accepted: Mapping[str, Step], current: Mapping[str, Step]) -> dict[str, Step]:
    both = {name: _step(step, current[name]) for name, step in accepted.items() if name in current}
    return {name: step for name, step in both.items() if step is not None}


def _step(accepted: Step, current: Step) -> Step | None:
    if accepted == current:
        return accepted
    if accepted.tool != current.tool or accepted.each != current.each:
        return None
    decide: dict[str, Bound] = {}
    # What the rule binds in either state the model does not decide; the accepted value stands where both bind.
    bound_now = {name: template for name, template in current.args.items() if name in accepted.decide}
    args = {**bound_now, **accepted.args}
    for name in accepted.decide.keys() & current.decide.keys():
        bound = _bound(accepted.decide[name], current.decide[name])
        if bound is None:
            return None
        decide[name] = bound
    fallback = accepted.fallback if current.fallback is not None else None
    try:
        return replace(
            accepted,
            args=args,
            decide={name: decide[name] for name in accepted.decide if name in decide},
            fallback=None if fallback is None else {name: fallback[name] for name in fallback if name not in args},
            if_=_joined(accepted.if_, "&&", current.if_),
            refuse_if=_joined(accepted.refuse_if, "||", current.refuse_if),
            approval_if=_joined(accepted.approval_if, "||", current.approval_if),
            if_unsure=_unsure(accepted.if_unsure, current.if_unsure),
        )
    except ExpressionError:
        return None  # together they are too long to be one expression


def _unsure(accepted: IfUnsure, current: IfUnsure) -> IfUnsure:
    """Return what both allow where nobody can tell: to repeat is the widest, to skip the tightest."""
    if accepted == current:
        return accepted
    return "skip" if "skip" in (accepted, current) else None


def _joined(accepted: Expr | None, operator: Literal["&&", "||"], current: Expr | None) -> Expr | None:
    if accepted is None or current is None or accepted.text == current.text:
        return accepted or current
    checked = parse(f"({accepted.text}) {operator} ({current.text})")  # not too long together?
    return Expr(checked.text, tree.Binary(operator, accepted.root, current.root))  # with their tables


def _bound(accepted: Bound, current: Bound) -> Bound | None:
    """Return what lies within both bounds, or None where that can't be said."""
    if accepted == current:
        return accepted
    if "each" in (accepted.kind, current.kind):
        return _each(accepted, current)
    options = tuple(option for option in accepted.options if option in current.options)
    comparable = accepted.kind == current.kind and (accepted.kind != "one_of" or options)
    same_step = accepted.multiple_of == current.multiple_of or current.multiple_of is None
    if not comparable or not (same_step or accepted.multiple_of is None):
        return None
    try:
        return Bound(
            kind=accepted.kind,
            limit=_least(accepted.limit, current.limit),
            options=options,
            low=_either(accepted.low, ">", current.low),
            high=_either(accepted.high, "<", current.high),
            multiple_of=accepted.multiple_of or current.multiple_of,
        )
    except ExpressionError:
        return None


def _each(accepted: Bound, current: Bound) -> Bound | None:
    """Return a list's bound with the tighter bound of each part; what else is decided or put in must be the same."""
    same = accepted.kind == current.kind and accepted.items == current.items and accepted.fixed == current.fixed
    if not same or accepted.parts.keys() != current.parts.keys():
        return None
    parts = {name: _bound(part, current.parts[name]) for name, part in accepted.parts.items()}
    found = {name: part for name, part in parts.items() if part is not None}
    return replace(accepted, parts=found) if len(found) == len(parts) else None


def _either(accepted: Template | None, operator: Literal["<", ">"], current: Template | None) -> Template | None:
    """Return the greater (or lesser) of two numbers, whatever they are when they are rendered."""
    if accepted is None or current is None or accepted == current:
        return accepted or current
    one, other = _text(accepted), _text(current)
    checked = parse_template(f"{{{{ ({one}) {operator} ({other}) ? ({one}) : ({other}) }}}}")
    left, right = _root(accepted), _root(current)
    return checked.map(lambda expr: Expr(expr.text, tree.Ternary(tree.Binary(operator, left, right), left, right)))


def _root(number: Template) -> Node:
    value = number.literal
    return tree.Literal(value) if isinstance(value, int | float) else number.exprs[0].root


def _text(number: Template) -> str:
    return str(number.literal) if number.is_literal else number.exprs[0].text


def _least(one: _Number | None, other: _Number | None) -> _Number | None:
    return min((value for value in (one, other) if value is not None), default=None)
