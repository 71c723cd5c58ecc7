"""A person changes the arguments of a call that waits for approval: the new call, checked and hashed.

The call that waits and the changes come in; what the ledger is to keep instead goes out. It is another call: whoever
agreed to the one before has not agreed to this one, and its gates are asked again before it is sent. Called by the
command line and by the API.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from dutyd.act.gateway import over_money
from dutyd.act.perform import money_limits
from dutyd.core.errors import BadInputError, nearest
from dutyd.core.policy import Policy
from dutyd.core.tool import Tool
from dutyd.ledger.effects import MICROS, MoneyLimitsMicros, args_hash


@dataclass(frozen=True, slots=True)
class Amended:
    """A call in another's place: its arguments, their hash, what it spends in millionths, and what a day may spend."""

    args: Mapping[str, Any]
    hash: str
    micros: int
    limits: MoneyLimitsMicros


def amend(tool: Tool, args: Mapping[str, Any], changes: Mapping[str, Any], policy: Policy) -> Amended:
    """Return the call of *tool* with *changes* to *args*.

    Raises:
        BadInputError: there is no such argument, a value does not fit, or it spends more than *policy* lets one call
            spend; says which, and what was expected.

    """
    for name in changes:
        if name not in tool.args.model_fields:
            known = tuple(tool.args.model_fields)
            raise BadInputError(
                f"{tool.name} has no argument '{name}'{nearest(name, known)} (its arguments: {', '.join(known)})"
            )
    new = {**args, **changes}
    try:
        checked = tool.args.model_validate(new)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise BadInputError(f"{tool.name}: {told}") from None
    if over := over_money(tool, checked, policy.money):
        raise BadInputError(f"{tool.name}: {over}")
    spent = tool.spends(checked) if tool.spends else None
    return Amended(new, args_hash(tool.name, new), int(spent.amount * MICROS) if spent else 0, money_limits(policy))
