"""``dutyd why``: the whole path of one entity or event, also where nothing happened.

    dutyd why --per service=checkout --at 02:10

Topics are read again and rules explained at the entity's last event up to then; the ledger says what became of it.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from dutyd.cli.failures import Exit
from dutyd.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile, pair_of
from dutyd.cli.render import counted, plain, print_json, printable, progress, short
from dutyd.core.errors import BadInputError, SettingsError
from dutyd.core.instant import instant_text

if TYPE_CHECKING:
    from dutyd.app.why import Asked, Seen, Why
    from dutyd.ledger import Ledger

Per = Annotated[
    list[str] | None,
    typer.Option("--per", metavar="FIELD=VALUE", help="The entity; once for each field.", show_default=False),
]
At = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="TIME", help="02:10 (the last one, UTC) or RFC 3339; without it: now.", show_default=False
    ),
]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="Read topics from this time on, not near --at.", show_default=False),
]
EventId = Annotated[str | None, typer.Option("--event", metavar="ID", help="One event, by its id.", show_default=False)]
RuleId = Annotated[str | None, typer.Option("--rule", metavar="ID", help="Only this rule.", show_default=False)]
Alias = Annotated[str | None, typer.Option("--topic", metavar="ALIAS", help="Only this topic.", show_default=False)]

Row = dict[str, Any]
_FIELDS_SHOWN = 12


def why(  # noqa: PLR0913, PLR0917  # a command has as many parameters as options
    per: Per = None,
    at: At = None,
    event: EventId = None,
    rule: RuleId = None,
    topic: Alias = None,
    since: Since = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Tell the path of an entity or an event: what was seen, what rules made of it, what was done."""
    from dutyd.app.why import Asked, look
    from dutyd.cli.known import rules_in_force
    from dutyd.cli.places import ask_ledger_of, open_world

    now = time.time()  # noqa: TID251  # the edge: "02:10" is the last one
    begin = None if since is None else _until("--since", since, now)
    until = now if at is None else _until("--at", at, now)
    asked = Asked(_entity(per), event or "", until, begin, rule=rule or "", topic=topic or "")
    if bool(asked.entity) == bool(asked.event):
        raise SettingsError("say either --per FIELD=VALUE or --event ID")
    with open_world(settings) as world, progress("reading") as show:
        rules = rules_in_force(world)
        if rules is None:
            raise SettingsError("no rules were ever in force here: `dutyd run` stores them when it starts")
        asked = replace(asked, opened=ask_ledger_of(world, lambda ledger: _first_open(ledger, asked)))
        found = look(world, rules.rules, asked, show)
        incidents = ask_ledger_of(world, lambda ledger: _incidents(ledger, asked, found))
        paused = ask_ledger_of(world, lambda ledger: ledger.queries.paused())
    if as_json:
        print_json({**msgspec.to_builtins(found), "incidents": incidents, "paused": paused})
    else:
        _print(asked, found, incidents, paused)
    if not found.seen and not incidents:
        raise typer.Exit(Exit.FINDINGS)


def _entity(per: list[str] | None) -> Mapping[str, str]:
    return dict(pair_of("--per", text, "FIELD=VALUE, such as service=checkout") for text in per or ())


def _until(option: str, at: str, now: float) -> float:
    """Return the time that *at* means, epoch seconds; a time of day is the end of its minute, the last one."""
    from dutyd.stream.formats.times import Times

    try:
        clock = datetime.strptime(at, "%H:%M").time() if len(at) <= len("02:10") else None  # noqa: DTZ007  # no date
        if clock is None:
            return Times().read(at)
    except (ValueError, BadInputError) as error:
        raise SettingsError(f"{option}: '{at}' is no time: write 02:10, or 2026-01-31T02:10:00Z") from error
    begin = datetime.fromtimestamp(now, UTC).replace(hour=clock.hour, minute=clock.minute, second=0, microsecond=0)
    begin -= timedelta(days=begin.timestamp() > now)
    return (begin + timedelta(seconds=59, milliseconds=999)).timestamp()


async def _first_open(ledger: "Ledger", asked: "Asked") -> float | None:
    """Return when the first of the entity's incidents opened that were open then; None where there is none."""
    if not asked.entity or asked.since is not None:
        return None
    times = [
        _seconds(row["opened"])
        for row in await ledger.queries.incidents()
        if asked.entity.items() <= row["entity"].items() and _is_open(row, asked)
    ]
    return min(times, default=None)


def _is_open(row: Row, asked: "Asked") -> bool:
    """Whether an incident was open at the time that is asked for."""
    ended = row["cleared"] is not None and _seconds(row["cleared"]) < asked.until
    return _seconds(row["opened"]) <= asked.until and not ended


async def _incidents(ledger: "Ledger", asked: "Asked", found: "Why") -> list[Row]:
    """Return the incidents of the entity that were open then, else the last one of each rule before."""
    entities = [(told.rule, dict(told.entity)) for seen in found.seen for told in seen.told]
    rows = [
        row
        for row in await ledger.queries.incidents()
        if (row["rule"], row["entity"]) in entities or (asked.entity and asked.entity.items() <= row["entity"].items())
    ]
    begun = [row for row in rows if _seconds(row["opened"]) <= asked.until and asked.rule in ("", row["rule"])]
    open_ = [row for row in begun if _is_open(row, asked)]
    last = {row["rule"]: row for row in sorted(begun, key=lambda row: _seconds(row["opened"]))}
    chosen = {row["id"]: row for row in (*open_, *last.values())}
    return [await ledger.queries.whole(id_) for id_ in chosen]


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _print(asked: "Asked", found: "Why", incidents: list[Row], paused: Mapping[str, str]) -> None:
    who = f"event {asked.event}" if asked.event else plain(asked.entity)
    typer.secho(f"{plain(who)} up to {instant_text(asked.until)}", bold=True)
    for read in found.read:
        unread = f", {counted(read.unread, 'record')} held none (`dutyd deadletters list`)" if read.unread else ""
        typer.echo(f"read      {counted(read.events, 'event')} of topic '{read.topic}'{unread}")
    if not found.read:
        typer.echo("read      nothing: no rule in force keeps its incidents by these fields")
    elif not found.seen:
        farther = "" if asked.since is not None else " (in seven days: --since TIME reads farther back)"
        typer.echo(f"event     none: no event of it was published up to then{farther}")
    for seen in found.seen:
        _print_seen(seen)
    for what, who_paused in paused.items():
        typer.echo(f"paused    {plain(what)} by {plain(who_paused)}: effects wait")
    for row in incidents:
        _print_incident(row)
    if not incidents:
        typer.echo("incident  none")


def _print_seen(seen: "Seen") -> None:
    from dutyd.rules.rehearsal.explaining import lines

    event = seen.event
    standing = {True: "decided", False: "not decided yet: the evaluator has not come that far", None: "never decided"}
    typer.echo(
        f"event     {seen.place} offset {event.offset}, id {plain(event.id)}, {instant_text(event.time)}, source"
        f" {plain(event.source)}: {standing[seen.decided]}, {counted(seen.before, 'event')} before it"
    )
    shown = dict(list(event.fields.items())[:_FIELDS_SHOWN])
    typer.echo(f"          {plain(shown)}")
    for told in seen.told:
        first, *rest = lines(told)
        typer.echo(f"rule      {plain(first)}")
        for line in rest:
            typer.echo(f"          {printable(line)}")


def _place(position: Mapping[str, Any]) -> str:
    """Return where a decision was made: on a by-key topic a place is a time of arrival."""
    where = f"{position['topic']}/{position['partition']}"
    if " by " not in position["topic"]:
        return f"offset {position['offset']} of {where}"
    return f"what arrived up to {instant_text(position['offset'] / 1000)} at {where}"


def _print_incident(row: Row) -> None:
    position = row["trigger"].get("position") or {}
    at = f" by {_place(position)}" if position else ""
    cleared = f", cleared {row['cleared']}" if row["cleared"] else ""
    typer.echo(
        f"incident  {short(row['id'])} {row['rule']} ({plain(row['entity'])}): opened {row['opened']}{at}{cleared}"
    )
    typer.echo(f"          {row['state']}, mode {row['mode']}")
    for name, label in (("muted", "muted"), ("waits_for", "waits for"), ("trouble", "trouble"), ("run", "model")):
        if row.get(name):
            typer.echo(f"          {label}: {plain(row[name])}")
    for asked in row["answers"]:
        reason = f" ({plain(asked['reason'])})" if asked["reason"] else ""
        times = f", asked {asked['tries']} times" if asked["tries"] else ""
        typer.echo(f"asked     {asked['step']}: {asked['state']}{times}{reason}")
    for effect in row["effects"]:
        reason = f" ({plain(effect['reason'])})" if effect["reason"] else ""
        result = f" -> {plain(effect['result']['id'])}" if effect["result"] else ""
        typer.echo(f"effect    {effect['step']}: {effect['tool']} {effect['state']}{reason}{result}")
    if not row["effects"]:
        typer.echo("effect    none")
    for note in row["notes"]:
        typer.echo(f"note      {note['at']} {plain(note['who'])} {plain(note['did'])}: {plain(note['because'])}")
