"""Value lists of collectd: what they are, and what their numbers are called."""

from typing import Any

import pytest

from dutyd.core.event import Event
from dutyd.core.topic import Format, Topic
from dutyd.stream.formats import Decoder
from support.records import ARRIVAL, json_record

LOAD: dict[str, Any] = {
    "values": [3.07, 2.54, None],
    "dstypes": ["gauge", "gauge", "gauge"],
    "dsnames": ["shortterm", "midterm", "longterm"],
    "time": ARRIVAL - 9.5,
    "interval": 1.0,
    "host": "web-1",
    "plugin": "load",
    "plugin_instance": "",
    "type": "load",
    "type_instance": "",
}


def decoded(document: Any, form: Format) -> Any:
    return Decoder(Topic(alias="hosts", topic="t", format=form), 0).decode([json_record(document)])


def events(document: Any, form: Format = Format.AUTO) -> list[Event]:
    found = decoded(document, form)
    assert not found.bad
    return list(found.events)


@pytest.mark.parametrize("form", [Format.AUTO, Format.COLLECTD])
def test_every_number_is_a_field_under_its_own_name(form: Format) -> None:
    (event,) = events([LOAD], form)
    assert event.fields == {
        "shortterm": 3.07,
        "midterm": 2.54,
        "longterm": None,
        "time": ARRIVAL - 9.5,
        "interval": 1.0,
        "host": "web-1",
        "plugin": "load",
        "plugin_instance": "",
        "type": "load",
        "type_instance": "",
    }
    assert (event.id, event.source, event.time) == ("web-1/load/load", "hosts", ARRIVAL - 9.5)


def test_each_value_list_of_an_array_is_an_event_named_like_its_series() -> None:
    one = {"values": [5], "dsnames": ["value"], "plugin": "cpu", "plugin_instance": "0", "type_instance": "user"}
    found = events([{**LOAD, **one, "type": "percent"}, LOAD])
    assert [event.id for event in found] == ["web-1/cpu-0/percent-user", "web-1/load/load"]
    assert found[0].fields["value"] == 5


def test_no_number_replaces_what_the_series_is() -> None:
    (event,) = events({**LOAD, "values": [1, 2], "dsnames": ["host", "rx"]})
    assert (event.fields["host"], event.fields["rx"]) == ("web-1", 2)


@pytest.mark.parametrize("wrong", [{"values": [1]}, {"dsnames": None}, {"host": 5}, {"dsnames": [1, 2, 3]}])
def test_what_is_no_value_list_is_refused_where_one_is_expected_and_flat_elsewhere(wrong: dict[str, Any]) -> None:
    assert "no value list of collectd" in decoded({**LOAD, **wrong}, Format.COLLECTD).bad[0].reason
    (event,) = events({**LOAD, **wrong})
    assert event.id == "t/0/7/0"
