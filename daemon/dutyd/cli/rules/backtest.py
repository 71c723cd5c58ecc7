"""``dutyd rules backtest``: what rules would have made of a history, before they are let near anything.

The history is a file of lines, a folder of files, or the topic itself (``history``). One line an opening, then the
summary: with ``--json`` for programs. Nothing is sent, and no server is asked unless the topic is read.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import typer

from dutyd.cli.failures import say
from dutyd.cli.options import DEFAULT_SETTINGS, SettingsFile
from dutyd.cli.render import counted, plain, print_rows, progress
from dutyd.core.errors import SettingsError, nearest
from dutyd.core.route import DEFAULT_ROUTE

if TYPE_CHECKING:
    from dutyd.app.world import World
    from dutyd.core.rule import RuleSet
    from dutyd.rules.rehearsal.backtest import Backtest

Rules = Annotated[Path, typer.Argument(metavar="RULES", help="A folder of rules, or one file.", show_default=False)]
History = Annotated[
    Path | None,
    typer.Argument(
        metavar="[FILE]",
        help="Lines of events (- is standard input), or a folder of them, also one file a topic; else topics are read.",
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
Say = Annotated[
    Literal["wait", "granted", "denied", "expire"],
    typer.Option("--approvals", help="What people say to calls that ask them: nothing, yes, no, nothing in time."),
]
Paused = Annotated[
    list[str] | None,
    typer.Option(
        "--pause", metavar="WHAT", help="Play a pause: all, rule:R or tool:T. May be repeated.", show_default=False
    ),
]
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
    approvals: Say = "wait",
    pause: Paused = None,
    as_json: Lines = False,
) -> None:
    """Play a history through the rules: openings, effects, and what they would have cost."""
    from dutyd.cli.places import open_world
    from dutyd.cli.rules.history import batches_of, sources_of
    from dutyd.rules.rehearsal.backtest import run
    from dutyd.rules.rehearsal.paper_means import Approvals, Script

    with ExitStack() as stack:
        world = stack.enter_context(open_world(settings))
        sources = sources_of(world, topic or (), history)
        played = _played(rules, world, {source.topic.alias for source in sources})
        batches, total = batches_of(world, sources, since, until)
        show = stack.enter_context(progress("reading"))
        script = Script(
            approvals=Approvals(approvals),
            lifetime=world.settings.waits.approval,
            paused=_paused(pause or (), played, world),
        )
        done = run(played.rules, world.known, batches, lambda read: show(read, total), played.silences, script)
        told = done.summary(_price(world), _paces(world))
    for unread in done.unread:
        say(f"{unread.place}: {unread.reason}")
    if done.bad > len(done.unread):
        say(f"and {counted(done.bad - len(done.unread), 'more record')} like these")
    _print_lines(done, told) if as_json else _print(told)


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


def _paused(named: Sequence[str], played: "RuleSet", world: "World") -> frozenset[str]:
    """Return what is *named* by ``--pause``, which must be there."""
    there = {"all", *(f"rule:{rule}" for rule in played.rules), *(f"tool:{tool}" for tool in world.catalogue)}
    for what in named:
        if what not in there:
            raise SettingsError(f"--pause {what}: there is no such rule or tool{nearest(what, there)}")
    return frozenset(named)


def _paces(world: "World") -> dict[tuple[str, str], float]:
    """Return the paces that the settings give to providers."""
    return {
        (family, route or DEFAULT_ROUTE): pace
        for family, provider in world.settings.providers
        if provider is not None
        for route in ("", *provider.routes)
        if (pace := provider.pace(route)) is not None
    }


def _print_lines(done: "Backtest", told: dict[str, Any]) -> None:
    encoder = msgspec.json.Encoder(enc_hook=str)
    for row in done.rows():
        typer.echo(encoder.encode(row).decode())
    typer.echo(encoder.encode({"summary": told}).decode())


def _print(told: dict[str, Any]) -> None:
    rows = [{"rule": rule, **numbers, "most": _most(numbers["most"])} for rule, numbers in told["rules"].items()]
    print_rows(rows, COLUMNS, "No rules.")
    span = f", from {told['from']} to {told['to']}" if told["events"] else ""
    typer.echo(
        f"{counted(told['events'], 'event')}{span}: {counted(told['openings'], 'opening')}, {told['open']} open."
    )
    _print_held(told)
    for tool, states in told["effects"].items():
        typer.echo(f"  {tool}: {plain(states)}")
    _print_stopped(told)
    for currency, amount in told["money"].items():
        typer.echo(f"  money: {amount:,.2f} {currency}".rstrip())
    if told["model"]["runs"]:
        typer.echo(f"  model: {counted(told['model']['runs'], 'run')}, at most {plain(told['model']['at_most'])}")
    for limit, times in told["model"]["unasked"].items():
        typer.echo(f"  model: not asked {counted(times, 'time')} if each run takes its budget: policy {limit}")
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


STATES = {"REFUSED": "refused", "AWAITING_APPROVAL": "waits for approval", "RESERVED": "waits"}


def _print_stopped(told: dict[str, Any]) -> None:
    """Say what did not go out and why, and what waited for a provider's pace."""
    for each in told["stopped"]:
        what = f"{each['rule']}, step {each['step']}"
        typer.echo(f"  {STATES[each['state']]}: {what}, {counted(each['times'], 'time')}: {plain(each['reason'])}")
    for each in told["pace"]:
        whom = each["provider"] if each["to"] == DEFAULT_ROUTE else f"{each['provider']}, route {each['to']}"
        typer.echo(f"  waited for the pace of {whom}: {each['waited']:,}, the longest {each['longest']:,.0f} s")


def _most(entities: list[dict[str, Any]]) -> str:
    shown = [f"{plain(each['entity'])} ({each['openings']})" for each in entities[:3]]
    return ", ".join([*shown, "..."] if len(entities) > len(shown) else shown)
