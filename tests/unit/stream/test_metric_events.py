"""metric/value/labels: which objects it is, and what no label may replace."""

from typing import Any

import pytest

from dutyd.core.event import Event
from dutyd.core.topic import Format, Topic
from dutyd.stream.formats import Decoder
from support.records import ARRIVAL, json_record


def events(document: Any, form: Format = Format.AUTO, **fields: str) -> list[Event]:
    decoded = Decoder(Topic(alias="m", topic="t", format=form, fields=fields), 0).decode([json_record(document)])
    assert not decoded.bad
    return decoded.events


def fields(document: Any) -> dict[str, Any]:
    (event,) = events(document)
    return event.fields


def test_labels_metric_value_and_the_metrics_own_name_are_fields() -> None:
    assert fields({"metric": "cpu", "value": 0.9, "labels": {"host": "web-1", "dc": {"room": 2}}}) == {
        "host": "web-1",
        "dc.room": 2,
        "metric": "cpu",
        "value": 0.9,
        "cpu": 0.9,
    }


def test_name_and_tags_are_other_words_for_metric_and_labels() -> None:
    expected = {"host": "a", "metric": "cpu", "value": 1, "cpu": 1}
    assert fields({"name": "cpu", "value": 1, "tags": {"host": "a"}}) == expected
    assert fields({"metric": "cpu", "value": 1, "host": "a"}) == expected


def test_no_label_replaces_what_the_producer_says_itself() -> None:
    labels = {"metric": "x", "value": 5, "cpu": 6, "unit": "x", "id": "x", "source": "x", "time": "x", "host": "a"}
    document = {"metric": "cpu", "value": 1, "unit": "%", "labels": labels}
    assert fields(document) == {
        "host": "a", "unit": "%", "metric": "cpu", "value": 1, "cpu": 1, "id": "x", "source": "x", "time": "x",
    }  # fmt: skip
    (event,) = events(document)
    assert (event.id, event.source, event.time) == ("t/0/7/0", "m", ARRIVAL)  # labels are no members


def test_members_give_id_source_and_time() -> None:
    (event,) = events({"metric": "cpu", "value": 1, "id": 5, "source": "probe", "timestamp": ARRIVAL - 9})
    assert (event.id, event.source, event.time) == ("5", "probe", ARRIVAL - 9)


def test_settings_may_take_them_from_labels() -> None:
    (event,) = events({"metric": "cpu", "value": 1, "id": "no", "labels": {"probe": "p1"}}, id="probe")
    assert event.id == "p1"


def test_metric_and_value_hold_name_and_value_whatever_the_metric_is_called() -> None:
    assert fields({"metric": "value", "value": 3}) == {"metric": "value", "value": 3}
    assert fields({"metric": "metric", "value": 3}) == {"metric": "metric", "value": 3}
    assert fields({"metric": "unit", "value": 3, "unit": "%"})["unit"] == 3


def test_an_array_holds_a_metric_each() -> None:
    found = events([{"metric": "cpu", "value": 1}, {"metric": "mem", "value": 2}, {"other": 3}])
    assert [event.fields for event in found] == [
        {"metric": "cpu", "value": 1, "cpu": 1},
        {"metric": "mem", "value": 2, "mem": 2},
        {"other": 3},
    ]


@pytest.mark.parametrize(
    "document",
    [
        {"metric": "cpu", "value": "1"},
        {"metric": "cpu", "value": True},
        {"metric": "cpu"},
        {"metric": 1, "value": 1},
        {"value": 1},
    ],
)
def test_what_has_no_named_number_is_flat(document: dict[str, Any]) -> None:
    assert fields(document) == document
    decoded = Decoder(Topic(alias="m", topic="t", format=Format.METRIC), 0).decode([json_record(document)])
    assert [bad.reason for bad in decoded.bad] == ["no metric: expected a text 'metric' or 'name' and a number 'value'"]


def test_labels_that_are_no_object_are_a_member_like_others() -> None:
    assert fields({"metric": "cpu", "value": 1, "labels": "a,b"})["labels"] == "a,b"
    assert fields({"metric": "cpu", "value": 1, "labels": None, "tags": {"a": 1}})["a"] == 1
