from hypothesis import given
from hypothesis import strategies as st

from dutyd.evaluate.outbox import Outbox, Outgoing


def trigger(number: int) -> Outgoing:
    return Outgoing(b"k", b"%d" % number)


def test_only_what_is_stored_is_sent() -> None:
    outbox = Outbox()
    outbox.add(trigger(1))
    assert outbox.take_unsent() == []
    outbox.written(1, 0)
    assert outbox.take_unsent() == [trigger(1)]
    assert outbox.take_unsent() == []


def test_what_was_found_in_redis_is_sent_first() -> None:
    outbox = Outbox([trigger(1), trigger(2)])
    outbox.add(trigger(3))
    outbox.written(1, 0)
    assert outbox.take_unsent() == [trigger(1), trigger(2), trigger(3)]


def test_what_a_failed_flush_may_have_lost_is_sent_again() -> None:
    outbox = Outbox([trigger(1), trigger(2)])
    outbox.take_unsent()
    outbox.send_again()
    assert outbox.take_unsent() == [trigger(1), trigger(2)]


def test_what_is_acknowledged_is_dropped_with_the_next_write() -> None:
    outbox = Outbox([trigger(1), trigger(2)])
    outbox.take_unsent()
    outbox.flushed()
    outbox.add(trigger(3))
    assert (outbox.acked, outbox.unacked, outbox.kept) == (2, 1, [b"3"])
    outbox.written(1, 2)
    assert outbox.take_unsent() == [trigger(3)]


def test_a_write_drops_no_more_than_it_said_when_it_is_repeated_later() -> None:
    outbox = Outbox([trigger(1)])
    outbox.take_unsent()
    said = outbox.acked
    outbox.flushed()
    outbox.written(0, said)
    assert outbox.acked == 1


@given(st.lists(st.sampled_from(["add", "write", "answer", "send", "flush", "fail"]), max_size=60))
def test_every_trigger_is_sent_in_order_after_it_was_stored(actions: list[str]) -> None:
    outbox, redis, sent, acked, added = Outbox(), list[bytes](), list[bytes](), 0, 0
    flying = 0  # how many are acknowledged once the next flush returns: a failure takes the unacknowledged back
    write: tuple[list[bytes], int] | None = None  # under way: what else happens meanwhile is in the next
    for action in [*actions, "answer", "write", "answer", "send"]:
        match action:
            case "add":
                outbox.add(trigger(added))
                added += 1
            case "write":
                write = write or (outbox.fresh, outbox.acked)
            case "answer" if write is not None:
                stored, dropped = write
                redis = redis[dropped:] + stored
                outbox.written(len(stored), dropped)
                write = None
            case "send":
                for each in outbox.take_unsent():
                    assert each.value in redis
                    sent.append(each.value)
                    flying = max(flying, int(each.value) + 1)
            case "flush":
                outbox.flushed()
                acked = flying
            case "fail":
                outbox.send_again()
                flying = acked
        assert set(redis) >= {b"%d" % number for number in range(acked, added)} - set(outbox.fresh)
        assert outbox.kept == [b"%d" % number for number in range(acked, added)]
    assert list(dict.fromkeys(sent)) == [b"%d" % number for number in range(added)]
