"""Publishing to a real broker: topics created, records keyed, bad lines told and sent."""

import json

import pytest

from dutyd.app.publish import publish_lines
from dutyd.core.topic import Topic
from dutyd.ledger.connect import connect
from dutyd.stream import open_stream
from dutyd.stream.base import Stream


def quiet(_done: int) -> None:
    pass


@pytest.fixture
def stream(valkey_url: str) -> Stream:
    return open_stream(valkey_url, {}, connect=connect)


def lines(*events: object) -> list[bytes]:
    return [json.dumps(event).encode() + b"\n" for event in events]


def test_lines_become_keyed_records_in_their_order(stream: Stream, unique: str) -> None:
    events = lines({"sku": "A", "n": 1}, {"sku": "B", "n": 2}, {"n": 3})
    topic = Topic(alias="stock", topic=unique, partitioned_by=("sku",))
    done = publish_lines(stream, topic, events, quiet)
    assert (done.created, done.records, done.without_key, done.bad) == (1, 3, 1, ())
    written = [(record.key, json.loads(record.value or b"")["n"]) for _, record in stream.scan(unique)]
    assert written == [(b"A", 1), (b"B", 2), (None, 3)]


def test_a_line_that_holds_no_event_is_told_and_sent_as_it_is(stream: Stream, unique: str) -> None:
    raw = [b'{"n": 1}\n', b"{oops\n", b'{"n": 2}\n']
    done = publish_lines(stream, Topic(alias="a", topic=unique), raw, quiet)
    assert (done.records, [bad.line for bad in done.bad]) == (3, [2])
    assert [record.value for _, record in stream.scan(unique)] == [b'{"n": 1}', b"{oops", b'{"n": 2}']


def test_progress_ends_at_the_number_of_records(stream: Stream, unique: str) -> None:
    seen: list[int] = []
    publish_lines(stream, Topic(alias="a", topic=unique), lines(*({"n": n} for n in range(5_001))), seen.append)
    assert seen == [5_000, 5_001]
