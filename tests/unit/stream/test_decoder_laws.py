"""What holds for any bytes: events or a reason, never an exception; and the short way is only shorter."""

import json
import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dutyd.core.event import Headers
from dutyd.core.topic import Format, Topic
from dutyd.stream.formats import Decoded, Decoder
from dutyd.stream.formats.times import LATEST
from support.needs import data
from support.records import ARRIVAL, FakeRecord

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
names = st.sampled_from(
    ["id", "time", "timestamp", "source", "metric", "name", "value", "labels", "tags", "alerts", "status", "startsAt",
     "fingerprint", "specversion", "type", "data", "data_base64", "a", "a.b", ""]
)  # fmt: skip
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names | st.text(max_size=5), inner, max_size=8),
    max_leaves=20,
)
headers = st.lists(
    st.tuples(
        st.sampled_from(["content-type", "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time"]),
        st.none() | st.binary(max_size=20),
    ),
    max_size=6,
)


def decode(record: FakeRecord, form: Format) -> Decoded:
    decoded = Decoder(Topic(alias="a", topic="t", format=form), 0).decode([record])
    understood = bool(decoded.events or decoded.own)
    assert understood + len(decoded.bad) + decoded.empty == 1, "it is neither decided nor dead, or both"
    for bad in decoded.bad:
        assert bad.reason
    for event in decoded.events:
        assert event.id
        assert event.source
        assert math.isfinite(event.time)
        assert event.time <= event.arrival < LATEST
        assert all(value.__class__ is not dict for value in event.fields.values())
        json.dumps(event.fields, allow_nan=False).encode()
        event.identity.encode()
    return decoded


@given(st.none() | st.binary(), headers, st.sampled_from(Format))
def test_any_bytes_are_events_or_a_reason(value: bytes | None, heads: Headers, form: Format) -> None:
    decode(FakeRecord(value, headers=heads), form)


@given(
    documents,
    headers,
    st.sampled_from(Format),
    st.sampled_from([-1, 0, int(ARRIVAL * 1000), int(ARRIVAL * 1e6), 2**62]),
)
def test_any_json_is_events_or_a_reason(document: Any, heads: Headers, form: Format, timestamp: int) -> None:
    decode(FakeRecord(json.dumps(document).encode(), headers=heads, timestamp=timestamp), form)


@given(st.dictionaries(names, scalars, max_size=8), st.sampled_from([Format.AUTO, Format.FLAT]))
def test_the_short_way_for_flat_objects_finds_what_the_long_one_finds(members: dict[str, Any], form: Format) -> None:
    value = json.dumps(members).encode()
    short = decode(FakeRecord(value), form)
    long = decode(FakeRecord(value, headers=[("x", b"")]), form)
    assert (short.events, [bad.reason for bad in short.bad], short.own, short.empty) == (
        long.events,
        [bad.reason for bad in long.bad],
        long.own,
        long.empty,
    )


@given(st.lists(st.binary(max_size=30)))
def test_records_are_judged_one_by_one(values: list[bytes]) -> None:
    records = [FakeRecord(value, offset=number) for number, value in enumerate(values)]
    together = Decoder(Topic(alias="a", topic="t"), 0).decode(records)
    apart = [Decoder(Topic(alias="a", topic="t"), 0).decode([record]) for record in records]
    assert together.events == [event for each in apart for event in each.events]
    assert together.bad == [bad for each in apart for bad in each.bad]
    assert together.empty == sum(each.empty for each in apart)


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data(name).read_text().splitlines()]


def test_hostile_json_is_refused_where_it_must_be() -> None:
    for case in lines("hostile/json_parsing.jsonl"):
        # The array around it keeps the case's own document whatever it is: only its being JSON is judged.
        decoded = decode(FakeRecord(f'{{"a":{case["text"]}}}'.encode()), Format.FLAT)
        if case["expect"] == "accept":
            assert not decoded.bad, case
        elif case["expect"] == "reject" and "}" not in case["text"]:
            assert decoded.bad, case


def test_hostile_texts_come_through_unchanged() -> None:
    for text in json.loads(data("hostile/naughty_strings.json").read_text()):
        decoded = decode(FakeRecord(json.dumps({"text": text}).encode()), Format.AUTO)
        assert [event.fields["text"] for event in decoded.events] == [text]


def test_what_monitoring_systems_send_is_understood() -> None:
    for case in lines("monitoring_payloads/payloads.jsonl"):
        decoded = decode(FakeRecord(json.dumps(case["payload"]).encode()), Format.AUTO)
        assert decoded.events, case["id"]
        assert not decoded.bad, case["id"]
        assert all(event.fields for event in decoded.events), case["id"]
