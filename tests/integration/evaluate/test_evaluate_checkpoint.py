from collections.abc import Iterator, Mapping, Sequence

import pytest
import redis

from dutyd.core.errors import NotReadyError
from dutyd.evaluate.checkpoint import Checkpoint
from dutyd.evaluate.saved import Answer, Decided, Found, Owner, Write
from support.valkey_server import ValkeyServer


@pytest.fixture
def server() -> Iterator[ValkeyServer]:
    server = ValkeyServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def client(server: ValkeyServer) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(server.url, socket_timeout=2) as client:
        yield client


@pytest.fixture
def checkpoint(client: "redis.Redis") -> Checkpoint:
    return Checkpoint(client, "test")


def write(checkpoint: Checkpoint, owner: Owner, offset: int, *triggers: bytes, acked: int = 0) -> Write:
    return Write(owner, checkpoint.number(), {"stock": Decided(offset)}, {b"a": b"%d" % offset}, triggers, acked)


def stored(checkpoint: Checkpoint) -> tuple[Mapping[str, Decided], Mapping[bytes, bytes], Sequence[bytes]]:
    saved = checkpoint.load("3.0")
    return saved.offsets, checkpoint.latches("3.0"), saved.outbox


def test_a_claimed_task_is_loaded_as_it_was_written(checkpoint: Checkpoint) -> None:
    owner, found = checkpoint.claim("3.0", "one")
    at = Decided(7, 1_700_000_000_000)
    first = Write(owner, checkpoint.number(), {"stock": at}, {b"a": b"1", b"b": b"2"}, (b"t1", b"t2"))
    second = Write(owner, checkpoint.number(), {}, {b"a": None, b"c": b"3"}, (b"t3",), acked=1)

    assert checkpoint.write([first]) == [Answer.OWN]
    assert checkpoint.write([second]) == [Answer.OWN]

    assert found is Found.NEW
    assert checkpoint.claim("3.0", "two")[1] is Found.SAME
    assert stored(checkpoint) == ({"stock": at}, {b"b": b"2", b"c": b"3"}, [b"t2", b"t3"])


def test_one_round_trip_writes_several_tasks(checkpoint: Checkpoint) -> None:
    owners = [checkpoint.claim(task, "one")[0] for task in ("3.0", "3.1")]
    assert checkpoint.write([write(checkpoint, owner, 5) for owner in owners]) == [Answer.OWN, Answer.OWN]
    progress = checkpoint.progress(["3.0", "3.1", "3.2"])
    assert [dict(each.offsets) for each in progress.values()] == [{"stock": Decided(5)}, {"stock": Decided(5)}, {}]


def test_the_owner_before_writes_nothing_any_more(checkpoint: Checkpoint) -> None:
    zombie, _ = checkpoint.claim("3.0", "one")
    owner, _ = checkpoint.claim("3.0", "two")
    checkpoint.write([write(checkpoint, owner, 9)])

    assert checkpoint.write([write(checkpoint, zombie, 5, b"t")]) == [Answer.ANOTHER]
    assert checkpoint.restore(write(checkpoint, zombie, 5, b"t")) is None
    assert stored(checkpoint) == ({"stock": Decided(9)}, {b"a": b"9"}, [])


def test_a_write_that_is_repeated_changes_nothing(checkpoint: Checkpoint) -> None:
    owner, _ = checkpoint.claim("3.0", "one")
    early = write(checkpoint, owner, 5, b"t1", b"t2")
    late = write(checkpoint, owner, 6, b"t3", acked=1)
    for each in (early, early, late, late, early):
        assert checkpoint.write([each]) == [Answer.OWN]
    assert stored(checkpoint) == ({"stock": Decided(6)}, {b"a": b"6"}, [b"t2", b"t3"])


def test_a_large_batch_is_one_write(checkpoint: Checkpoint) -> None:
    owner, _ = checkpoint.claim("3.0", "one")
    latches = {b"%d" % n: b"x" for n in range(30_001)}
    triggers = [b"%d" % n for n in range(30_001)]
    checkpoint.write([Write(owner, checkpoint.number(), {"stock": Decided(1)}, latches, triggers)])
    assert stored(checkpoint) == ({"stock": Decided(1)}, latches, triggers)


def test_data_that_is_lost_is_written_again(checkpoint: Checkpoint, client: "redis.Redis") -> None:
    owner, _ = checkpoint.claim("3.0", "one")
    client.flushall()
    latches = {b"%d" % n: b"x" for n in range(5_000)}
    whole = Write(owner, 1, {"stock": Decided(9)}, latches, (b"t",))

    assert checkpoint.write([write(checkpoint, owner, 9)]) == [Answer.LOST]
    restored = checkpoint.restore(whole)

    assert restored is not None
    assert stored(checkpoint) == (whole.offsets, latches, [b"t"])
    assert checkpoint.write([write(checkpoint, restored, 10)]) == [Answer.OWN]


def test_a_server_that_came_back_with_older_data_is_written_again(server: ValkeyServer, checkpoint: Checkpoint) -> None:
    owner, _ = checkpoint.claim("3.0", "one")
    checkpoint.write([write(checkpoint, owner, 5)])
    server.stop()
    server.start()

    assert checkpoint.write([write(checkpoint, owner, 6)]) == [Answer.LOST]
    restored = checkpoint.restore(write(checkpoint, owner, 6))

    assert restored is not None
    assert restored.server != owner.server
    assert checkpoint.load("3.0").offsets == {"stock": Decided(6)}


def test_a_claim_says_that_the_server_was_restarted(server: ValkeyServer, checkpoint: Checkpoint) -> None:
    owner, _ = checkpoint.claim("3.0", "one")
    checkpoint.write([write(checkpoint, owner, 5)])
    server.stop()
    server.start()
    assert checkpoint.claim("3.0", "two")[1] is Found.RESTARTED
    assert checkpoint.claim("3.0", "three")[1] is Found.SAME


def test_the_rest_of_a_restore_that_did_not_end_is_no_checkpoint(checkpoint: Checkpoint, client: "redis.Redis") -> None:
    checkpoint.claim("3.0", "one")
    client.hset("test:task:3.0:latches", "a", "1")
    assert checkpoint.claim("3.0", "two")[1] is Found.NEW
    assert stored(checkpoint) == ({}, {}, [])


def test_a_checkpoint_of_a_newer_version_is_left_alone(checkpoint: Checkpoint, client: "redis.Redis") -> None:
    client.hset("test:task:3.0", mapping={"v": 99, "owner": "someone"})
    with pytest.raises(NotReadyError, match="version 99"):
        checkpoint.claim("3.0", "one")
    assert client.hget("test:task:3.0", "owner") == b"someone"


def test_a_server_that_is_down_is_not_ready(server: ValkeyServer, checkpoint: Checkpoint) -> None:
    owner, _ = checkpoint.claim("3.0", "one")
    server.stop()
    with pytest.raises(NotReadyError, match="Redis"):
        checkpoint.write([write(checkpoint, owner, 5)])


def test_a_full_server_takes_all_of_a_write_or_nothing(checkpoint: Checkpoint, client: "redis.Redis") -> None:
    owner, _ = checkpoint.claim("3.0", "one")
    checkpoint.write([write(checkpoint, owner, 5, b"t1")])
    client.config_set("maxmemory", "1")
    refused = write(checkpoint, owner, 6, b"t2", acked=1)
    with pytest.raises(NotReadyError):
        checkpoint.write([refused])
    client.config_set("maxmemory", "0")

    assert stored(checkpoint) == ({"stock": Decided(5)}, {b"a": b"5"}, [b"t1"])
    assert checkpoint.write([refused]) == [Answer.OWN]
    assert checkpoint.load("3.0").outbox == [b"t2"]


def test_partition_counts_are_stored_once(checkpoint: Checkpoint) -> None:
    assert checkpoint.notes.keep_counts({"stock": 3, "metrics": 6}) == {"stock": 3, "metrics": 6}
    assert checkpoint.notes.keep_counts({"stock": 4, "orders": 1}) == {"stock": 3, "metrics": 6, "orders": 1}
