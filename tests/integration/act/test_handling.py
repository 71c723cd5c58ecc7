"""What people say of an incident: notes, acknowledgements, and that it is over."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dutyd.ledger.decisions import Decided
from support.acting import Office, office, running

RULES = """
language: 1
rules:
  - id: errors
    from: metrics
    per: [service]
    when: error_count > 10
    mode: act
    steps:
      page: {tool: send_alert, with: {severity: critical, summary: "{{ service }}"}}
    on_clear:
      resolve: {tool: resolve_alert, with: {alert: "{{ steps.page.id }}"}}
"""
ERROR = {"service": "checkout", "error_count": 12}
NOW = 1_780_000_100.0


@pytest.fixture
async def desk(valkey_url: str, unique: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(valkey_url, unique, tmp_path, RULES) as opened:
        yield opened


async def test_closing_runs_on_clear_once_and_asks_the_evaluator_to_end_the_latch(desk: Office) -> None:
    trigger = desk.trigger("errors", ERROR, {"service": "checkout"})
    desk.open_(trigger)
    async with running(desk.worker()):
        await desk.settled(1)
        assert await desk.ledger.decisions.close(trigger, "ana", "fixed by hand", NOW) is Decided.DONE
        assert await desk.ledger.decisions.close(trigger, "bob", "me too", NOW) is Decided.TOO_LATE
        await desk.settled(1)
        assert await desk.effects() == {"page": "DONE", "resolve": "DONE"}
        assert await desk.asked_to_end() == [trigger.incident]
        desk.clear(trigger)  # what the evaluator says in the end
        await desk.settled(1)
        await desk.until(desk.asked_to_end, [])
    row = await desk.ledger.queries.whole(trigger.incident)
    assert (row["state"], row["cleared"]) == ("CLOSED", "2026-05-28T20:28:20Z")
    assert [(line["who"], line["did"], line["because"]) for line in row["notes"]] == [("ana", "close", "fixed by hand")]


async def test_what_is_closed_can_be_noted_and_not_acknowledged(desk: Office) -> None:
    trigger = desk.trigger("errors", ERROR, {"service": "checkout"})
    decisions = desk.ledger.decisions
    assert await decisions.note(trigger.incident, "ana", "?") is Decided.NOT_FOUND
    desk.open_(trigger)
    desk.clear(trigger)
    async with running(desk.worker()):
        await desk.settled(1)
    assert await decisions.acknowledge(trigger.incident, "ana", "late") is Decided.TOO_LATE
    assert await decisions.note(trigger.incident, "ana", "it was the deploy") is Decided.DONE
    (line,) = (await desk.ledger.queries.whole(trigger.incident))["notes"]
    assert (line["who"], line["did"], line["because"]) == ("ana", "note", "it was the deploy")
