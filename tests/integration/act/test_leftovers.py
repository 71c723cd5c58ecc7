"""What is not sent any more: effects of incidents that are over, and effects in doubt that nothing allows any more."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pytest

from dutyd.core.incident import EffectState, Trigger, provider_key
from dutyd.core.policy import Policy
from dutyd.core.rule import Mode
from dutyd.ledger.birth import Since
from dutyd.ledger.claims import Waiting
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
      spare: {tool: send_alert, with: {severity: info, summary: "spare of {{ service }}"}, if: error_count > 1000}
    on_clear:
      resolve: {tool: resolve_alert, with: {alert: "{{ steps.page.id }}"}}
"""
ERRORS = {"service": "checkout", "error_count": 12}


class Opening(Protocol):
    def __call__(self, kind: str) -> AbstractAsyncContextManager[Office]: ...


@pytest.fixture
def opening(valkey_url: str, unique: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opening:
    monkeypatch.setattr("dutyd.act.effects.GRACE", 0.1)  # nothing here is on its way for long

    def open_(kind: str) -> AbstractAsyncContextManager[Office]:
        settings = {"class": kind, "timeout": 0.4, "settle": 0.1}
        return office(valkey_url, unique, tmp_path, RULES, settings=settings)

    return open_


async def reserved(desk: Office) -> Trigger:
    """Leave an incident with a page that waits for the end of a pause."""
    trigger = desk.trigger("errors", ERRORS, {"service": "checkout"})
    await desk.ledger.decisions.pause("all", "kim")
    desk.open_(trigger)
    async with running(desk.worker()):
        await desk.until(desk.effects, {"page": "RESERVED"})
        await desk.settled(1)
    await desk.ledger.decisions.resume("all", "kim")
    return trigger


async def adopt_its_close(desk: Office, trigger: Trigger) -> None:
    """Take in what the outcomes topic knows where the incident is closed, and nothing of its page."""
    name = desk.ledger.scripts.key("incident", trigger.incident)
    fields: Any = await desk.ledger.scripts.read("hgetall", name)
    record = {key.decode(): value.decode() for key, value in fields.items()}
    closed = {**record, "kind": "incident", "state": "CLOSED", "closed": record["accepted"]}
    await desk.ledger.birth.adopt([(trigger.incident.encode(), msgspec.json.encode(closed))])


async def state_of(desk: Office) -> str:
    (row,) = await desk.ledger.queries.incidents()
    return str(row["state"])


async def page_of(desk: Office) -> tuple[str, str]:
    (row,) = await desk.ledger.queries.effects()
    return row["state"], row["reason"]


async def test_what_waits_in_an_incident_that_is_closed_elsewhere_is_off_and_shown_until_then(opening: Opening) -> None:
    async with opening("A") as desk:
        trigger = await reserved(desk)
        await adopt_its_close(desk, trigger)
        assert await page_of(desk) == ("RESERVED", "")
        async with running(desk.worker()):
            await desk.until(lambda: state_of(desk), "CLOSED")
        assert await page_of(desk) == ("REFUSED", "closed")
        assert await desk.listed("/requests") == []


@pytest.mark.parametrize("sent", [False, True], ids=["never sent", "sent"])
@pytest.mark.parametrize(
    ("kind", "never", "once"), [("A", "REFUSED", "DONE"), ("B", "REFUSED", "DONE"), ("C", "PARKED", "PARKED")]
)
async def test_what_may_have_been_sent_before_a_loss_is_looked_for_and_never_sent_again(
    opening: Opening, kind: str, never: str, once: str, *, sent: bool
) -> None:
    async with opening(kind) as desk:
        trigger = await reserved(desk)
        scripts = desk.ledger.scripts
        if sent:
            await send(desk, trigger)
        await scripts.client.hset(scripts.key("birth"), "server", "another")
        await adopt_its_close(desk, trigger)
        await desk.ledger.birth.born(Since.LOST)
        before = len(await desk.listed("/executions"))
        async with running(desk.worker()):
            await desk.until(lambda: state_of(desk), "CLOSED")
        assert (await page_of(desk))[0] == (once if sent else never)
        assert len(await desk.listed("/executions")) == before


async def send(desk: Office, trigger: Trigger) -> None:
    """Make the page outside; the ledger hears nothing of it."""
    (effect,) = await desk.ledger.effects.of(trigger.incident)
    provider = desk.worker().means.providers["alerting"].default
    await provider.create("alert", provider_key(effect.key), {"severity": "critical", "summary": "checkout"})


async def leave_in_doubt(desk: Office) -> Trigger:
    """Leave an incident whose page may have been sent."""
    trigger = await reserved(desk)
    (claim,) = await desk.ledger.incidents.claim("w0", 15, 10)
    (effect,) = await desk.ledger.effects.of(trigger.incident)
    await desk.ledger.effects.sending(claim, effect)
    await desk.ledger.effects.record(claim, effect.key, EffectState.UNKNOWN, "cut")
    await desk.ledger.incidents.rest(claim, Waiting.RETRY, 0.0)
    return trigger


GONE = (RULES.replace("page:", "renamed:").replace("page.id", "renamed.id"), Policy(), "no longer in the rule")
OBSERVED = (RULES, Policy(mode=Mode.OBSERVE), "observe")
NEVER = (RULES, Policy(tools={"send_alert": None}), "never allowed")


@pytest.mark.parametrize("sent", [False, True], ids=["never sent", "sent"])
@pytest.mark.parametrize(
    ("kind", "now"),
    [("A", GONE), ("B", GONE), ("A", OBSERVED), ("A", NEVER)],
    ids=["A-step gone", "B-step gone", "observed", "tool forbidden"],
)
async def test_what_is_in_doubt_is_looked_up_and_never_sent_again_where_nothing_allows_it_any_more(
    opening: Opening, kind: str, now: tuple[str, Policy, str], *, sent: bool
) -> None:
    text, policy, why = now
    async with opening(kind) as desk:
        trigger = await leave_in_doubt(desk)
        if sent:
            await send(desk, trigger)
        desk.book.edit(text)
        async with running(desk.worker(policy)):
            await desk.until(lambda: ended(desk), True)
        state, reason = await page_of(desk)
        assert state == ("DONE" if sent else "REFUSED")
        assert sent or why in reason
        assert len(await desk.listed("/executions")) == sent


async def ended(desk: Office) -> bool:
    return EffectState((await page_of(desk))[0]).ended


async def test_what_is_in_doubt_and_was_not_sent_asks_a_person_where_they_are_asked_by_now(opening: Opening) -> None:
    async with opening("B") as desk:
        await leave_in_doubt(desk)
        async with running(desk.worker(Policy(mode=Mode.APPROVE))):
            await desk.until(lambda: page_of(desk), ("AWAITING_APPROVAL", "mode: approve"))
            assert await desk.listed("/executions") == []
            (row,) = await desk.ledger.queries.approvals()
            await desk.ledger.decisions.approve(row["key"], row["hash"], "ana")
            await desk.until(lambda: page_of(desk), ("DONE", ""))
        assert len(await desk.listed("/executions")) == 1
