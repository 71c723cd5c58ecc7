"""One suite over both stream backends, each on a real server: what ``stream.base`` promises of groups and commits."""

from dutyd.core.topic import Start
from dutyd.stream.base import Partition
from support.backends import Backend
from support.streams import join, poll_until, read, values


def test_a_new_member_is_assigned_every_partition_before_any_record(backend: Backend) -> None:
    backend.produce(b"1")
    consumer = backend.member()
    polled = poll_until(consumer, lambda answer: answer.assigned or answer.records)
    assert not polled.records
    assert polled.assigned == set(backend.stream.spans([backend.topic]))
    assert values(read(consumer, 1)) == [b"1"]


def test_the_next_member_resumes_at_the_commit(backend: Backend) -> None:
    backend.produce(*[b"%d" % number for number in range(6)], key=b"k")
    first = backend.member()
    join(first)
    ((partition, records),) = read(first, 6).items()
    first.commit({partition: records[3].offset + 1})
    assert first.committed([partition]) == {partition: records[3].offset + 1}
    first.close()
    second = backend.member()
    join(second)
    assert values(read(second, 2)) == [b"4", b"5"]


def test_nothing_committed_is_none(backend: Backend) -> None:
    consumer = backend.member()
    assigned = join(consumer)
    assert consumer.committed(sorted(assigned)) == dict.fromkeys(assigned)


def test_an_empty_commit_is_harmless(backend: Backend) -> None:
    backend.produce(b"1", key=b"k")
    consumer = backend.member()
    consumer.commit({})
    assigned = join(consumer)
    consumer.commit({})
    assert consumer.committed(sorted(assigned)) == dict.fromkeys(assigned)
    ((partition, records),) = read(consumer, 1).items()
    consumer.commit({partition: records[0].offset + 1})
    consumer.commit({})
    assert consumer.committed([partition]) == {partition: records[0].offset + 1}


def test_the_latest_start_sees_what_comes_after_the_assignment(backend: Backend) -> None:
    backend.produce(b"old", key=b"k")
    consumer = backend.member(Start.LATEST)
    join(consumer)
    consumer.poll(0.0, 1)
    backend.produce(b"new", key=b"k")
    assert values(read(consumer, 1)) == [b"new"]


def test_a_seek_between_assignment_and_next_poll_decides_where_reading_begins(backend: Backend) -> None:
    backend.produce(*[b"%d" % number for number in range(5)], key=b"k")
    ((partition, span),) = [
        each for each in backend.stream.spans([backend.topic]).items() if each[1].begin < each[1].end
    ]
    first = backend.member()
    join(first)
    (records,) = read(first, 5).values()
    first.commit({partition: span.end})
    first.close()
    second = backend.member()
    assert partition in join(second)
    second.seek(partition, records[2].offset)
    assert values(read(second, 3)) == [b"2", b"3", b"4"]


def test_a_seek_before_the_first_record_reads_from_the_first(backend: Backend) -> None:
    backend.produce(b"1", b"2", key=b"k")
    consumer = backend.member()
    join(consumer)
    (partition,) = read(consumer, 2)
    consumer.seek(partition, 0)
    assert values(read(consumer, 2)) == [b"1", b"2"]


def test_a_second_member_takes_over_where_the_first_committed(backend: Backend) -> None:
    backend.produce(b"1", b"2", key=b"k")
    first = backend.member()
    everything = join(first)
    ((partition, records),) = read(first, 2).items()
    second = backend.member()
    first.commit({partition: records[0].offset + 1})
    first.close()
    assert join(second) == everything
    assert values(read(second, 1)) == [b"2"]


def test_members_never_hold_a_partition_together(backend: Backend) -> None:
    backend.needs("sharing")
    first, second = backend.member(), backend.member()
    everything = join(first)
    if backend.name == "redis":  # one reads, the other stands by
        assert not any(second.poll(0.1, 10).assigned for _ in range(3))
        return
    given: set[Partition] = set()
    theirs: set[Partition] = set()
    while not (given and theirs):
        theirs |= second.poll(0.1, 10).assigned
        given |= first.poll(0.1, 10).revoked
    assert theirs == given < everything


def test_a_commit_for_what_is_not_ours_is_dropped(backend: Backend) -> None:
    backend.produce(b"1", key=b"k")
    first = backend.member()
    join(first)
    ((partition, records),) = read(first, 1).items()
    first.close()
    second = backend.member()
    second.commit({partition: records[0].offset + 1})  # not joined yet
    join(second)
    assert second.committed([partition]) == {partition: None}
    second.commit({Partition("elsewhere", 9): 5})
