"""Flat JSON, and what holds for events of every format: id, source, time and the bounds."""

import json
from typing import Any

import pytest

from dutyd.core.event import Event
from dutyd.core.topic import Format, Topic
from dutyd.stream.formats import Decoded, Decoder
from support.records import ARRIVAL, FakeRecord, json_record

TOPIC = Topic(alias="metrics", topic="shop.metrics")


def decode(*documents: Any, topic: Topic = TOPIC, **others: Any) -> Decoded:
    return Decoder(topic, 3).decode([json_record(document, **others) for document in documents])


def event(document: Any, topic: Topic = TOPIC, **others: Any) -> Event:
    decoded = decode(document, topic=topic, **others)
    assert not decoded.bad
    (found,) = decoded.events
    return found


def reason(value: bytes | None, topic: Topic = TOPIC, **others: Any) -> str:
    decoded = Decoder(topic, 3).decode([FakeRecord(value, **others)])
    assert not decoded.events
    ((record, said),) = decoded.bad
    assert record.value == value
    return said


def test_members_are_fields() -> None:
    members = {"id": "a", "time": "2027-01-15T07:59:59Z", "service": "web", "n": 3, "x": 1.5, "ok": True, "no": None}
    assert event(members) == Event("a", "metrics", ARRIVAL - 1, ARRIVAL, 7, members)


def test_inner_objects_become_dots() -> None:
    fields = event({"host": {"name": "web-1", "os": {"kind": "linux"}}, "empty": {}}).fields
    assert fields == {"host.name": "web-1", "host.os.kind": "linux"}


def test_of_two_members_that_get_one_name_the_later_counts() -> None:
    assert event({"a": {"b": 1}, "a.b": 2}).fields == {"a.b": 2}
    assert event({"a.b": 2, "a": {"b": 1}}).fields == {"a.b": 1}


def test_lists_stay_lists() -> None:
    assert event({"tags": ["a", {"k": [1]}], "none": []}).fields == {"tags": ["a", {"k": [1]}], "none": []}


def test_an_array_is_several_events() -> None:
    decoded = decode([{"n": 1}, {"n": 2, "id": "own"}, {"n": 3}])
    assert [(each.id, each.fields["n"]) for each in decoded.events] == [
        ("shop.metrics/3/7/0", 1),
        ("own", 2),
        ("shop.metrics/3/7/2", 3),
    ]


def test_an_empty_array_holds_no_event_and_is_counted() -> None:
    assert decode([], {"n": 1}, []).empty == 2
    assert decode([]) == Decoded([], [], empty=1)


def test_an_array_is_understood_whole_or_not_at_all() -> None:
    decoded = decode([{"n": 1}, 5])
    assert decoded.events == []
    assert [said for _, said in decoded.bad] == ["expected an object or an array of objects, found a number"]


def test_a_bad_record_does_not_stop_the_others() -> None:
    decoded = decode({"n": 1}, "text", {"n": 2})
    assert [each.fields["n"] for each in decoded.events] == [1, 2]
    assert len(decoded.bad) == 1


@pytest.mark.parametrize(
    ("given", "expected"),
    [("A-1", "A-1"), (12, "12"), (0, "0"), (1.5, None), (True, None), (None, None), ("", None), ([1], None)],
)
def test_an_id_is_text_or_a_whole_number(given: Any, expected: str | None) -> None:
    assert event({"id": given}).id == (expected or "shop.metrics/3/7/0")


def test_a_source_is_the_member_else_the_alias() -> None:
    assert event({"source": "shop"}).source == "shop"
    assert event({"source": None}).source == "metrics"
    assert event({"source": ""}).source == "metrics"
    assert event({}).source == "metrics"


def test_the_time_is_the_member_time_else_timestamp_else_the_records() -> None:
    early, late = "2027-01-15T07:00:00Z", "2027-01-15T07:30:00Z"
    assert event({"time": early, "timestamp": late}).time == ARRIVAL - 3600
    assert event({"timestamp": late}).time == ARRIVAL - 1800
    assert event({"time": None, "timestamp": late}).time == ARRIVAL - 1800
    assert event({}).time == ARRIVAL


def test_a_time_ahead_of_arrival_counts_as_arrival() -> None:
    assert event({"id": "a", "time": "2031-01-01T00:00:00Z"}).time == ARRIVAL
    assert event({"time": ARRIVAL + 1}).time == ARRIVAL


@pytest.mark.parametrize("time", ["yesterday", "", True, [1], 1e15, "1700000000", "12:00"])
def test_a_time_that_can_not_be_read_is_bad_input(time: Any) -> None:
    assert "can't be read: expected RFC 3339 such as" in reason(json.dumps({"id": "a", "time": time}).encode())


def test_without_a_record_timestamp_the_event_arrives_at_its_own_time() -> None:
    found = event({"id": "a", "time": "2027-01-15T07:00:00Z"}, timestamp=-1)
    assert (found.time, found.arrival) == (ARRIVAL - 3600, ARRIVAL - 3600)
    assert reason(b"{}", timestamp=-1) == "neither the record nor the event says a time"


@pytest.mark.parametrize("document", [{"id": "a", "time": "2027-01-15T07:00:00Z"}, {"id": "a"}, {"n": [1]}])
def test_a_record_dated_in_microseconds_is_bad_input(document: dict[str, Any]) -> None:
    """As an event of the year 59011 it would make all later ones of its entity old."""
    said = reason(json.dumps(document).encode(), timestamp=int(ARRIVAL * 1e6))
    assert said == "the record's timestamp 1800000000000000 is no time in milliseconds since the epoch"


def test_settings_rename_id_source_and_time() -> None:
    topic = Topic(alias="m", topic="t", fields={"id": "event_id", "time": "meta.ts", "source": "app"})
    members = {"id": "no", "event_id": "yes", "time": "no", "meta": {"ts": ARRIVAL - 5}, "app": "till", "source": "no"}
    found = event(members, topic)
    assert (found.id, found.source, found.time) == ("yes", "till", ARRIVAL - 5)
    plain = event({"event_id": "yes", "time": "no"}, Topic(alias="m", topic="t", fields={"time": "ts"}))
    assert plain.time == ARRIVAL


def test_events_of_our_own_are_dropped_and_counted() -> None:
    decoded = decode({"id": "a", "time": ARRIVAL, "source": "dutyd"}, {"id": "b", "source": "dutyd-like"})
    assert [each.id for each in decoded.events] == ["b"]
    assert decoded.own == 1
    assert decode([{"source": "dutyd"}, {"source": "dutyd"}]).own == 2


def test_whole_numbers_stay_whole() -> None:
    fields = event({"id": "a", "n": 2**53 + 1, "z": 3.0}).fields
    assert fields["n"] == 2**53 + 1
    assert isinstance(fields["z"], float)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"", "not JSON: the value is empty"),
        (b"  ", "not JSON: the value is empty"),
        (b"{", "not JSON: "),
        (b'{"a":1}x', "not JSON: "),
        (b'{"a":NaN}', "NaN and Infinity are no JSON numbers"),
        (b'{"a":-Infinity}', "NaN and Infinity are no JSON numbers"),
        (b'{"a":1e999}', "a number is beyond what a double holds"),
        (b'{"a":1' + b"0" * 400 + b"}", "a number is beyond what a double holds"),
        (b'{"a":{"b":1' + b"0" * 400 + b"}}", "a.b: a number is beyond what a double holds"),
        (b'{"a":[1' + b"0" * 400 + b"]}", "a number is beyond what a double holds"),
        (b'{"a":' + b"9" * 5000 + b"}", "a number is beyond what a double holds"),
        (b'{"a":"\xff"}', "not JSON: text that is not UTF-8"),
        (b'{"a":"\\ud800"}', "not JSON: "),
        (b'"text"', "expected an object or an array of objects, found text"),
        (b"3", "found a number"),
        (b"true", "found a bool"),
        (b"null", "found null"),
        (b"[[]]", "found an array"),
        (b"[" * 100_000, "nested deeper than 32"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "nested deeper than 32"),
        (b'{"a":' + b"[" * 33 + b"]" * 33 + b"}", "nested deeper than 32"),
        (b'{"a":"' + b"x" * 1_048_576 + b'"}', "too large: 1048584 bytes, at most 1048576 are read"),
        (json.dumps({f"f{n}": n for n in range(1001)}).encode(), "too many fields: 1001, at most 1000 are read"),
        (json.dumps({"id": "x" * 1025}).encode(), "id is longer than 1024 characters"),
        (json.dumps({"source": "x" * 1025}).encode(), "source is longer than 1024 characters"),
        (None, "the record has no value (a tombstone)"),
    ],
)
def test_what_can_not_be_understood_has_a_reason(value: bytes | None, said: str) -> None:
    assert said in reason(value)


def test_the_bounds_themselves_are_fine() -> None:
    assert event({f"f{n}": n for n in range(1000)}).fields["f999"] == 999
    deep: Any = 1
    for _ in range(31):
        deep = {"a": deep}
    assert list(event({"a": deep}).fields.values()) == [1]
    assert event({"id": "x" * 1024}).id == "x" * 1024
    assert event({"n": 10**308}).fields["n"] == 10**308


def test_flat_reads_every_object_flat() -> None:
    topic = Topic(alias="m", topic="t", format=Format.FLAT)
    members = {"metric": "cpu", "value": 3, "labels": {"host": "a"}}
    assert event(members, topic).fields == {"metric": "cpu", "value": 3, "labels.host": "a"}
    cloud = {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": {"a": 1}}
    assert event(cloud, topic).fields["data.a"] == 1
