"""One producer for many who wait: what shares a flush, what is left out, and who hears of an error."""

import threading

import pytest

from dutyd.app.writer import Keyed, Writer
from dutyd.core.errors import NotReadyError
from dutyd.core.event import Headers, Record
from dutyd.stream.base import Partition


class Gate:
    """A producer whose flushes wait until they are let through, or fail as they are told."""

    def __init__(self) -> None:
        self.sent: list[bytes | None] = []
        self.flushes: list[int] = []
        self.closed = False
        self.error: Exception | None = None
        self.entered = threading.Semaphore(0)
        self.let_through = threading.Semaphore(0)

    def send(self, topic: str, value: bytes | None, *, key: bytes | None = None, headers: Headers = ()) -> None:
        assert (topic, key, headers) == ("t", None, ())
        self.sent.append(value)

    def put_back(self, partition: Partition, record: Record) -> None:
        raise NotImplementedError(partition, record)

    def flush(self) -> None:
        self.entered.release()
        self.let_through.acquire()
        self.flushes.append(len(self.sent))
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        self.closed = True


def record(value: bytes) -> list[Keyed]:
    return [Keyed(None, value, ())]


def test_what_comes_while_a_flush_waits_shares_the_next_one() -> None:
    gate = Gate()
    writer = Writer(gate, "t")
    first = writer.write(record(b"1"))
    gate.entered.acquire()
    others = [writer.write(record(value)) for value in (b"2", b"3", b"4")]
    assert not first.done()
    for _ in range(2):
        gate.let_through.release()
    for done in (first, *others):
        done.result(10)
    assert (gate.sent, gate.flushes) == ([b"1", b"2", b"3", b"4"], [1, 4])
    writer.close(10)
    assert gate.closed


def test_who_gave_up_before_it_was_sent_has_it_left_out() -> None:
    gate = Gate()
    writer = Writer(gate, "t")
    first = writer.write(record(b"1"))
    gate.entered.acquire()
    assert writer.write(record(b"2")).cancel()
    last = writer.write(record(b"3"))
    for _ in range(2):
        gate.let_through.release()
    last.result(10)
    assert first.done()
    assert gate.sent == [b"1", b"3"]
    writer.close(10)


def test_an_error_is_told_to_all_who_shared_the_flush_and_the_next_is_tried() -> None:
    gate = Gate()
    writer = Writer(gate, "t")
    gate.error = NotReadyError("away")
    told = writer.write(record(b"1"))
    gate.let_through.release()
    with pytest.raises(NotReadyError):
        told.result(10)
    gate.error = None
    again = writer.write(record(b"1"))
    gate.let_through.release()
    again.result(10)
    writer.close(10)


def test_closing_writes_what_waits() -> None:
    gate = Gate()
    writer = Writer(gate, "t")
    waiting = [writer.write(record(b"1")), writer.write(record(b"2"))]
    for _ in range(3):
        gate.let_through.release()
    writer.close(10)
    assert all(done.done() for done in waiting)
    assert gate.closed
