"""``dutyd silences list|add|end``: incidents that nobody is to be bothered with for a while.

They need Redis and the settings, no running daemon. Everything is written down with a name.
"""

import secrets
import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from dutyd.cli.options import DEFAULT_SETTINGS, AsJson, Because, SettingsFile, Who, pair_of
from dutyd.cli.render import counted, print_json, print_rows
from dutyd.core.duration import parse_duration
from dutyd.core.errors import SettingsError
from dutyd.core.mute import Silence

silences = typer.Typer(no_args_is_help=True, help="Mute incidents for a while.")

COLUMNS = ("id", "rule", "match", "begins", "ends", "who", "because")

Length = Annotated[str, typer.Option("--for", metavar="DURATION", help="How long, such as 2h.", show_default=False)]
Rule = Annotated[str, typer.Option("--rule", metavar="ID", help="Only incidents of this rule.")]
Match = Annotated[
    list[str] | None, typer.Option("--match", metavar="FIELD=VALUE", help="Only such entities; may be repeated.")
]
Id = Annotated[str, typer.Argument(metavar="ID", help="As `silences list` shows it.", show_default=False)]


@silences.command("list")
def list_silences(settings: SettingsFile = DEFAULT_SETTINGS, as_json: AsJson = False) -> None:
    """List the silences that are not over."""
    from dutyd.cli.places import ask_ledger

    found = ask_ledger(settings, lambda ledger: ledger.silences.all(_now()))
    rows = [
        {
            "id": each.id,
            "rule": each.rule,
            "match": each.entity,
            "begins": _shown(each.begins),
            "ends": _shown(each.ends),
            "who": each.who,
            "because": each.because,
        }
        for each in found
    ]
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, COLUMNS, "No silences.")


@silences.command()
def add(
    length: Length,
    who: Who,
    because: Because,
    rule: Rule = "",
    match: Match = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
) -> None:
    """Mute matching incidents that have not begun; they go on afterwards, if they are still open."""
    from dutyd.cli.places import ask_ledger

    try:
        seconds = parse_duration(length)
    except ValueError as error:
        raise SettingsError(f"--for: {error}") from None
    start = _now()
    silence = Silence(
        id=secrets.token_hex(3),
        who=who,
        because=because,
        begins=start,
        ends=start + seconds,
        rule=rule,
        entity=dict(pair_of("--match", text, "FIELD=VALUE, such as service=checkout") for text in match or ()),
    )
    ask_ledger(settings, lambda ledger: ledger.silences.add(silence))
    typer.echo(f"silence {silence.id} until {_shown(silence.ends)}; end it with `dutyd silences end {silence.id}`")


@silences.command()
def end(silence: Id, who: Who, because: Because, settings: SettingsFile = DEFAULT_SETTINGS) -> None:
    """End a silence before its time; what it muted goes on."""
    from dutyd.cli.places import ask_ledger

    woken = ask_ledger(settings, lambda ledger: ledger.silences.end(silence, who, because))
    if woken is None:
        raise SettingsError(f"there is no silence '{silence}': `dutyd silences list` shows all")
    typer.echo(f"silence {silence} ended: {counted(woken, 'incident')} woken")


def _now() -> float:
    return time.time()  # noqa: TID251  # the edge: when a person decided


def _shown(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
