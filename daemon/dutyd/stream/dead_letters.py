"""Dead letters: records that could not be understood, kept whole, with what was wrong in headers.

Written by the evaluate path for bad input and for what fails unexpectedly; read by ``deadletters list`` and
``replay``, which needs value, key and the producer's own headers as they were. The headers of ours all begin with
``dutyd-``; those of an earlier death are replaced.
"""

from dataclasses import dataclass

from dutyd.core.errors import BadInputError
from dutyd.core.event import Headers, Record
from dutyd.core.secrets import cut
from dutyd.core.topic import OwnTopics
from dutyd.core.version import VERSION
from dutyd.stream.base import Partition, Producer

PREFIX = "dutyd-"
REASON_LIMIT = 2_000
TRACEBACK_LIMIT = 16_000
VALUE_LIMIT = 8 * 1024 * 1024
"""Bytes of the value that are kept: what the dead-letter topic takes with room to spare. A longer one is cut, and
the header ``dutyd-cut`` says how long it was."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What a record of the dead-letter topic says.

    Attributes:
        partition: where the record stood.
        offset: its offset there.
        timestamp: its timestamp there, milliseconds since the epoch.
        reason: what was wrong with it.
        traceback: where the code failed, empty for bad input.
        cut: how many bytes the value had before it was cut, None where it is whole.
        key: as it was.
        value: as it was, or its beginning.
        headers: the producer's own.

    """

    partition: Partition
    offset: int
    timestamp: int
    reason: str
    traceback: str
    cut: int | None
    key: bytes | None
    value: bytes | None
    headers: Headers


def send_dead_letter(
    producer: Producer, topics: OwnTopics, record: Record, partition: Partition, reason: str, traceback: str = ""
) -> None:
    """Queue *record* for the dead-letter topic; it is there once ``producer.flush`` has returned."""
    value = record.value
    said = {
        "v": str(VERSION),
        "reason": cut(reason, REASON_LIMIT),
        "topic": partition.topic,
        "partition": str(partition.number),
        "offset": str(record.offset),
        "timestamp": str(record.timestamp),
    }
    if traceback:
        said["traceback"] = traceback[-TRACEBACK_LIMIT:]  # its end says what failed
    if value is not None and len(value) > VALUE_LIMIT:
        said["cut"] = str(len(value))
        value = value[:VALUE_LIMIT]
    headers = [(PREFIX + name, text.encode(errors="replace")) for name, text in said.items()]
    # A broker refuses a record of neither key nor value; an empty value says the same.
    empty = value is None and record.key is None
    producer.send(
        topics.dead_letters, b"" if empty else value, key=record.key, headers=[*headers, *_theirs(record.headers)]
    )


def read_dead_letter(record: Record) -> DeadLetter:
    """Read a record of the dead-letter topic.

    Raises:
        BadInputError: it has not our headers.

    """
    try:
        said = {name[len(PREFIX) :]: (text or b"").decode() for name, text in record.headers if name.startswith(PREFIX)}
        return DeadLetter(
            partition=Partition(said["topic"], int(said["partition"])),
            offset=int(said["offset"]),
            timestamp=int(said["timestamp"]),
            reason=said["reason"],
            traceback=said.get("traceback", ""),
            cut=int(said["cut"]) if "cut" in said else None,
            key=record.key,
            value=record.value,
            headers=_theirs(record.headers),
        )
    except (KeyError, ValueError) as error:
        raise BadInputError(f"record {record.offset} of the dead-letter topic is no dead letter: {error!r}") from error


def _theirs(headers: Headers) -> Headers:
    return tuple((name, content) for name, content in headers if not name.startswith(PREFIX))
