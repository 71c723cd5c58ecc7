"""``dutyd approvals list|approve|deny|edit``: the calls that wait for a person.

An approval is for one exact call: what is shown is what is approved, by the hash of its arguments. The ledger checks
that hash, and that nobody was faster. An edit makes another call of it, which waits in its place.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dutyd.cli.failures import leave
from dutyd.cli.oncall.deciding import Key, Row, keyed, refuse_stranger
from dutyd.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile, Who, Why, pair_of
from dutyd.cli.render import plain, print_json, print_rows, short
from dutyd.core.errors import SettingsError

if TYPE_CHECKING:
    from dutyd.ledger.decisions import Decided

approvals = typer.Typer(no_args_is_help=True, help="Decide the calls that wait for a person.")

COLUMNS = ("key", "rule", "tool", "args", "reason")

Change = Annotated[
    list[str], typer.Option("--set", metavar="ARGUMENT=VALUE", help="May be repeated.", show_default=False)
]


@approvals.command("list")
def list_approvals(settings: SettingsFile = DEFAULT_SETTINGS, as_json: AsJson = False) -> None:
    """List the calls that wait, with their exact arguments."""
    from dutyd.cli.places import ask_ledger

    rows = ask_ledger(settings, lambda ledger: ledger.queries.approvals())
    if as_json:
        print_json(rows)
    else:
        print_rows([{**row, "key": short(row["key"])} for row in rows], COLUMNS, "Nothing waits for approval.")


@approvals.command()
def approve(key: Key, who: Who, settings: SettingsFile = DEFAULT_SETTINGS, why: Why = "") -> None:
    """Let one call be sent, exactly as it was shown."""
    _decide("approve", key, who, why, settings)


@approvals.command()
def deny(key: Key, who: Who, settings: SettingsFile = DEFAULT_SETTINGS, why: Why = "") -> None:
    """Refuse one call."""
    _decide("deny", key, who, why, settings)


@approvals.command()
def edit(key: Key, who: Who, change: Change, settings: SettingsFile = DEFAULT_SETTINGS, why: Why = "") -> None:
    """Change arguments of one call: another call, which waits for approval in its place."""
    from dutyd.act.amend import amend
    from dutyd.cli.places import ask_ledger_of, open_world

    changes = dict(_change(text) for text in change)
    with open_world(settings) as world:
        row = _the_one(key, ask_ledger_of(world, lambda ledger: ledger.queries.approvals()))
        refuse_stranger(who, row["tool"], world.policy)
        new = amend(world.catalogue[row["tool"]], row["args"], changes, world.policy)
        decided = ask_ledger_of(world, lambda ledger: ledger.decisions.edit(row["key"], row["hash"], new, who, why))
    if decided.over:
        leave(f"not edited: with it the day would spend more than the policy's {decided.over}; it waits as it was")
    _say_late(decided, row)
    typer.echo(f"edited, and waits for approval: {row['tool']} {plain(new.args)}")


def _change(text: str) -> tuple[str, Any]:
    name, value = pair_of("--set", text, "ARGUMENT=VALUE, such as quantity=20")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _decide(what: Literal["approve", "deny"], key: str, who: str, why: str, settings: Path) -> None:
    from dutyd.cli.places import ask_ledger_of, open_world

    with open_world(settings) as world:
        row = _the_one(key, ask_ledger_of(world, lambda ledger: ledger.queries.approvals()))
        refuse_stranger(who, row["tool"], world.policy)
        decided = ask_ledger_of(
            world, lambda ledger: getattr(ledger.decisions, what)(row["key"], row["hash"], who, why)
        )
    _say_late(decided, row)
    done = {"approve": "approved", "deny": "denied"}[what]
    typer.echo(f"{done}: {row['tool']} {plain(row['args'])}")


def _say_late(decided: "Decided", row: Row) -> None:
    """Leave with a message where the call that was shown does not wait any more."""
    if decided == "changed":
        leave(f"too late: {row['key']} was changed meanwhile: look at it again with `dutyd approvals list`")
    if decided != "done":
        leave(f"too late: {row['key']} is not waiting any more (`dutyd effects list` shows what became of it)")


def _the_one(key: str, rows: list[Row]) -> Row:
    found = keyed(key, rows)
    if found is None:
        raise SettingsError(f"no call '{key}' waits for approval: `dutyd approvals list` shows those that do")
    return found
