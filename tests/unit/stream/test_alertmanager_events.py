"""Alertmanager's webhook: one event an alert, with an identity that survives its repeats."""

from typing import Any

import pytest

from dutyd.core.event import Event
from dutyd.core.topic import Format, Topic
from dutyd.stream.formats import Decoded, Decoder
from support.records import ARRIVAL, json_record


def alert(status: str = "firing", **labels: str) -> dict[str, Any]:
    return {
        "status": status,
        "labels": {"alertname": "HighErrors", "service": "web", **labels},
        "annotations": {"summary": "Errors are high"},
        "startsAt": "2027-01-15T07:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": "c0ffee",
    }


def webhook(*alerts: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "dutyd",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager",
        "alerts": list(alerts),
    }


def events(document: Any, form: Format = Format.AUTO, **fields: str) -> list[Event]:
    decoded = Decoder(Topic(alias="alerts", topic="t", format=form, fields=fields), 0).decode([json_record(document)])
    assert not decoded.bad
    return decoded.events


@pytest.mark.parametrize("form", [Format.AUTO, Format.ALERTMANAGER])
def test_each_alert_is_an_event(form: Format) -> None:
    firing, resolved = events(webhook(alert(), alert("resolved", service="db")), form)
    assert firing == Event(
        id="c0ffee/2027-01-15T07:00:00Z/firing",
        source="alerts",
        time=ARRIVAL,
        arrival=ARRIVAL,
        offset=7,
        fields={
            "alertname": "HighErrors",
            "service": "web",
            "annotations.summary": "Errors are high",
            "status": "firing",
            "fingerprint": "c0ffee",
            "startsAt": "2027-01-15T07:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
        },
    )
    assert (resolved.fields["service"], resolved.fields["status"]) == ("db", "resolved")


def test_no_label_replaces_an_alerts_own_members() -> None:
    (event,) = events(webhook(alert(status_page="x", fingerprint="spoofed", startsAt="never")))
    assert (event.fields["fingerprint"], event.fields["startsAt"]) == ("c0ffee", "2027-01-15T07:00:00Z")


def test_the_time_is_always_the_records() -> None:
    (event,) = events(webhook(alert(time="2020-01-01T00:00:00Z")), time="startsAt")
    assert event.time == ARRIVAL


def test_settings_may_name_a_label_as_source() -> None:
    (event,) = events(webhook(alert(cluster="eu-1")), source="cluster")
    assert event.source == "eu-1"


def test_without_a_fingerprint_the_place_is_the_id() -> None:
    bare = alert()
    del bare["fingerprint"]
    assert [event.id for event in events(webhook(bare, alert()))] == [
        "t/0/7/0",
        "c0ffee/2027-01-15T07:00:00Z/firing",
    ]


def test_grafana_sends_the_same_and_more() -> None:
    document = webhook(alert() | {"values": {"B": 3}}) | {"version": "1", "orgId": 1, "title": "x", "state": "alerting"}
    assert len(events(document)) == 1


def test_a_message_without_alerts_holds_no_event_and_is_counted() -> None:
    decoded = Decoder(Topic(alias="alerts", topic="t"), 0).decode([json_record(webhook())])
    assert decoded == Decoded([], [], empty=1)


@pytest.mark.parametrize(
    "document",
    [{"alerts": 3, "status": "firing"}, {"status": "firing"}, {"status": "firing", "alerts": [{"labels": {}}]}],
)
def test_what_is_no_webhook_is_flat_and_refused_where_only_webhooks_may_come(document: dict[str, Any]) -> None:
    assert events(document)[0].fields["status"] == "firing"
    topic = Topic(alias="alerts", topic="t", format=Format.ALERTMANAGER)
    (bad,) = Decoder(topic, 0).decode([json_record(document)]).bad
    assert bad.reason.startswith("no Alertmanager message: expected 'status' and a list 'alerts'")
