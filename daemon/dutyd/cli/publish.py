"""``dutyd publish``: lines of a file, or posts over HTTP, become records of a topic."""

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
    Path | None,
    typer.Argument(
        metavar="FILE", help="One event, or an array of events, a line; - reads standard input.", show_default=False
    ),
]
Listen = Annotated[
    str | None,
    typer.Option(
        "--listen",
        metavar="HOST:PORT",
        help="Instead of reading a file, take what is posted here, until stopped; port 0 takes a free one.",
        show_default=False,
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option("--token-file", metavar="FILE", help="Take posts with this bearer token only.", show_default=False),
]
TokenEnv = Annotated[
    str | None,
    typer.Option("--token-env", metavar="NAME", help="The same, from a variable.", show_default=False),
]


def publish(  # noqa: PLR0913 - options are parameters
    file: Lines = None,
    *,
    topic: Alias = None,
    listen: Listen = None,
    token_file: TokenFile = None,
    token_env: TokenEnv = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Send the lines of a file, or what is posted over HTTP, to a topic, keyed as its rules expect.

    Lines go out as they are, as a producer's would: what holds no event is told here, and becomes a dead letter. A post
    is answered once the broker has it; one that holds no event is answered with the reason, and not sent.
    """
    if listen is not None:
        if file is not None or as_json:
            raise SettingsError("--listen takes posts until it is stopped: it goes without FILE and --json")
        return _listen(settings, topic, listen, token_file, token_env)
    if token_file or token_env:
        raise SettingsError("--token-file and --token-env belong to --listen HOST:PORT")
    if file is None:
        raise SettingsError("what is to be published? Name a FILE (- reads standard input), or --listen HOST:PORT")
    return _publish_file(settings, topic, file, as_json)


def _publish_file(settings: Path, topic: str | None, file: Path, as_json: bool) -> None:
    from dutyd.app.publish import publish_lines
    from dutyd.cli.places import open_world

    with open_world(settings) as world, progress("publishing") as show, _opened(file) as lines:
        to = chosen(world.settings.sources, topic)
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


def _listen(settings: Path, topic: str | None, listen: str, token_file: Path | None, token_env: str | None) -> None:
    import logging

    from dutyd.app.bridge import serve_bridge
    from dutyd.app.world import World
    from dutyd.cli.places import read_settings
    from dutyd.ops.logging import configure_logging
    from dutyd.settings.values import read_secret

    at = _host_and_port(listen)
    secret = read_secret("token", file=token_file, env=token_env)
    if secret is not None and not secret.get_secret_value():
        raise SettingsError(f"token_file: {token_file} is empty")
    configure_logging(logging.INFO)
    with World(read_settings(settings)) as world:
        to = chosen(world.settings.sources, topic)
        if secret is None and at[0] not in _THIS_MACHINE:
            say(f"without --token-file or --token-env whoever reaches {listen} can publish to '{to.topic}'")

        def told(url: str) -> None:
            typer.echo(f"Posts to {url} become records of '{to.topic}'.")
            sys.stdout.flush()

        serve_bridge(world.stream, to, secret.get_secret_value() if secret else None, at, told)


_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")


def _host_and_port(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise SettingsError(f"--listen '{listen}' is not of the form HOST:PORT, such as 127.0.0.1:9095")
    return host.strip("[]"), int(port)


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


def chosen(topics: Mapping[str, Topic], alias: str | None) -> Topic:
    """Return the topic to write to; with a single one in the settings nobody has to name it."""
    names = ", ".join(topics) or "none"
    if alias is None and len(topics) == 1:
        return next(iter(topics.values()))
    if alias is None:
        raise SettingsError(f"--topic ALIAS is needed: the settings have {names}")
    if alias not in topics:
        raise SettingsError(f"the settings have no topic '{alias}'{nearest(alias, set(topics))} (they have {names})")
    return topics[alias]
