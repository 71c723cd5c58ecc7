"""``dutyd rules backtest``: what rules would have made of a history, before they are let near anything.

The history is a file of lines, a folder of files, or the topic itself (``history``). One line an opening, then the
summary: with ``--json`` for programs. Nothing is sent, and no server is asked unless the topic is read.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from dutyd.cli.failures import say
from dutyd.cli.options import DEFAULT_SETTINGS, SettingsFile
from dutyd.cli.render import counted, plain, print_rows, progress
from dutyd.core.errors import SettingsError

if TYPE_CHECKING:
    from dutyd.app.world import World
    from dutyd.core.rule import RuleSet
    from dutyd.rules.rehearsal.backtest import Backtest

Rules = Annotated[Path, typer.Argument(metavar="RULES", help="A folder of rules, or one file.", show_default=False)]
History = Annotated[
    Path | None,
    typer.Argument(
        metavar="[FILE]",
        help="Lines of events, or a folder of them, also one file a topic. Without it topics are read.",
    ),
]
Alias = Annotated[
    list[str] | None,
    typer.Option(
        "--topic",
        metavar="ALIAS[=FILE]",
        help="A topic's alias in the settings; with =FILE its events. May be repeated.",
        show_default=False,
    ),
]
Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Read the topic from this time on (RFC 3339).")
]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Read the topic up to this time.")]
Lines = Annotated[bool, typer.Option("--json", help="Print a JSON line an opening, and one with the summary.")]

PAGES_SHOWN = 5
COLUMNS = ("rule", "openings", "entities", "most")


def backtest(  # noqa: PLR0913, PLR0917  # a command has as many parameters as options
    rules: Rules,
    history: History = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
    topic: Alias = None,
    since: Since = None,
    until: Until = None,
    as_json: Lines = False,
) -> None:
    """Play a history through the rules: openings, effects, and what they would have cost."""
    from dutyd.cli.oncall.history import batches_of, sources_of
    from dutyd.cli.places import open_world
    from dutyd.rules.rehearsal.backtest import run

    with ExitStack() as stack:
        world = stack.enter_context(open_world(settings))
        sources = sources_of(world, topic or (), history)
        played = _played(rules, world, {source.topic.alias for source in sources})
        batches, total = batches_of(world, sources, since, until)
        show = stack.enter_context(progress("reading"))
        done = run(played.rules, world.known, batches, lambda read: show(read, total), played.silences)
        price = _price(world)
    for unread in done.unread:
        say(f"{unread.place}: {unread.reason}")
    if done.bad > len(done.unread):
        say(f"and {counted(done.bad - len(done.unread), 'more record')} like these")
    _print_lines(done, price) if as_json else _print(done, price)


def _played(path: Path, world: "World", aliases: set[str]) -> "RuleSet":
    """Return what is played on topics: the rules that read one of *aliases* or are due by the clock, and silences."""
    from dutyd.rules.load import load_place

    loaded = load_place(path, world.known)
    found = {name: rule for name, rule in loaded.rules.items() if rule.schedule is not None or rule.topics & aliases}
    if all(rule.schedule is not None for rule in found.values()):
        others = ", ".join(sorted({topic for rule in loaded.rules.values() for topic in rule.topics})) or "no topic"
        read = "', '".join(sorted(aliases))
        raise SettingsError(f"no rule in {path} reads '{read}': they read {others}")
    for rule in found.values():
        if unread := sorted(rule.topics - aliases):
            say(f"{rule.id}: it also reads {', '.join(unread)}, which is not in this history: add --topic {unread[0]}")
        missing = [other for other in (rule.inhibit.by if rule.inhibit else ()) if other not in found]
        if missing:
            say(f"{rule.id}: what inhibits it is not in this history ({', '.join(missing)}), and mutes nothing here")
    return replace(loaded, rules=found)


def _price(world: "World") -> Callable[[int], float] | None:
    """Return what tokens cost at most: all at the dearer of the two prices."""
    usd = world.known.token_usd
    return None if usd is None else lambda tokens: tokens * usd


def _print_lines(done: "Backtest", price: Callable[[int], float] | None) -> None:
    encoder = msgspec.json.Encoder(enc_hook=str)
    for row in done.rows():
        typer.echo(encoder.encode(row).decode())
    typer.echo(encoder.encode({"summary": done.summary(price)}).decode())


def _print(done: "Backtest", price: Callable[[int], float] | None) -> None:
    told = done.summary(price)
    rows = [{"rule": rule, **numbers, "most": _most(numbers["most"])} for rule, numbers in told["rules"].items()]
    print_rows(rows, COLUMNS, "No rules.")
    span = f", from {told['from']} to {told['to']}" if told["events"] else ""
    typer.echo(
        f"{counted(told['events'], 'event')}{span}: {counted(told['openings'], 'opening')}, {told['open']} open."
    )
    _print_held(told)
    for tool, states in told["effects"].items():
        typer.echo(f"  {tool}: {plain(states)}")
    for currency, amount in told["money"].items():
        typer.echo(f"  money: {amount:,.2f} {currency}".rstrip())
    if told["model"]["runs"]:
        typer.echo(f"  model: {counted(told['model']['runs'], 'run')}, at most {plain(told['model']['at_most'])}")
    for name in ("unread", "duplicates", "late", "no_entity"):
        if told[name]:
            typer.echo(f"  {name.replace('_', ' ')}: {told[name]:,}")
    for unknown in told["unknown"]:
        what, times = plain(unknown["field"] or "a result"), counted(unknown["times"], "time")
        typer.echo(f"  unknown: {unknown['rule']} found no usable value in {what}, {times}")


def _print_held(told: dict[str, Any]) -> None:
    """Say what held openings back, and which pages stood for many."""
    for why, times in told["muted_by"].items():
        typer.echo(f"  muted by {plain(why)}: {times:,}")
    if told["held"]:
        typer.echo(f"  held by the brake, waiting for approval: {told['held']:,}")
    for page in told["pages"][:PAGES_SHOWN]:
        what = "one incident of" if page["kind"] == "group" else "one page for"
        typer.echo(f"  {page['kind']} of {page['rule']} at {page['opened']}: {what} {page['members']:,}")
    if len(told["pages"]) > PAGES_SHOWN:
        typer.echo(f"  and {counted(len(told['pages']) - PAGES_SHOWN, 'more page')} for many")


def _most(entities: list[dict[str, Any]]) -> str:
    shown = [f"{plain(each['entity'])} ({each['openings']})" for each in entities[:3]]
    return ", ".join([*shown, "..."] if len(entities) > len(shown) else shown)
