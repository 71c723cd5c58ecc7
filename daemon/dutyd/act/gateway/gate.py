"""The gates before an effect: this exact call goes out, a person must agree to it, or it is refused.

Asked by the act path for every effect, whoever made its arguments (rule, model or fallback), with the names that the
step's expressions read. What can't be evaluated never opens a gate: an unknown ``refuse_if`` refuses, an unknown
``approval_if`` asks, an amount that can't be known refuses where there is a ceiling.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import Any

from pydantic import BaseModel, ValidationError

from dutyd.act.gateway.values import Gate, Outcome
from dutyd.core.expr import Expr, Look, evaluate, look_in
from dutyd.core.expr.tree import Has, Name, Prev, Window
from dutyd.core.money import Money
from dutyd.core.policy import MoneyLimits, Policy
from dutyd.core.rule import Mode, lowest
from dutyd.core.step import Step
from dutyd.core.tool import Tool


def gate(step: Step, args: Mapping[str, Any], tool: Tool, look: Look, policy: Policy, mode: Mode) -> Gate:
    """Return what the gates say to *step*'s call with *args*.

    Args:
        step: the step, as ``tighten`` left it.
        args: every argument, as ``bind`` or ``judge`` made them.
        tool: the step's tool.
        look: summary, evidence, ``let``, event fields, ``steps.x``; the call's own arguments come before these.
        policy: the ceiling.
        mode: the lowest of the rule's mode and the brakes.

    """
    ceiling = policy.allows(tool.name)
    if ceiling is None:
        return Gate(Outcome.REFUSE, f"policy: '{tool.name}' is never allowed")
    try:
        call = tool.args.model_validate(args)
    except ValidationError as error:
        return Gate(Outcome.REFUSE, f"arguments: {error.errors(include_url=False)[0]['msg']}")
    own = _own_first(call, tool, look)
    refused = _met("refuse_if", step.refuse_if, own) or over_money(tool, call, policy.money)
    if refused:
        return Gate(Outcome.REFUSE, refused)
    effective = lowest(ceiling, mode)
    if effective is Mode.OBSERVE:
        return Gate(Outcome.OBSERVE, "mode: observe")
    asked = _met("approval_if", step.approval_if, own) or ("mode: approve" if effective is Mode.APPROVE else "")
    return Gate(Outcome.ASK, asked) if asked else Gate(Outcome.SEND)


def _met(what: str, condition: Expr | None, look: Look) -> str:
    """Return a reason where *condition* holds or can't be known, else an empty text."""
    if condition is None:
        return ""
    value = evaluate(condition, look)
    if value is False:
        return ""
    return f"{what}: {condition.text}" if value is True else f"{what} is unknown: {condition.text}"


def over_money(tool: Tool, call: BaseModel, limits: MoneyLimits | None) -> str:
    """Return a reason where the call spends more than one effect may, or nobody can tell, else an empty text.

    The day's limits are the ledger's business; but what they are to be held against must be known here.
    """
    if limits is None or tool.spends is None or limits == MoneyLimits(limits.currency):
        return ""
    spent = tool.spends(call)
    if spent is None:
        return "money: the amount is unknown, and the policy limits money"
    if spent.currency not in ("", limits.currency):
        return f"money: {spent} can't be compared with the policy's limits in {limits.currency}"
    if limits.per_effect is None or spent.amount <= limits.per_effect:
        return ""
    return f"money: {spent} is more than {Money(limits.per_effect, limits.currency)}"


def _own_first(call: BaseModel, tool: Tool, look: Look) -> Look:
    spent = tool.spends(call) if tool.spends else None
    total = {} if spent is None else {"total": float(spent.amount)}
    own = look_in({**total, **{name: _value(getattr(call, name)) for name in type(call).model_fields}})

    def both(node: Name | Has | Window | Prev) -> object | None:
        if isinstance(node, Has):
            return own(node) is True or look(node)
        value = own(node) if isinstance(node, Name) else None
        return look(node) if value is None else value

    return both


def _value(value: object) -> object:
    """Return an argument as expressions see it: money as its amount, a list as a tuple."""
    if isinstance(value, Money):
        return float(value.amount)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, BaseModel):
        return {name: _value(getattr(value, name)) for name in type(value).model_fields}
    return tuple(_value(item) for item in value) if isinstance(value, list | tuple) else value
