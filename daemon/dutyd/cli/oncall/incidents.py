"""``dutyd incidents list|show`` and ``dutyd effects list``: what the ledger remembers.

They need Redis and the settings, no running daemon, and change nothing. ``handling`` adds what people say of incidents.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dutyd.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile
from dutyd.cli.render import plain, print_json, print_rows, short
from dutyd.core.errors import SettingsError
from dutyd.core.incident import EffectState

incidents = typer.Typer(no_args_is_help=True, help="Look at incidents, and handle them.")
effects = typer.Typer(no_args_is_help=True, help="Look at effects: what was sent to other systems, and how it ended.")

if TYPE_CHECKING:
    from dutyd.ledger import Ledger

Row = dict[str, Any]
Question = Callable[["Ledger"], Awaitable[Row]]

INCIDENT_COLUMNS = ("id", "rule", "entity", "state", "opened", "cleared", "mode", "run")
EFFECT_COLUMNS = ("key", "rule", "tool", "args", "state", "reason", "attempts")

Incident = Annotated[str, typer.Argument(metavar="ID", help="Its id, or the beginning of it.", show_default=False)]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Only the newest N.", show_default=False)]
Breaches = Annotated[bool, typer.Option("--breaches", help="Only what a later look found missing or double.")]
LetGo = Annotated[bool, typer.Option("--let-go", help="Only what could not be looked at again in time.")]
State = Annotated[EffectState | None, typer.Option("--state", case_sensitive=False, help="Only those in this state.")]


@incidents.command("list")
def list_incidents(settings: SettingsFile = DEFAULT_SETTINGS, limit: Limit = None, as_json: AsJson = False) -> None:
    """List incidents, newest first."""
    from dutyd.cli.places import ask_ledger

    rows = ask_ledger(settings, lambda ledger: ledger.queries.incidents(limit))
    if as_json:
        print_json(rows)
    else:
        print_rows([{**row, "id": short(row["id"])} for row in rows], INCIDENT_COLUMNS, "No incidents.")


@incidents.command("show")
def show_incident(incident: Incident, settings: SettingsFile = DEFAULT_SETTINGS, as_json: AsJson = False) -> None:
    """Show one incident whole: what was seen, what was done."""
    from dutyd.cli.places import ask_ledger

    found = the_incident(incident, lambda question: ask_ledger(settings, question))
    if as_json:
        print_json(found)
    else:
        _print_incident(found)


def the_incident(prefix: str, ask: "Callable[[Question], Row]") -> Row:
    """Return the one incident whose id is, or begins with, *prefix*, whole.

    Raises:
        SettingsError: there is none, or there are several.

    """

    async def question(ledger: "Ledger") -> Row:
        found = await ledger.queries.named(prefix)
        if len(found) == 1:
            return await ledger.queries.whole(found[0])
        if not found:
            raise SettingsError(f"there is no incident '{prefix}': `dutyd incidents list` shows all")
        ids = "".join(f"\n  {name}" for name in found[:10])
        raise SettingsError(f"'{prefix}' is the beginning of {len(found)} incidents, write more of it:{ids}")

    return ask(question)


@effects.command("list")
def list_effects(
    settings: SettingsFile = DEFAULT_SETTINGS,
    state: State = None,
    breaches: Breaches = False,
    let_go: LetGo = False,
    as_json: AsJson = False,
) -> None:
    """List effects, by incident, newest first."""
    from dutyd.cli.places import ask_ledger
    from dutyd.ledger.sweeps import Look

    rows = ask_ledger(settings, lambda ledger: ledger.queries.effects(state))
    rows = [row for row in rows if row["breach"] or not breaches]
    rows = [row for row in rows if row["look"] == Look.LET_GO or not let_go]
    if as_json:
        print_json(rows)
        return
    columns = (*EFFECT_COLUMNS, "breach") if any(row["breach"] for row in rows) else EFFECT_COLUMNS
    print_rows([{**row, "key": short(row["key"])} for row in rows], columns, "No effects.")
    for row in rows:
        if row["what_to_do"]:
            typer.echo(f"{short(row['key'])}: {plain(row['what_to_do'])}")


def _print_incident(row: dict[str, Any]) -> None:
    for name in (*INCIDENT_COLUMNS, "waits_for", "muted", "trouble"):
        typer.echo(f"{name:<10} {plain(row.get(name))}")
    typer.echo()
    evidence = row["trigger"]["evidence"]
    seen = {**evidence["fields"], **evidence["let"], **evidence["values"]}
    print_rows([{"seen": name, "value": value} for name, value in seen.items()], ("seen", "value"), "Nothing was seen.")
    if row["members"]:
        members = [{**each, "member": short(each["id"])} for each in row["members"]]
        print_rows(members, ("member", "entity", "state"), "")
    if row["answers"]:
        print_rows(row["answers"], ("step", "state", "reason", "tries"), "")
    print_rows(row["notes"], ("at", "who", "did", "because"), "No notes.")
    print_rows(row["effects"], ("step", "tool", "args", "state", "reason", "result"), "No effects.")
