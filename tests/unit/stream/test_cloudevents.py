"""CloudEvents 1.0, structured and binary."""

import base64
import json
from typing import Any

import pytest

from dutyd.core.event import Event
from dutyd.core.topic import Format, Topic
from dutyd.stream.formats import Decoder
from support.records import ARRIVAL, FakeRecord, json_record

STRUCTURED = {
    "specversion": "1.0",
    "id": "A234",
    "source": "/shop/till",
    "type": "com.example.sale",
    "time": "2027-01-15T07:59:50Z",
    "subject": "sku-1",
    "data": {"sku": "0012", "price": {"amount": 3}},
}
ATTRIBUTES = {
    "ce.specversion": "1.0",
    "ce.id": "A234",
    "ce.source": "/shop/till",
    "ce.type": "com.example.sale",
    "ce.time": "2027-01-15T07:59:50Z",
    "ce.subject": "sku-1",
}
HEADERS = [(name.replace("ce.", "ce_"), value.encode()) for name, value in ATTRIBUTES.items()]


def read(record: FakeRecord, form: Format = Format.AUTO, **fields: str) -> Event:
    decoded = Decoder(Topic(alias="sales", topic="t", format=form, fields=fields), 0).decode([record])
    assert not decoded.bad
    (event,) = decoded.events
    return event


def refused(record: FakeRecord, form: Format = Format.CLOUDEVENTS) -> str:
    decoded = Decoder(Topic(alias="sales", topic="t", format=form), 0).decode([record])
    assert not decoded.events
    (bad,) = decoded.bad
    return bad.reason


@pytest.mark.parametrize("form", [Format.AUTO, Format.CLOUDEVENTS])
@pytest.mark.parametrize("headers", [[], [("content-type", b"application/cloudevents+json; charset=UTF-8")]])
def test_structured(form: Format, headers: list[tuple[str, bytes]]) -> None:
    event = read(json_record(STRUCTURED, headers=headers), form)
    assert (event.id, event.source, event.time) == ("A234", "/shop/till", ARRIVAL - 10)
    assert event.fields == {"sku": "0012", "price.amount": 3} | ATTRIBUTES


@pytest.mark.parametrize("form", [Format.AUTO, Format.CLOUDEVENTS])
def test_binary(form: Format) -> None:
    headers = [*HEADERS, ("Content-Type", b"application/json")]
    event = read(json_record(STRUCTURED["data"], headers=headers), form)
    assert (event.id, event.source, event.time) == ("A234", "/shop/till", ARRIVAL - 10)
    expected = {"sku": "0012", "price.amount": 3, "ce.datacontenttype": "application/json"} | ATTRIBUTES
    assert event.fields == expected


def test_the_content_type_decides_before_the_headers() -> None:
    headers = [*HEADERS, ("content-type", b"Application/CloudEvents+json")]
    assert read(json_record(STRUCTURED | {"id": "in the value"}, headers=headers)).id == "in the value"


def test_an_event_without_data_has_its_attributes() -> None:
    assert read(FakeRecord(None, headers=HEADERS)).fields == ATTRIBUTES
    bare = {name: value for name, value in STRUCTURED.items() if name != "data"}
    assert read(json_record(bare)).fields == ATTRIBUTES


def test_without_a_time_the_records_counts() -> None:
    event = read(json_record({name: value for name, value in STRUCTURED.items() if name != "time"}))
    assert event.time == ARRIVAL


def test_no_data_replaces_an_attribute() -> None:
    event = read(json_record(STRUCTURED | {"data": {"ce": {"type": "x"}, "ce.source": "y", "id": "z"}}))
    assert event.fields["ce.type"] == "com.example.sale"
    assert event.fields["ce.source"] == "/shop/till"
    assert (event.id, event.fields["id"]) == ("A234", "z")


def test_settings_may_name_members_of_the_data() -> None:
    assert read(json_record(STRUCTURED), id="sku", source="ce.type").id == "0012"
    assert read(json_record(STRUCTURED), id="sku", source="ce.type").source == "com.example.sale"


def test_data_that_is_no_object_is_the_field_data() -> None:
    assert read(json_record(STRUCTURED | {"data": [1, 2]})).fields["data"] == [1, 2]
    assert read(json_record(STRUCTURED | {"data": 0})).fields["data"] == 0
    assert read(FakeRecord(b'"text"', headers=HEADERS)).fields["data"] == "text"


def test_encoded_json_data_is_read() -> None:
    bare = {name: value for name, value in STRUCTURED.items() if name != "data"}
    encoded = bare | {"data_base64": base64.b64encode(b'{"sku": "7"}').decode()}
    assert read(json_record(encoded)).fields["sku"] == "7"


def test_a_batch_is_an_event_each() -> None:
    batch = json_record([STRUCTURED, STRUCTURED | {"id": "B"}])
    found = Decoder(Topic(alias="sales", topic="t"), 0).decode([batch]).events
    assert [event.id for event in found] == ["A234", "B"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": None}, "no CloudEvent: the attribute 'id' is missing or no text"),
        ({"type": 5}, "no CloudEvent: the attribute 'type' is missing or no text"),
        ({"specversion": "0.3"}, "CloudEvents '0.3': only specversion 1.0 is read"),
        ({"time": "soon"}, "time 'soon' can't be read"),
    ],
)
def test_what_is_no_cloudevent_is_told_why(changes: dict[str, Any], said: str) -> None:
    assert said in refused(json_record(STRUCTURED | changes))


def test_data_that_is_not_json_is_told_so() -> None:
    headers = [*HEADERS, ("content-type", b"application/avro")]
    assert refused(FakeRecord(b"\x00", headers=headers)) == "data of content type 'application/avro': only JSON is read"
    bare = {name: value for name, value in STRUCTURED.items() if name != "data"}
    assert "data_base64 can't be read" in refused(json_record(bare | {"data_base64": "!"}))
    assert "data_base64 can't be read" in refused(json_record(bare | {"data_base64": "é"}))
    assert "only JSON is read" in refused(json_record(bare | {"data_base64": "AA==", "datacontenttype": "text/plain"}))


def test_headers_that_are_not_text_are_bad_input() -> None:
    assert refused(FakeRecord(b"{}", headers=[*HEADERS, ("x", b"\xff")])) == "a header is not UTF-8"


def test_other_headers_do_not_make_a_cloudevent() -> None:
    event = read(json_record({"n": 1}, headers=[("traceparent", b"00-1"), ("content-type", b"application/json")]))
    assert event.fields == {"n": 1}


@pytest.mark.parametrize("name", ["content-type", "ce_specversion", "ce_extension", "traceparent"])
def test_a_header_without_a_value_is_as_if_it_were_not_there(name: str) -> None:
    assert read(json_record({"n": 1}, headers=[(name, None)])).fields == {"n": 1}
    others = [each for each in HEADERS if each[0] != name]
    if len(others) == len(HEADERS):
        assert read(json_record({"n": 1}, headers=[*HEADERS, (name, None)])).fields == ATTRIBUTES | {"n": 1}


def test_a_missing_attribute_in_headers_is_told() -> None:
    assert "the attribute 'id' is missing" in refused(
        FakeRecord(json.dumps({}).encode(), headers=[("ce_specversion", b"1.0")]), Format.AUTO
    )
