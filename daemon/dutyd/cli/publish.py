"""``dutyd publish``: lines of a file become records of a topic."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from dutyd.cli.failures import Exit, say
from dutyd.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile
from dutyd.cli.render import counted, print_json, progress
from dutyd.core.errors import SettingsError, nearest
from dutyd.core.topic import Topic

SHOWN = 20
"""Bad lines that are told one by one."""

Alias = Annotated[
    str | None, typer.Option("--topic", metavar="ALIAS", help="The topic's alias in the settings.", show_default=False)
]
Lines = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="One event, or an array of events, a line; - reads standard input."),
]
Raw = Annotated[bool, typer.Option("--raw", help="Send every line as it is, also what holds no event.")]


def publish(
    file: Lines,
    topic: Alias = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
    raw: Raw = False,
    as_json: AsJson = False,
) -> None:
    """Send the lines of a file to a topic, keyed as its rules expect.

    A line that holds no event means that nothing of a file is sent; of standard input, all other lines are.
    """
    from dutyd.app.publish import publish_file, publish_lines
    from dutyd.cli.places import open_world

    with open_world(settings) as world, progress("publishing") as show:
        to = _chosen(world.settings.sources, topic)
        if file == Path("-"):
            done = publish_lines(world.stream, to, sys.stdin.buffer, raw=raw, show=show)
        else:
            done = publish_file(world.stream, to, file, raw=raw, show=show)
    _complain(file, done.bad)
    if as_json:
        counts = {"created": bool(done.created), "records": done.records, "without_key": done.without_key}
        print_json({"topic": to.topic, **counts, "bad": [bad._asdict() for bad in done.bad]})
    elif done.bad and not done.records:
        typer.echo("Nothing was published: mend these lines, or send them as they are with --raw.")
    else:
        typer.echo(_told(to, done.records, done.created, done.without_key))
    if done.bad and not raw:
        raise typer.Exit(Exit.WRONG_USE)


def _complain(file: Path, bad: Sequence[tuple[int, str]]) -> None:
    for line, reason in bad[:SHOWN]:
        say(f"{file}:{line}: {reason}")
    if len(bad) > SHOWN:
        say(f"and {counted(len(bad) - SHOWN, 'more line')} like these")


def _told(topic: Topic, records: int, created: int, without_key: int) -> str:
    told = f"Published {counted(records, 'record')} to '{topic.topic}'"
    if created:
        told += f", created with {counted(created, 'partition')}"
    if without_key:
        fields = ", ".join(topic.partitioned_by)
        told += f"; {without_key:,} of them without {fields}: rules over these fields won't see them"
    return f"{told}."


def _chosen(topics: Mapping[str, Topic], alias: str | None) -> Topic:
    """Return the topic to write to; with a single one in the settings nobody has to name it."""
    names = ", ".join(topics) or "none"
    if alias is None and len(topics) == 1:
        return next(iter(topics.values()))
    if alias is None:
        raise SettingsError(f"--topic ALIAS is needed: the settings have {names}")
    if alias not in topics:
        raise SettingsError(f"the settings have no topic '{alias}'{nearest(alias, set(topics))} (they have {names})")
    return topics[alias]
