"""``dutyd effects settle``: a person says what an effect was that nobody could find out about.

It needs Redis and the settings, no running daemon; the incident goes on when a worker runs. Importing this module puts
it into the group ``effects``.
"""

from typing import Annotated, NoReturn

import typer

from dutyd.cli.failures import leave
from dutyd.cli.oncall.deciding import Key, Row, keyed, refuse_stranger
from dutyd.cli.oncall.incidents import effects
from dutyd.cli.options import DEFAULT_SETTINGS, Because, SettingsFile, Who
from dutyd.cli.render import plain, short
from dutyd.core.errors import SettingsError
from dutyd.core.incident import Settled

__all__ = ["effects"]

Done = Annotated[
    str, typer.Option("--done", metavar="ID", help="It is there, under this id of its system.", show_default=False)
]
NotDone = Annotated[bool, typer.Option("--not-done", help="It is not there, and is not wanted any more.")]
Resend = Annotated[bool, typer.Option("--resend", help="It is not there: send it again.")]

SAID = {
    Settled.DONE: "settled as done",
    Settled.NOT_DONE: "settled as not done",
    Settled.RESEND: "is sent again",
}


@effects.command()
def settle(  # noqa: PLR0913, PLR0917  # a command has as many parameters as options
    key: Key,
    who: Who,
    because: Because,
    done: Done = "",
    not_done: NotDone = False,
    resend: Resend = False,
    settings: SettingsFile = DEFAULT_SETTINGS,
) -> None:
    """Say what a parked effect was, after a look into its system; its incident goes on from there."""
    from dutyd.cli.places import ask_ledger_of, open_world

    what = _one_of(done=done, not_done=not_done, resend=resend)
    with open_world(settings) as world:
        row = keyed(key, ask_ledger_of(world, lambda ledger: ledger.queries.parked()))
        if row is None:
            _say_why_not(key, ask_ledger_of(world, lambda ledger: ledger.queries.effects()))
        refuse_stranger(who, row["tool"], world.policy)
        decided = ask_ledger_of(world, lambda ledger: ledger.decisions.settle(row["key"], what, who, because, done))
    if decided == "cleared":
        leave(f"the incident of {row['key']} is over: it would not be sent. Say --done ID or --not-done")
    if decided != "done":
        leave(f"too late: {row['key']} is not parked any more (`dutyd effects list` shows what became of it)")
    typer.echo(f"{SAID[what]}: {row['tool']} {plain(row['args'])} ({short(row['key'])})")


def _one_of(*, done: str, not_done: bool, resend: bool) -> Settled:
    said = {Settled.DONE: bool(done.strip()), Settled.NOT_DONE: not_done, Settled.RESEND: resend}
    chosen = [what for what, given in said.items() if given]
    if len(chosen) != 1:
        raise SettingsError("say one of --done ID (it is there), --not-done (it is not) and --resend (send it again)")
    return chosen[0]


def _say_why_not(key: str, rows: list[Row]) -> NoReturn:
    other = keyed(key, rows)
    if other is None:
        raise SettingsError(f"there is no effect '{key}': `dutyd effects list --state parked` shows what waits for you")
    raise SettingsError(f"{other['key']} is {other['state']}: only a parked effect is settled by a person")
