"""``dutyd publish``: lines of a file become records of a topic."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from dutyd.cli.failures import say
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


def publish(
    file: Lines,
    topic: Alias = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Send the lines of a file to a topic, keyed as its rules expect.

    Lines go out as they are, as a producer's would: what holds no event is told here, and becomes a dead letter.
    """
    from dutyd.app.publish import publish_lines
    from dutyd.cli.places import open_world

    with open_world(settings) as world, progress("publishing") as show, _opened(file) as lines:
        to = _chosen(world.settings.sources, topic)
        total = sum(1 for _ in lines) if lines.seekable() else None
        if total is not None:
            lines.seek(0)
        done = publish_lines(world.stream, to, lines, lambda sent: show(sent, total))
    _complain(file, done.bad)
    if as_json:
        counts = {"created": bool(done.created), "records": done.records, "without_key": done.without_key}
        print_json({"topic": to.topic, **counts, "bad": [bad._asdict() for bad in done.bad]})
    else:
        typer.echo(_told(to, done.records, done.created, done.without_key))


def _opened(file: Path) -> BinaryIO:
    try:
        return sys.stdin.buffer if file == Path("-") else file.open("rb")
    except OSError as error:
        raise SettingsError(f"can't read {file}: {error.strerror}") from error


def _complain(file: Path, bad: Sequence[tuple[int, str]]) -> None:
    for line, reason in bad[:SHOWN]:
        say(f"{file}:{line}: {reason} (sent as it is: it will be a dead letter)")
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
