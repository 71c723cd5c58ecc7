"""``dutyd silences list|add|end``: incidents that nobody is to be bothered with for a while.

They need Redis and the settings, no running daemon. Everything is written down with a name. Silences that the rules in
force bring along are listed beside those that people made, with the place where they are written: only there they end.
"""

import secrets
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dutyd.cli.failures import say
from dutyd.cli.options import DEFAULT_SETTINGS, AsJson, Because, SettingsFile, Who, pair_of
from dutyd.cli.render import counted, print_json, print_rows
from dutyd.core.duration import parse_duration
from dutyd.core.errors import BadInputError, NotReadyError, SettingsError
from dutyd.core.instant import second_text
from dutyd.core.mute import RecurringSilence, Silence

if TYPE_CHECKING:
    from dutyd.app.world import World

silences = typer.Typer(no_args_is_help=True, help="Mute incidents for a while.")

COLUMNS = ("id", "rule", "match", "begins", "ends", "again", "who", "because", "written")

Length = Annotated[str, typer.Option("--for", metavar="DURATION", help="How long, such as 2h.", show_default=False)]
Begin = Annotated[
    str | None,
    typer.Option("--from", metavar="WHEN", help="In how long (2h), or when (RFC 3339); without it: now."),
]
Rule = Annotated[str, typer.Option("--rule", metavar="ID", help="Only incidents of this rule.")]
Match = Annotated[
    list[str] | None, typer.Option("--match", metavar="FIELD=VALUE", help="Only such entities; may be repeated.")
]
Id = Annotated[str, typer.Argument(metavar="ID", help="As `silences list` shows it.", show_default=False)]


@silences.command("list")
def list_silences(settings: SettingsFile = DEFAULT_SETTINGS, as_json: AsJson = False) -> None:
    """List the silences that are not over, those of the rule files with their next time and where they are written."""
    from dutyd.cli.places import ask_ledger_of, open_world

    now = _now()
    with open_world(settings) as world:
        made = ask_ledger_of(world, lambda ledger: ledger.silences.all(now))
        written = _written(world)
    rows = [_row(each, each.begins, each.ends, who=each.who) for each in made]
    rows += [
        _row(each, *span, again=each.schedule.name, written=_place(each))
        for each in written
        if (span := each.span(now)) is not None
    ]
    rows.sort(key=lambda row: row["ends"])
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, COLUMNS, "No silences.")


@silences.command()
def add(  # noqa: PLR0913, PLR0917  # a command has as many parameters as options
    length: Length,
    who: Who,
    because: Because,
    begin: Begin = None,
    rule: Rule = "",
    match: Match = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
) -> None:
    """Mute matching incidents that have not begun; they go on afterwards, if they are still open."""
    from dutyd.cli.known import strange_rule
    from dutyd.cli.places import ask_ledger_of, open_world

    begins, ends = _span(begin, length, _now())
    silence = Silence(
        id=secrets.token_hex(3),
        who=who,
        because=because,
        begins=begins,
        ends=ends,
        rule=rule,
        entity=dict(pair_of("--match", text, "FIELD=VALUE, such as service=checkout") for text in match or ()),
    )
    with open_world(settings) as world:
        ask_ledger_of(world, lambda ledger: ledger.silences.add(silence))
        doubt = strange_rule(world, rule) if rule else ""
    span = f"until {second_text(ends)}" if begin is None else f"from {second_text(begins)} until {second_text(ends)}"
    typer.echo(f"silence {silence.id} {span}; end it with `dutyd silences end {silence.id}`")
    if doubt:
        say(f"this mutes nothing now: {doubt}")


@silences.command()
def end(silence: Id, who: Who, because: Because, settings: SettingsFile = DEFAULT_SETTINGS) -> None:
    """End a silence before its time; what it muted goes on."""
    from dutyd.cli.places import ask_ledger_of, open_world

    with open_world(settings) as world:
        woken = ask_ledger_of(world, lambda ledger: ledger.silences.end(silence, who, because))
        written = {each.id: _place(each) for each in (_written(world) if woken is None else ())}
    if silence in written:
        raise SettingsError(f"silence '{silence}' is one of the rule files: take it out of {written[silence]}")
    if woken is None:
        raise SettingsError(f"there is no silence '{silence}': `dutyd silences list` shows all")
    typer.echo(f"silence {silence} ended: {counted(woken, 'incident')} woken")


def _span(begin: str | None, length: str, now: float) -> tuple[float, float]:
    """Return when a silence begins and ends, seconds since the epoch; *begin* and *length* as a person writes them.

    Raises:
        SettingsError: they can't be read, or such a silence would mute nothing.

    """
    try:
        seconds = parse_duration(length)
    except ValueError as error:
        raise SettingsError(f"--for: {error}") from None
    begins = now if begin is None else _moment(begin, now)
    try:
        ends = second_text(begins + seconds)
    except (ValueError, OverflowError, OSError):
        raise SettingsError("--for: it would end after the year 9999") from None
    if seconds <= 0:
        raise SettingsError(f"--for: a silence of {length} mutes nothing")
    if begins + seconds <= now:
        raise SettingsError(f"--from: it would be over already, since {ends}")
    return begins, begins + seconds


def _moment(text: str, now: float) -> float:
    """Return the time that *text* means: how long after *now*, or when."""
    from dutyd.stream.formats.times import Times

    try:
        return now + parse_duration(text)
    except ValueError:
        pass
    try:
        return Times().read(text)
    except BadInputError:
        such_as = "write in how long (2h) or when (2026-03-02T10:31:00Z)"
        raise SettingsError(f"--from: '{text}' is no time: {such_as}") from None


def _written(world: "World") -> tuple[RecurringSilence, ...]:
    """Return the silences of the rules in force; none, and a line that says so, where those can't be read."""
    from dutyd.cli.known import rules_in_force

    try:
        rules = rules_in_force(world)
    except NotReadyError as error:
        typer.echo(f"silences of the rule files are not looked at: {error}", err=True)
        return ()
    return () if rules is None else rules.silences


def _row(
    silence: Silence | RecurringSilence, begins: float, ends: float, who: str = "", again: str = "", written: str = ""
) -> dict[str, Any]:
    told = {"id": silence.id, "rule": silence.rule, "match": dict(silence.entity)}
    told |= {"begins": second_text(begins), "ends": second_text(ends), "again": again, "who": who}
    return told | {"because": silence.because, "written": written}


def _place(silence: RecurringSilence) -> str:
    return f"{silence.place.file}:{silence.place.line}"


def _now() -> float:
    return time.time()  # noqa: TID251  # the edge: when a person decided
