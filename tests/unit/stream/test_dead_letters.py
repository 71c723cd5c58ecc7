"""Dead letters keep the record whole and say what was wrong."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from dutyd.core.errors import BadInputError
from dutyd.core.event import Headers, Record
from dutyd.core.topic import OwnTopics
from dutyd.stream.base import Partition
from dutyd.stream.dead_letters import VALUE_LIMIT, DeadLetter, read_dead_letter, send_dead_letter
from support.records import FakeRecord

TOPICS = OwnTopics("shop")
PARTITION = Partition("sales", 4)


@dataclass
class Box:
    """Takes what is sent, as the broker would give it back."""

    sent: list[FakeRecord] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)

    def send(self, topic: str, value: bytes | None, *, key: bytes | None = None, headers: Headers = ()) -> None:
        self.topics.append(topic)
        self.sent.append(FakeRecord(value, key=key, headers=headers))

    def put_back(self, partition: Partition, record: Record) -> None:
        self.send(partition.topic, record.value, key=record.key, headers=record.headers)

    def flush(self) -> None:
        """Everything is there already."""

    def close(self) -> None:
        """Nothing is open."""


def bury(record: FakeRecord, **others: Any) -> DeadLetter:
    box = Box()
    send_dead_letter(box, TOPICS, record, PARTITION, others.pop("reason", "not JSON"), **others)
    assert box.topics == ["shop.dead-letters"]
    return read_dead_letter(box.sent[0])


def test_a_dead_letter_tells_everything() -> None:
    record = FakeRecord(b"\xff{", offset=9, timestamp=123, key=b"k", headers=[("ce_id", b"1"), ("ce_id", b"2")])
    assert bury(record, traceback="Traceback ...") == DeadLetter(
        partition=PARTITION,
        offset=9,
        timestamp=123,
        reason="not JSON",
        traceback="Traceback ...",
        cut=None,
        key=b"k",
        value=b"\xff{",
        headers=(("ce_id", b"1"), ("ce_id", b"2")),
    )


def test_the_version_stands_in_the_headers() -> None:
    box = Box()
    send_dead_letter(box, TOPICS, FakeRecord(b""), PARTITION, "x")
    assert ("dutyd-v", b"1") in box.sent[0].headers


def test_a_second_death_replaces_the_headers_of_the_first() -> None:
    box = Box()
    send_dead_letter(box, TOPICS, FakeRecord(b"x", headers=[("a", b"1")]), PARTITION, "first")
    send_dead_letter(box, TOPICS, box.sent[0], Partition("sales", 5), "second")
    letter = read_dead_letter(box.sent[1])
    assert (letter.reason, letter.partition.number, letter.headers) == ("second", 5, (("a", b"1"),))


def test_long_texts_and_values_are_cut() -> None:
    letter = bury(FakeRecord(b"x" * (VALUE_LIMIT + 1)), reason="r" * 10_000, traceback="t" * 100_000 + "end")
    assert letter.cut == VALUE_LIMIT + 1
    assert letter.value == b"x" * VALUE_LIMIT
    assert len(letter.reason) == 2_000
    assert letter.traceback.endswith("end")
    assert len(letter.traceback) == 16_000


def test_a_tombstone_without_a_key_can_be_buried() -> None:
    assert bury(FakeRecord(None)).value == b""
    assert bury(FakeRecord(None, key=b"k")).value is None


@pytest.mark.parametrize("headers", [[], [("dutyd-reason", b"x")], [("dutyd-offset", b"x")]])
def test_what_is_no_dead_letter_is_bad_input(headers: list[tuple[str, bytes]]) -> None:
    with pytest.raises(BadInputError, match="record 7 of the dead-letter topic is no dead letter"):
        read_dead_letter(FakeRecord(b"x", headers=headers))
