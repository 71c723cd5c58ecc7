"""What only Redis has: the lease of the one that reads, and entries that others wrote or removed."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from dutyd.core.errors import NotReadyError
from dutyd.core.topic import Start
from dutyd.stream.base import Consumer, Partition, Span, TopicSpec
from dutyd.stream.redis import RedisStream
from dutyd.stream.redis.entries import LAST, id_of, offset_of
from support.streams import join, poll_until, read, values

SHORT = 0.3
"""Seconds of lease: tests wait for its end by polling."""


@pytest.fixture
def client(valkey_url: str) -> Iterator[Any]:
    with redis.Redis.from_url(valkey_url) as opened:
        yield opened


@pytest.fixture
def stream(client: Any) -> RedisStream:
    return RedisStream(client, lease=SHORT)


def member(stream: RedisStream, topic: str) -> Consumer:
    return stream.consumer(f"{topic}.group", {topic: Start.EARLIEST}, client="any")


def test_who_is_silent_too_long_loses_the_group_and_its_commit_changes_nothing(
    stream: RedisStream, unique: str
) -> None:
    partition = Partition(unique, 0)
    first, second = member(stream, unique), member(stream, unique)
    join(first)
    assert join(second) == {partition}  # after the first's lease has run out
    first.commit({partition: 5})
    assert second.committed([partition]) == {partition: None}
    assert first.poll(0.0, 10).lost == {partition}
    assert not first.poll(0.0, 10).assigned
    second.close()
    assert join(first) == {partition}


def test_who_polls_keeps_the_group(stream: RedisStream, unique: str) -> None:
    first, second = member(stream, unique), member(stream, unique)
    join(first)
    for _ in range(10):  # together longer than the lease
        assert not second.poll(SHORT / 5, 10).assigned
        assert not first.poll(0.0, 10).lost


def test_who_leaves_without_holding_it_takes_nothing_from_others(stream: RedisStream, unique: str) -> None:
    first, second = member(stream, unique), member(stream, unique)
    join(first)
    second.close()
    assert not first.poll(0.0, 10).lost
    assert not member(stream, unique).poll(0.0, 10).assigned


def test_a_server_without_its_data_starts_the_group_anew(stream: RedisStream, client: Any, unique: str) -> None:
    consumer = member(stream, unique)
    join(consumer)
    client.delete(f"{unique}.group:owner")
    assert poll_until(consumer, lambda polled: polled.lost).lost
    assert join(consumer) == {Partition(unique, 0)}


def test_a_producer_that_is_not_dutyd_needs_only_a_value(stream: RedisStream, client: Any, unique: str) -> None:
    client.xadd(unique, {"value": '{"sku": "0012"}'})
    client.xadd(unique, {"sku": "0012"})
    consumer = member(stream, unique)
    join(consumer)
    (records,) = read(consumer, 2).values()
    assert [record.value for record in records] == [b'{"sku": "0012"}', None]


def test_removed_entries_are_passed_over(stream: RedisStream, client: Any, unique: str) -> None:
    ids = [client.xadd(unique, {"value": str(number)}) for number in range(5)]
    partition = Partition(unique, 0)
    consumer = member(stream, unique)
    join(consumer)
    consumer.commit({partition: offset_of(ids[0]) + 1})
    consumer.close()
    client.xdel(unique, ids[1], ids[4])
    client.xtrim(unique, minid=ids[2], approximate=False)
    assert stream.spans([unique]) == {partition: Span(offset_of(ids[2]), offset_of(ids[3]) + 1)}
    later = member(stream, unique)
    join(later)
    assert values(read(later, 2)) == [b"2", b"3"]
    assert later.at_end(partition)


def test_an_emptied_stream_begins_where_it_ends(stream: RedisStream, client: Any, unique: str) -> None:
    newest = client.xadd(unique, {"value": "1"})
    client.xtrim(unique, maxlen=0, approximate=False)
    end = offset_of(newest) + 1
    assert stream.spans([unique]) == {Partition(unique, 0): Span(end, end)}
    assert list(stream.scan(unique)) == []


def test_entries_that_share_an_offset_are_each_read_once(stream: RedisStream, client: Any, unique: str) -> None:
    for sequence in (1, LAST, LAST + 1, LAST + 2):
        client.xadd(unique, {"value": str(sequence)}, id=f"5-{sequence}")
    consumer = member(stream, unique)
    join(consumer)
    records = [record for _ in range(4) for batch in consumer.poll(0.1, 1).records.values() for record in batch]
    assert [int(record.value or b"") for record in records] == [1, LAST, LAST + 1, LAST + 2]
    assert consumer.at_end(Partition(unique, 0))
    assert len(list(stream.scan(unique))) == 4


def test_an_existing_stream_is_left_as_it_is(stream: RedisStream, client: Any, unique: str) -> None:
    client.xadd(unique, {"value": "1"})
    stream.ensure(TopicSpec(unique))
    assert client.xlen(unique) == 1
    assert client.xinfo_groups(unique) == []


def test_a_key_of_another_kind_is_not_ready_and_says_so(stream: RedisStream, client: Any, unique: str) -> None:
    client.set(unique, "text")
    consumer = member(stream, unique)
    join(consumer)
    with pytest.raises(NotReadyError, match=r"can't read at Redis: .*wrong kind of value"):
        consumer.poll(0.1, 10)


def test_one_busy_topic_does_not_starve_another(stream: RedisStream, client: Any, unique: str) -> None:
    quiet = f"{unique}.quiet"
    for number in range(50):
        client.xadd(unique, {"value": str(number)})
    client.xadd(quiet, {"value": "here"})
    starts = {unique: Start.EARLIEST, quiet: Start.EARLIEST}
    consumer = stream.consumer(f"{unique}.group", starts, client="any")
    join(consumer)
    polled = consumer.poll(0.1, 10)
    assert {partition.topic: len(records) for partition, records in polled.records.items()} == {unique: 5, quiet: 1}


def test_an_offset_of_a_record_is_its_place(stream: RedisStream, client: Any, unique: str) -> None:
    ids = [client.xadd(unique, {"value": str(number)}) for number in range(3)]
    consumer = member(stream, unique)
    join(consumer)
    consumer.seek(Partition(unique, 0), offset_of(ids[1]))
    assert values(read(consumer, 2)) == [b"1", b"2"]
    assert id_of(offset_of(ids[1])) == ids[1]
