"""Dead letters for people: found by what is asked for, and sent back to where they came from, each once.

``cli`` lists and replays. A letter goes back to exactly its partition, with key, headers and value as they were; an
event that was read in the meantime is known there by its identity. What was cut when it died can't go back. Letters may
be large and many: they are read as they lie, and few are held at a time.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from heapq import nlargest
from itertools import islice
from typing import NamedTuple

from dutyd.core.errors import BadInputError
from dutyd.core.event import Headers, Record
from dutyd.ledger.replays import Replay, Replays
from dutyd.stream.base import Stream
from dutyd.stream.dead_letters import DeadLetter, read_dead_letter

BATCH = 100
"""Letters that are taken, sent and marked together."""


class Kept(NamedTuple):
    """A dead letter where it lies: when it *died*, seconds since the epoch, and the *name* that people call it by."""

    died: float
    name: str
    letter: DeadLetter

    @property
    def known_as(self) -> str:
        """The name under which its replay is remembered: topics are made anew, and names with them."""
        return f"{self.name}@{self.died:.3f}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters are asked for; what is None is not asked about.

    Attributes:
        names: as ``Kept.name`` tells them.
        topic: real name of the topic that they came from.
        reason: a part of the reason, in any case.
        since: when they died at the earliest, seconds since the epoch.

    """

    names: frozenset[str] | None = None
    topic: str | None = None
    reason: str | None = None
    since: float | None = None

    def fits(self, kept: Kept) -> bool:
        """Whether *kept* is asked for."""
        return (
            (self.names is None or kept.name in self.names)
            and (self.topic is None or kept.letter.partition.topic == self.topic)
            and (self.reason is None or self.reason.lower() in kept.letter.reason.lower())
            and (self.since is None or kept.died >= self.since)
        )


def find(stream: Stream, topic: str, wanted: Wanted, show: Callable[[int], None] = lambda _: None) -> Iterator[Kept]:
    """Yield the letters of the dead-letter *topic* that are *wanted*, as they lie; *show* is told how many were read.

    Raises:
        NotReadyError: the stream does not answer.

    """
    if stream.partitions(topic) is None:  # nothing has died yet
        return
    for number, (partition, record) in enumerate(stream.scan(topic), 1):
        show(number)
        try:
            kept = Kept(record.timestamp / 1000, f"{partition.number}-{record.offset}", read_dead_letter(record))
        except BadInputError:
            continue  # somebody else's record
        if wanted.fits(kept):
            yield kept


def newest(letters: Iterable[Kept], limit: int) -> list[Kept]:
    """Return the newest *limit* of *letters*, newest first."""
    return [kept for *_, kept in nlargest(limit, ((kept.died, number, kept) for number, kept in enumerate(letters)))]


class Ended(NamedTuple):
    """What became of one letter that was to go back: *refused* says why it did not, empty where it did."""

    kept: Kept
    refused: str


async def replay(
    letters: Iterable[Kept], stream: Stream, replays: Replays, who: str, *, again: bool = False
) -> AsyncIterator[Ended]:
    """Send *letters* back in their order; one that went back before does not, unless *again*.

    Raises:
        NotReadyError: a server does not answer; what was taken by then and not sent is refused the next time.

    """
    left = iter(letters)
    fit = Fit(stream)
    with closing(stream.producer()) as producer:
        while batch := list(islice(left, BATCH)):
            refused = {kept.known_as: why for kept in batch if (why := fit.refuses(kept.letter))}
            asked = [kept.known_as for kept in batch if kept.known_as not in refused]
            known = await replays.begin(asked, who, again=again)
            refused |= {name: gone_before(before) for name, before in known.items() if before is not None}
            going = [kept for kept in batch if kept.known_as not in refused]
            for kept in going:
                producer.put_back(kept.letter.partition, _record(kept.letter))
            producer.flush()
            await replays.done([kept.known_as for kept in going])
            for kept in batch:
                yield Ended(kept, refused.get(kept.known_as, ""))


class Fit:
    """Says why a letter can't go back to where it came from."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._partitions: dict[str, int] = {}

    def refuses(self, letter: DeadLetter) -> str:
        """Return why, an empty text where it can go."""
        topic, number = letter.partition
        if letter.cut is not None:
            return f"it was cut: {len(letter.value or b'')} of {letter.cut} bytes are kept"
        if topic not in self._partitions:
            self._partitions[topic] = self._stream.partitions(topic) or 0
        if number >= self._partitions[topic]:
            return f"there is no partition {number} of topic '{topic}' any more"
        return ""


def gone_before(before: Replay) -> str:
    """Say why a letter is not sent again."""
    if before.sent:
        return f"it went back before, sent by {before.who}; --again sends it once more"
    return f"{before.who} began to send it and came to no end: look whether it is there; --again sends it"


class _Letter(NamedTuple):
    """A letter as the record that it was."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


def _record(letter: DeadLetter) -> Record:
    return _Letter(letter.offset, letter.timestamp, letter.key, letter.value, letter.headers)


async def went_back(letters: Sequence[Kept], replays: Replays) -> Mapping[str, Replay]:
    """Return what is known of those of *letters* that went back before, by ``Kept.name``."""
    known = await replays.known([kept.known_as for kept in letters])
    return {kept.name: known[kept.known_as] for kept in letters if kept.known_as in known}
