"""Publishing to a real broker: topics created, records keyed, a bad file sends nothing."""

import json
from pathlib import Path

import pytest

from dutyd.app.publish import publish_file, publish_lines
from dutyd.core.errors import SettingsError
from dutyd.core.topic import Topic
from dutyd.ledger.connect import connect
from dutyd.stream import open_stream
from dutyd.stream.base import Stream


def quiet(_done: int, _total: int | None) -> None:
    pass


@pytest.fixture
def stream(valkey_url: str) -> Stream:
    return open_stream(valkey_url, {}, connect=connect)


def lines(*events: object) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def test_a_file_becomes_keyed_records_in_its_order(stream: Stream, unique: str, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(lines({"sku": "A", "n": 1}, {"sku": "B", "n": 2}, {"n": 3}))
    topic = Topic(alias="stock", topic=unique, partitioned_by=("sku",))
    done = publish_file(stream, topic, file, raw=False, show=quiet)
    assert (done.created, done.records, done.without_key, done.bad) == (1, 3, 1, ())
    written = [(record.key, json.loads(record.value or b"")["n"]) for _, record in stream.scan(unique)]
    assert written == [(b"A", 1), (b"B", 2), (None, 3)]


def test_a_file_with_a_bad_line_sends_nothing(stream: Stream, unique: str, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(lines({"n": 1}) + b"{oops\n" + lines({"n": 2}) + b"12\n")
    done = publish_file(stream, Topic(alias="a", topic=unique), file, raw=False, show=quiet)
    assert [bad.line for bad in done.bad] == [2, 4]
    assert (done.records, stream.partitions(unique)) == (0, None)


def test_raw_lines_are_sent_as_they_are(stream: Stream, unique: str, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(lines({"n": 1}) + b"{oops\n")
    done = publish_file(stream, Topic(alias="a", topic=unique), file, raw=True, show=quiet)
    assert done.records == 2
    assert [record.value for _, record in stream.scan(unique)] == [b'{"n": 1}', b"{oops"]


def test_a_stream_of_lines_leaves_bad_ones_out(stream: Stream, unique: str) -> None:
    raw = [b'{"n": 1}\n', b"{oops\n", b'{"n": 2}\n']
    done = publish_lines(stream, Topic(alias="a", topic=unique), raw, raw=False, show=quiet)
    assert (done.records, [bad.line for bad in done.bad]) == (2, [2])


def test_progress_ends_at_the_number_of_records(stream: Stream, unique: str, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(lines(*({"n": n} for n in range(5_001))))
    seen: list[tuple[int, int | None]] = []
    publish_file(stream, Topic(alias="a", topic=unique), file, raw=False, show=lambda done, of: seen.append((done, of)))
    assert seen == [(5_000, 5_001), (5_001, 5_001)]


def test_a_file_that_is_not_there_is_said(stream: Stream, unique: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"can't read .*none\.jsonl: No such file"):
        publish_file(stream, Topic(alias="a", topic=unique), tmp_path / "none.jsonl", raw=False, show=quiet)
