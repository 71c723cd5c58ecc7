"""Which history a backtest reads: files, a folder with a file for each topic, or the topics themselves.

``--topic`` names a topic of the settings (``metrics``), or a topic and its file (``metrics=day.jsonl``), and may be
repeated; a folder whose files are named by topics (``metrics.jsonl``, ``stock/``) needs none. Several topics are played
in the order of arrival.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dutyd.core.errors import BadInputError, SettingsError

if TYPE_CHECKING:
    from dutyd.app.world import World
    from dutyd.core.topic import Topic
    from dutyd.rules.rehearsal.histories import Batch


@dataclass(frozen=True, slots=True)
class Source:
    """A topic, and the file or folder that holds its events; None: the topic itself is read."""

    topic: "Topic"
    place: Path | None


def sources_of(world: "World", named: Sequence[str], place: Path | None) -> list[Source]:
    """Return what is to be read.

    Raises:
        SettingsError: it can't be told what is meant, or the settings have no such topic.

    """
    from dutyd.cli.publish import chosen

    pairs = [(alias, Path(file) if equals else None) for alias, equals, file in (each.partition("=") for each in named)]
    if place is None:
        if len({file is None for _, file in pairs}) > 1:
            raise SettingsError("name a file for each topic (--topic ALIAS=FILE), or for none, to read them all")
        if len({alias for alias, _ in pairs}) < len(pairs):
            raise SettingsError("--topic names a topic twice: put its files into a folder")
        if not pairs:
            return [Source(chosen(world.topics, None), None)]
        return [Source(chosen(world.topics, alias), file) for alias, file in pairs]
    if any(file is not None for _, file in pairs) or len(pairs) > 1:
        raise SettingsError(f"--topic says what to read already: leave {place} out, or write --topic ALIAS={place}")
    if not pairs and (found := _by_name(world, place)):
        return found
    return [Source(chosen(world.topics, pairs[0][0] if pairs else None), place)]


def _by_name(world: "World", place: Path) -> list[Source]:
    """Return a source for each member of the folder *place*, where all are named by topics; else none."""
    members = sorted(each for each in place.iterdir() if not each.name.startswith(".")) if place.is_dir() else []
    aliases = {each: each.name.split(".")[0] for each in members}
    if not members or not all(alias in world.topics for alias in aliases.values()):
        return []
    if len(set(aliases.values())) < len(members):
        raise SettingsError(f"{place} holds two members of one topic: put them into a folder named by it")
    return [Source(world.topics[alias], member) for member, alias in aliases.items()]


def batches_of(
    world: "World", sources: Sequence[Source], since: str | None, until: str | None
) -> tuple[Iterator["Batch"], int | None]:
    """Return the history, and how much of it there is to read: bytes of files, records of topics; None: unknown."""
    from dutyd.rules.rehearsal.histories import STANDARD_INPUT, files_of, of_files, of_topic
    from dutyd.rules.rehearsal.merging import merged

    places = [(source.topic, files_of(source.place)) for source in sources if source.place is not None]
    if places:
        if since or until:
            raise SettingsError("--since and --until are for reading the topic: a file is read as a whole")
        files = [file for _, members in places for file in members]
        unsized = any(file.suffix == ".gz" or file == STANDARD_INPUT for file in files)
        total = None if unsized else sum(file.stat().st_size for file in files)
        return merged([of_files(members, topic) for topic, members in places]), total
    begin, end = _time("--since", since), _time("--until", until)
    span = [None if at is None else int(at * 1000) for at in (begin, end)]
    topics = [source.topic for source in sources]
    counts = [world.records_in(topic.topic) for topic in topics] if begin is None and end is None else [None]
    total = None if None in counts else sum(each for each in counts if each is not None)
    return merged([of_topic(world.stream.scan(topic.topic, *span), topic, begin, end) for topic in topics]), total


def _time(option: str, text: str | None) -> float | None:
    from dutyd.stream.formats.times import Times

    try:
        return None if text is None else Times().read(text)
    except BadInputError as error:
        raise SettingsError(f"{option}: {error}") from error
