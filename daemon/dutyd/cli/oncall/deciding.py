"""What commands share that decide one effect: which one is meant, who may, and what is said to who came too late.

Called by ``approvals`` and ``settling`` with rows as the ledger's queries give them.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from dutyd.cli.render import short
from dutyd.core.errors import SettingsError, nearest
from dutyd.core.policy import Policy

Row = dict[str, Any]
Key = Annotated[
    str, typer.Argument(metavar="KEY", help="The effect's key, or the beginning of it.", show_default=False)
]


def keyed(key: str, rows: Sequence[Row]) -> Row | None:
    """Return the row whose key is, or alone begins with, *key*, in full or as tables show it; None: there is none.

    Raises:
        SettingsError: there are several.

    """
    found = [row for row in rows if key in (row["key"], short(row["key"]))]
    found = found or [row for row in rows if row["key"].startswith(key) or short(row["key"]).startswith(key)]
    if len(found) > 1:
        keys = "".join(f"\n  {row['key']}" for row in found)
        raise SettingsError(f"'{key}' is the beginning of several keys, write more of it:{keys}")
    return found[0] if found else None


def refuse_stranger(who: str, tool: str, policy: Policy) -> None:
    """Hold *who* against the policy's ``approvers``; without that list everybody may decide.

    Raises:
        SettingsError: they are not named there.

    """
    named = policy.deciders(tool)
    if named is not None and who not in named:
        allowed = ", ".join(named) or "nobody"
        raise SettingsError(f"{who} may not decide {tool} calls: the policy names {allowed}{nearest(who, named)}")
