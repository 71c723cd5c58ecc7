"""``dutyd deadletters list|replay``: records that nobody could read, looked at and sent back once the cause is mended.

They need the stream, the settings and, for what went back before, Redis; no running daemon.
"""

import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dutyd.cli.failures import Exit, say
from dutyd.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile
from dutyd.cli.render import counted, print_json, print_rows, progress
from dutyd.core.duration import parse_duration
from dutyd.core.errors import BadInputError, NotReadyError, SettingsError, nearest
from dutyd.core.instant import second_text

if TYPE_CHECKING:
    from dutyd.app.dead_letters import Ended, Kept, Wanted
    from dutyd.app.world import World
    from dutyd.ledger import Ledger
    from dutyd.ledger.replays import Replay

    Tell = Callable[[Ended], None]

Row = dict[str, Any]

deadletters = typer.Typer(no_args_is_help=True, help="Look at records that nobody could read, and send them back.")

SHOWN = 60
"""Characters of a value in a table."""

LONGEST = 4_000
"""Bytes of a value in JSON."""

COLUMNS = ("id", "died", "from", "reason", "value", "went back")


def _moment(text: str) -> float:
    """Read how long ago, or when, as seconds since the epoch."""
    from dutyd.stream.formats.times import Times

    try:
        return time.time() - parse_duration(text)  # noqa: TID251 - the edge: what a person means by an hour ago
    except ValueError:
        pass
    try:
        return Times().read(text)
    except BadInputError:
        raise typer.BadParameter(f"'{text}': write how long ago (2h, 7d) or when (2026-03-02T10:31:00Z)") from None


Topic = Annotated[
    str | None,
    typer.Option("--topic", metavar="NAME", help="Only from this topic: its alias, or its name.", show_default=False),
]
Reason = Annotated[
    str | None,
    typer.Option("--reason", metavar="TEXT", help="Only with this in the reason.", show_default=False),
]
Since = Annotated[
    float | None,
    typer.Option(
        "--since", metavar="WHEN", parser=_moment, help="Only that died since then (2h, or a time).", show_default=False
    ),
]
Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="As `list` shows them.", show_default=False)]
Who = Annotated[str, typer.Option("--as", metavar="NAME", help="Who sends them; it is written down.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")]
Again = Annotated[bool, typer.Option("--again", help="Also what went back before, or may have.")]
EveryOne = Annotated[bool, typer.Option("--all", help="Every dead letter there is.")]


@deadletters.command("list")
def list_letters(
    *,
    topic: Topic = None,
    reason: Reason = None,
    since: Since = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Only the newest N.")] = 20,
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """List dead letters, newest first: why they died, and what they were."""
    from dutyd.app.dead_letters import Wanted, newest
    from dutyd.cli.places import open_world

    with open_world(settings) as world:
        wanted = Wanted(None, _real_name(world, topic), reason, since)
        letters = newest(_found(world, wanted), limit)
        back = _went_back(world, letters)
    if as_json:
        print_json([_whole(kept, back.get(kept.name)) for kept in letters])
    else:
        print_rows([_row(kept, back.get(kept.name)) for kept in letters], COLUMNS, "No dead letters.")


@deadletters.command("replay")
def replay_letters(  # noqa: PLR0913 - options are parameters
    ids: Ids = None,
    *,
    who: Who = "",
    topic: Topic = None,
    reason: Reason = None,
    since: Since = None,
    every_one: EveryOne = False,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only the oldest N.", show_default=False)] = None,
    dry_run: DryRun = False,
    again: Again = False,
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Send dead letters back to where they came from, oldest first, each once."""
    from dutyd.app.dead_letters import Wanted
    from dutyd.cli.places import open_world

    if not (ids or topic or reason or since or every_one):
        raise SettingsError("which dead letters? Name ids, or --topic, --reason, --since, or --all")
    if not (who or dry_run):
        raise SettingsError("--as NAME is needed: who sends them is written down")
    with open_world(settings) as world:
        wanted = Wanted(frozenset(ids) if ids else None, _real_name(world, topic), reason, since)
        letters, rows = islice(_found(world, wanted), limit), list[Row]()

        def tell(ended: "Ended") -> None:
            rows.append(_ending(ended, dry_run=dry_run))
            if not as_json:
                typer.echo(f"{rows[-1]['id']}: {rows[-1]['result']}{_because(rows[-1]['refused'])}")

        if dry_run:
            _would(world, letters, tell, again=again)
        else:
            _send(world, letters, tell, who, again=again)
    missing = sorted(set(ids or ()) - {row["id"] for row in rows})
    _conclude(rows, missing, as_json=as_json, dry_run=dry_run)


def _conclude(rows: list[Row], missing: list[str], *, as_json: bool, dry_run: bool) -> None:
    refused = sum(bool(row["refused"]) for row in rows)
    if as_json:
        print_json(rows)
    else:
        done = "would go back" if dry_run else "went back"
        typer.echo(f"{counted(len(rows) - refused, 'dead letter')} {done}, {refused or 'none'} refused.")
    for name in missing:
        say(f"there is no dead letter '{name}' that fits: `dutyd deadletters list` shows them")
    if missing or refused:
        raise typer.Exit(Exit.FINDINGS)


def _real_name(world: "World", name: str | None) -> str | None:
    """Return the real name of the topic that people call *name*; own topics have dead letters, too."""
    if name is None or name in world.settings.own_topics.all():
        return name
    aliases = {alias: topic.topic for alias, topic in world.topics.items()}
    if name in aliases:
        return aliases[name]
    if name not in aliases.values():
        raise SettingsError(f"the settings have no topic '{name}'{nearest(name, set(aliases))}")
    return name


def _found(world: "World", wanted: "Wanted") -> "Iterator[Kept]":
    from dutyd.app.dead_letters import find

    with progress("dead letters read") as show:
        yield from find(world.stream, world.settings.own_topics.dead_letters, wanted, lambda done: show(done, None))


def _went_back(world: "World", letters: "list[Kept]") -> "dict[str, Replay]":
    from dutyd.app.dead_letters import went_back
    from dutyd.cli.places import ask_ledger_of

    try:
        return dict(ask_ledger_of(world, lambda ledger: went_back(letters, ledger.replays)))
    except NotReadyError as error:
        say(f"which of them went back before is not known: {error}")
        return {}


def _would(world: "World", letters: "Iterator[Kept]", tell: "Tell", *, again: bool) -> None:
    from dutyd.app.dead_letters import BATCH, Ended, Fit, gone_before

    fit = Fit(world.stream)
    while batch := list(islice(letters, BATCH)):
        before = {} if again else _went_back(world, batch)
        for kept in batch:
            known = before.get(kept.name)
            tell(Ended(kept, fit.refuses(kept.letter) or (gone_before(known) if known else "")))


def _send(world: "World", letters: "Iterator[Kept]", tell: "Tell", who: str, *, again: bool) -> None:
    from dutyd.app.dead_letters import replay
    from dutyd.cli.places import ask_ledger_of

    async def send(ledger: "Ledger") -> None:
        async for ended in replay(letters, world.stream, ledger.replays, who, again=again):
            tell(ended)

    ask_ledger_of(world, send)


def _ending(ended: "Ended", *, dry_run: bool) -> Row:
    topic, partition = ended.kept.letter.partition
    done = f"would go back to {topic}/{partition}" if dry_run else f"went back to {topic}/{partition}"
    return {
        "id": ended.kept.name,
        "topic": topic,
        "partition": partition,
        "result": "refused" if ended.refused else done,
        "refused": ended.refused,
    }


def _because(why: str) -> str:
    return f": {why}" if why else ""


def _row(kept: "Kept", back: "Replay | None") -> Row:
    letter = kept.letter
    value = (letter.value or b"")[: 4 * SHOWN].decode(errors="replace")
    topic, partition = letter.partition
    return {
        "id": kept.name,
        "died": second_text(kept.died),
        "from": f"{topic}/{partition}@{letter.offset}",
        "reason": letter.reason,
        "value": value[:SHOWN] + ("…" if len(value) > SHOWN else ""),
        "went back": f"{second_text(back.at)} {back.who}" if back and back.sent else "begun" if back else "",
    }


def _whole(kept: "Kept", back: "Replay | None") -> Row:
    letter = kept.letter
    value = letter.value or b""
    topic, partition = letter.partition
    return {
        "id": kept.name,
        "died": second_text(kept.died),
        "topic": topic,
        "partition": partition,
        "offset": letter.offset,
        "timestamp": _dated(letter.timestamp),
        "reason": letter.reason,
        "traceback": letter.traceback,
        "key": _read(letter.key),
        "headers": {name: _read(content) for name, content in letter.headers},
        "value": value[:LONGEST].decode(errors="replace"),
        "bytes": letter.cut or len(value),
        "cut": letter.cut is not None,
        "went_back": {"state": back.state, "who": back.who, "at": second_text(back.at)} if back else None,
    }


def _read(content: bytes | None) -> str | None:
    return None if content is None else content.decode(errors="replace")


def _dated(milliseconds: int) -> str | None:
    """Return when a record says that it was made, None where that is no time: it may be what it died of."""
    try:
        return second_text(milliseconds / 1000) if milliseconds >= 0 else None
    except (ValueError, OverflowError, OSError):
        return None
