"""``dutyd rules backtest``: what rules would have made of a history, before they are let near anything.

The history is a file of lines, a folder of files, or the topic itself. One line an opening, then the summary: with
``--json`` for programs. Nothing is sent, and no server is asked unless the topic is read.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
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
    from dutyd.core.rule import Rule
    from dutyd.core.topic import Topic
    from dutyd.rules.backtest import Backtest
    from dutyd.rules.histories import Batch

Rules = Annotated[Path, typer.Argument(metavar="RULES", help="A folder of rules, or one file.", show_default=False)]
History = Annotated[
    Path | None,
    typer.Argument(metavar="[FILE]", help="Lines of events, or a folder of such files; without it the topic is read."),
]
Alias = Annotated[
    str | None, typer.Option("--topic", metavar="ALIAS", help="The topic's alias in the settings.", show_default=False)
]
Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Read the topic from this time on (RFC 3339).")
]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Read the topic up to this time.")]
Lines = Annotated[bool, typer.Option("--json", help="Print a JSON line an opening, and one with the summary.")]

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
    from dutyd.cli.places import open_world
    from dutyd.cli.publish import chosen
    from dutyd.rules.backtest import run

    with ExitStack() as stack:
        world = stack.enter_context(open_world(settings))
        to = chosen(world.topics, topic)
        ruled = _rules_of(rules, world, to)
        batches, total = _batches(world, to, history, since, until)
        show = stack.enter_context(progress("reading"))
        done = run(ruled, world.known, batches, lambda read: show(read, total))
        price = _price(world)
    for unread in done.unread:
        say(f"{unread.place}: {unread.reason}")
    if done.bad > len(done.unread):
        say(f"and {counted(done.bad - len(done.unread), 'more record')} like these")
    _print_lines(done, price) if as_json else _print(done, price)


def _rules_of(path: Path, world: "World", topic: "Topic") -> Mapping[str, "Rule"]:
    from dutyd.rules.load import load_place

    loaded = load_place(path, world.known).rules
    found = {name: rule for name, rule in loaded.items() if rule.topic == topic.alias}
    if not found:
        others = ", ".join(sorted({rule.topic for rule in loaded.values()})) or "no topic"
        raise SettingsError(f"no rule in {path} reads '{topic.alias}': they read {others}")
    return found


def _batches(
    world: "World", topic: "Topic", history: Path | None, since: str | None, until: str | None
) -> tuple[Iterator["Batch"], int | None]:
    """Return the history, and how much of it there is to read: bytes of files, records of a topic."""
    from dutyd.rules.histories import files_of, of_files, of_topic

    if history is not None:
        if since or until:
            raise SettingsError("--since and --until are for reading the topic: a file is read as a whole")
        files = files_of(history)
        packed = any(file.suffix == ".gz" for file in files)
        return of_files(files, topic), None if packed else sum(file.stat().st_size for file in files)
    begin, end = _time("--since", since), _time("--until", until)
    records = world.stream.scan(topic.topic, None if begin is None else int(begin * 1000))
    return of_topic(records, topic, begin, end), world.records_in(topic.topic) if begin is None else None


def _time(option: str, text: str | None) -> float | None:
    from dutyd.core.errors import BadInputError
    from dutyd.stream.formats.times import Times

    try:
        return None if text is None else Times().read(text)
    except BadInputError as error:
        raise SettingsError(f"{option}: {error}") from error


def _price(world: "World") -> Callable[[int], float] | None:
    """Return what tokens cost at most: all at the dearer of the two prices."""
    model = world.settings.model
    if model is None or model.price is None:
        return None
    dearest = max(model.price.input, model.price.output)
    return lambda tokens: tokens * dearest / 1_000_000


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
    for tool, states in told["effects"].items():
        typer.echo(f"  {tool}: {plain(states)}")
    for currency, amount in told["money"].items():
        typer.echo(f"  money: {amount:,.2f} {currency}".rstrip())
    if told["model"]["runs"]:
        typer.echo(f"  model: {counted(told['model']['runs'], 'run')}, at most {plain(told['model']['at_most'])}")
    for name in ("muted", "unread", "duplicates", "late", "no_entity"):
        if told[name]:
            typer.echo(f"  {name.replace('_', ' ')}: {told[name]:,}")
    for unknown in told["unknown"]:
        what, times = plain(unknown["field"] or "a result"), counted(unknown["times"], "time")
        typer.echo(f"  unknown: {unknown['rule']} found no usable value in {what}, {times}")


def _most(entities: list[dict[str, Any]]) -> str:
    shown = [f"{plain(each['entity'])} ({each['openings']})" for each in entities[:3]]
    return ", ".join([*shown, "..."] if len(entities) > len(shown) else shown)
