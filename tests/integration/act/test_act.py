"""From a trigger to effects, on a real ledger and a real back office over HTTP."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from dutyd.act.agent.client import Client, Endpoint
from dutyd.act.means import Waits
from dutyd.core.incident import EffectState, Trigger, TriggerKind, provider_key
from dutyd.core.limits import Brake
from dutyd.core.model_use import ModelLimits
from dutyd.core.policy import MoneyLimits, Policy
from dutyd.core.rule import Mode
from dutyd.embedded.loopback import Loopback
from dutyd.embedded.standin import Standin
from dutyd.embedded.standin.script import Script
from dutyd.ledger.claims import Waiting
from support.acting import Office, office, running

BUDGET = 60_000  # tokens that a run may take where its rule says nothing
RULES = """
language: 1
rules:
  - id: errors
    from: metrics
    per: [service]
    when: error_count > 10
    mode: act
    summary: "{{ service }}: {{ error_count }} errors"
    agent: {goal: Find out what happened.}
    steps:
      page:
        tool: send_alert
        with: {severity: critical, summary: "{{ summary }}"}
      ticket:
        tool: create_ticket
        with: {project: OPS, kind: incident}
        decide: {title: {text: 120}, body: {text: 4000}}
        fallback: {title: "{{ summary }}", body: "{{ evidence }}"}
      tell:
        tool: notify
        with: {to: manager, text: "ticket {{ steps.ticket.id }}"}
    on_clear:
      resolve: {tool: resolve_alert, with: {alert: "{{ steps.page.id }}"}}
  - id: stock
    from: stock
    per: [sku]
    when: inventory_level < reorder_point
    mode: act
    steps:
      order:
        tool: draft_purchase_order
        with: {sku: "{{ sku }}", supplier: S1, quantity: "{{ quantity }}", unit_price: "{{ unit_price }}"}
        refuse_if: quantity * unit_price > 5000
        approval_if: quantity * unit_price > 1000
  - id: braked
    from: metrics
    per: [service]
    when: error_count > 10
    brake: {openings: 2, within: 1h}
    mode: act
    steps:
      tell: {tool: notify, with: {to: manager, text: "{{ service }}"}}
  - id: report
    schedule: "0 6 * * *"
    mode: act
    steps:
      tell: {tool: notify, with: {to: manager, text: "the report of {{ date }}"}}
  - id: inquiries
    from: mails
    opens: each_event
    mode: act
    agent:
      goal: Sort the inquiry.
      answer: {kind: {one_of: [order, other]}, reply: {text: 200}}
      fallback: {kind: other, reply: "seen: {{ subject }}"}
    steps:
      tell:
        if: answer.kind == "other"
        tool: notify
        with: {to: manager, text: "{{ answer.kind }}, {{ answer.reply }}"}
"""
ERROR = {"service": "checkout", "error_count": 12}


@pytest.fixture
async def desk(valkey_url: str, unique: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(valkey_url, unique, tmp_path, RULES, settings={"timeout": 1.0}) as opened:
        yield opened


async def test_without_a_model_the_fallback_decides_and_every_step_is_done_once(desk: Office) -> None:
    trigger = desk.trigger("errors", ERROR, {"service": "checkout"})
    desk.open_(trigger)
    desk.open_(trigger)
    async with running(desk.worker()):
        await desk.settled(1)
    (alert,) = await desk.listed("/alerts")
    (ticket,) = await desk.listed("/tickets")
    (message,) = await desk.listed("/messages")
    assert alert["summary"] == ticket["title"] == "checkout: 12 errors"
    assert "error_count: 12" in ticket["body"]
    assert message["text"] == f"ticket {ticket['id']}"
    (row,) = await desk.ledger.queries.incidents()
    assert (row["state"], row["run"]) == ("ACTIVE", "no_model")
    assert await desk.ledger.outcomes.count() == 0


async def test_a_clear_resolves_what_was_raised_and_closes(desk: Office) -> None:
    trigger = desk.trigger("errors", ERROR, {"service": "checkout"})
    desk.open_(trigger)
    async with running(desk.worker()):
        await desk.settled(1)
        desk.clear(trigger)
        await desk.closed()
    (alert,) = await desk.listed("/alerts")
    assert alert["status"] == "resolved"


async def test_the_incident_of_a_schedule_is_closed_when_its_steps_are_done(desk: Office) -> None:
    trigger = msgspec.structs.replace(desk.trigger("report", {"date": "2026-06-05"}, {}), momentary=True)
    desk.open_(trigger)
    desk.open_(trigger)  # two replicas that both thought it due
    async with running(desk.worker()):
        await desk.settled(1)
    (message,) = await desk.listed("/messages")
    assert message["text"] == "the report of 2026-06-05"
    (row,) = await desk.ledger.queries.incidents()
    assert row["state"] == "CLOSED"


def another_round(trigger: Trigger, number: int, **fields: object) -> Trigger:
    evidence = msgspec.structs.replace(trigger.evidence, fields={**trigger.evidence.fields, **fields})
    changed = {"kind": TriggerKind.CHANGED, "round": number, "evidence": evidence, "opening": trigger.evidence}
    return msgspec.structs.replace(trigger, **changed)


async def test_a_further_round_does_the_steps_again_on_what_is_seen_now(desk: Office) -> None:
    trigger = desk.trigger("errors", ERROR, {"service": "checkout"})
    desk.open_(trigger)
    async with running(desk.worker()):
        await desk.settled(1)
        for _ in range(2):  # the second is a resend of the first
            desk.open_(another_round(trigger, 2, error_count=40))
        while len(await desk.listed("/messages")) < 2:
            await asyncio.sleep(0.02)
        await desk.settled(1)
        desk.open_(trigger)  # the opening, resent late, takes nothing back
        desk.clear(trigger)
        await desk.closed()
    one, two = await desk.listed("/alerts")
    assert [one["summary"], two["summary"]] == ["checkout: 12 errors", "checkout: 40 errors"]
    assert [one["status"], two["status"]] == ["resolved", "resolved"]
    keys = [row["key"] for row in await desk.ledger.queries.effects()]
    assert keys == [
        *(f"{trigger.incident}/{step}{suffix}" for suffix in ("", "/r:2") for step in ("page", "ticket", "tell")),
        f"{trigger.incident}/clear/resolve",
        f"{trigger.incident}/clear/resolve/r:2",
    ]


async def test_a_further_round_takes_the_place_of_what_still_waits(desk: Office) -> None:
    fields = {"sku": "A", "inventory_level": 1, "reorder_point": 5, "quantity": 100, "unit_price": 20}
    trigger = desk.trigger("stock", fields, {"sku": "A"})
    desk.open_(trigger)
    async with running(desk.worker()):
        await desk.settled(1)
        assert await desk.effects() == {"order": "AWAITING_APPROVAL"}
        desk.open_(another_round(trigger, 2, quantity=10))
        while len(await desk.ledger.queries.effects()) < 2:
            await asyncio.sleep(0.02)
        await desk.settled(1)
    before, after = await desk.ledger.queries.effects()
    assert (before["state"], before["reason"]) == ("REFUSED", "round 2 began")
    assert (after["key"], after["state"], after["args"]["quantity"]) == (f"{trigger.incident}/order/r:2", "DONE", 10)


async def test_an_acknowledged_incident_is_not_acted_on_again(desk: Office) -> None:
    trigger = desk.trigger("errors", ERROR, {"service": "checkout"})
    desk.open_(trigger)
    async with running(desk.worker()):
        await desk.settled(1)
        await desk.ledger.decisions.acknowledge(trigger.incident, "ana", "on it")
        desk.open_(another_round(trigger, 2))
        desk.clear(trigger)
        await desk.closed()
    assert len(await desk.listed("/alerts")) == 1


async def test_a_round_of_an_incident_whose_opening_was_compacted_away_opens_it(desk: Office) -> None:
    trigger = another_round(desk.trigger("errors", ERROR, {"service": "checkout"}), 3)
    desk.open_(trigger)
    async with running(desk.worker()):
        await desk.settled(1)
    assert (await desk.ledger.queries.effects())[0]["key"] == f"{trigger.incident}/page/r:3"


async def test_steps_go_on_with_the_answer_of_the_agent_or_its_fallback(desk: Office) -> None:
    trigger = msgspec.structs.replace(desk.trigger("inquiries", {"subject": "chair"}, {}), momentary=True)
    desk.open_(trigger)
    async with running(desk.worker()):
        await desk.settled(1)
    assert [message["text"] for message in await desk.listed("/messages")] == ["other, seen: chair"]
    assert [row["state"] for row in await desk.ledger.queries.incidents()] == ["CLOSED"]


async def test_the_model_answers_within_its_bounds(desk: Office) -> None:
    said = [{"kind": "order"}, {"kind": "other", "reply": "hi"}]
    answers = [{"turn": at, "calls": [{"name": "answer", "arguments": each}]} for at, each in enumerate(said)]
    script = msgspec.convert({"answers": [*answers, {"turn": 2, "text": "done"}]}, Script)
    with Loopback(Standin(script).app) as standin:
        model = Client(Endpoint(base_url=f"{standin.url}/v1", key="any"))
        desk.open_(desk.trigger("inquiries", {"subject": "chair"}, {}))
        async with running(desk.worker(model=model)):
            await desk.settled(1)
        await model.close()
    assert [message["text"] for message in await desk.listed("/messages")] == ["other, hi"]


async def opened_at(desk: Office, *times: float) -> None:
    for number, time in enumerate(times):
        name = f"s{len(await desk.ledger.queries.incidents())}-{number}"
        trigger = desk.trigger("braked", {"service": name}, {"service": name})
        desk.open_(msgspec.structs.replace(trigger, opened=1_780_000_000.0 + time))


async def test_a_rule_that_opens_too_often_asks_until_it_is_released(desk: Office) -> None:
    async with running(desk.worker()):
        await opened_at(desk, 0, 1000, 3600, 3700, 9000)  # the third has left the first behind
        await desk.settled(5)
        states = [row["state"] for row in await desk.ledger.queries.effects()]
        assert sorted(states) == ["AWAITING_APPROVAL", "AWAITING_APPROVAL", "DONE", "DONE", "DONE"]
        modes = [row["mode"] for row in await desk.ledger.queries.incidents()]  # newest first
        assert modes == ["approve", "approve", "act", "act", "act"]
        (held,) = await desk.ledger.queries.braked()
        assert (held["rule"], held["openings"], held["within"]) == ("braked", 2, 3600.0)
        assert list((await desk.ledger.standings.now()).braked) == ["braked"]

        assert await desk.ledger.decisions.release("braked", "ana")
        assert not await desk.ledger.decisions.release("braked", "ana")
        await opened_at(desk, 9001, 9002)
        await desk.settled(7)
    states = [row["state"] for row in await desk.ledger.queries.effects()]
    assert sorted(states) == ["AWAITING_APPROVAL"] * 2 + ["DONE"] * 5


async def test_the_brake_of_the_policy_holds_every_rule(desk: Office) -> None:
    async with running(desk.worker(Policy(brake=Brake(1, 60.0)))):
        for number in range(2):
            desk.open_(desk.trigger("errors", ERROR, {"service": f"s{number}"}))
        await desk.settled(2)
    assert [row["mode"] for row in await desk.ledger.queries.incidents()].count("approve") == 1


async def test_a_clear_before_anybody_worked_sends_nothing(desk: Office) -> None:
    trigger = desk.trigger("errors", ERROR, {"service": "checkout"})
    desk.open_(trigger)
    desk.clear(trigger)
    async with running(desk.worker()):
        await desk.settled(1)
        await desk.closed()
    assert await desk.listed("/alerts") == []


@pytest.mark.parametrize("fault", ["fail", "cut", "execute-then-fail", "execute-then-stall", "execute-then-cut"])
async def test_whatever_an_answer_does_each_effect_is_seen_once(desk: Office, fault: str) -> None:
    more: dict[str, object] = {"status": 500} if fault.endswith("fail") else {"seconds": 2}
    await desk.fault(path="/alerts", do=fault, times=1, **more)
    desk.open_(desk.trigger("errors", ERROR, {"service": "checkout"}))
    async with running(desk.worker()):
        await desk.settled(1, seconds=40)
    assert len(await desk.listed("/alerts")) == 1
    assert len(await desk.listed("/executions")) == 3
    assert set((await desk.effects()).values()) == {"DONE"}


async def test_an_expensive_order_waits_for_a_person_and_then_goes_out_as_it_was_shown(desk: Office) -> None:
    fields = {"sku": "a", "quantity": 500, "unit_price": 3.5, "inventory_level": 1, "reorder_point": 5}
    desk.open_(desk.trigger("stock", fields, {"sku": "a"}))
    async with running(desk.worker()):
        await desk.settled(1)
        assert await desk.listed("/purchase-orders") == []
        (waiting,) = await desk.ledger.queries.approvals()
        await desk.ledger.decisions.approve(waiting["key"], waiting["hash"], "kim")
        await desk.settled(1)
    (order,) = await desk.listed("/purchase-orders")
    assert order["quantity"] == 500


async def test_a_call_that_nobody_decides_in_the_time_of_the_settings_is_denied(desk: Office) -> None:
    fields = {"sku": "a", "quantity": 500, "unit_price": 3.5, "inventory_level": 1, "reorder_point": 5}
    desk.open_(desk.trigger("stock", fields, {"sku": "a"}))
    worker = desk.worker()
    async with running(replace(worker, means=replace(worker.means, waits=Waits(approval=0.3)))):
        await desk.until(desk.effects, {"order": "REFUSED"})
    (row,) = await desk.ledger.queries.effects()
    assert row["reason"] == "approval expired"
    assert await desk.listed("/purchase-orders") == []


async def test_a_call_beyond_the_rule_is_refused_with_the_reason(desk: Office) -> None:
    fields = {"sku": "a", "quantity": 5000, "unit_price": 3.5, "inventory_level": 1, "reorder_point": 5}
    desk.open_(desk.trigger("stock", fields, {"sku": "a"}))
    desk.open_(desk.trigger("stock", {**fields, "unit_price": None}, {"sku": "b"}))
    async with running(desk.worker()):
        await desk.settled(2)
    reasons = sorted(row["reason"] for row in await desk.ledger.queries.effects())
    assert reasons == ["argument 'unit_price' is unknown: {{ unit_price }}", "refuse_if: quantity * unit_price > 5000"]
    assert await desk.listed("/purchase-orders") == []


async def test_observe_records_the_exact_calls_and_sends_none(desk: Office) -> None:
    desk.open_(desk.trigger("errors", ERROR, {"service": "checkout"}))
    async with running(desk.worker(policy=Policy(mode=Mode.OBSERVE))):
        await desk.settled(1)
    rows = {row["step"]: row for row in await desk.ledger.queries.effects()}
    assert {(row["state"], row["reason"]) for row in rows.values()} == {("REFUSED", "observe")}
    assert rows["tell"]["args"]["text"] == "ticket (observed: not done)"
    assert await desk.listed("/executions") == []


async def test_the_days_budget_holds_over_all_incidents(desk: Office) -> None:
    policy = Policy(money=MoneyLimits(per_day=Decimal(100)))
    fields = {"quantity": 20, "unit_price": 3, "inventory_level": 1, "reorder_point": 5}
    for sku in "ab":
        desk.open_(desk.trigger("stock", {**fields, "sku": sku}, {"sku": sku}))
    async with running(desk.worker(policy=policy)):
        await desk.settled(2)
    assert sorted(row["reason"] for row in await desk.ledger.queries.effects()) == ["", "budget: per_day"]


async def test_a_paused_tool_waits_and_goes_on_when_it_is_resumed(desk: Office) -> None:
    await desk.ledger.decisions.pause("tool:send_alert", "kim")
    desk.open_(desk.trigger("errors", ERROR, {"service": "checkout"}))
    async with running(desk.worker()):
        await desk.settled(1)
        assert (await desk.effects())["page"] == "RESERVED"
        assert len(await desk.listed("/tickets")) == 1
        await desk.ledger.decisions.resume("tool:send_alert", "kim")
        await desk.settled(1)
    assert (await desk.effects())["page"] == "DONE"


async def test_a_step_that_the_files_no_longer_have_is_not_done(desk: Office) -> None:
    trigger = desk.trigger("errors", ERROR, {"service": "checkout"})
    desk.open_(trigger)
    desk.book.edit(RULES.replace("      ticket:\n", "      other:\n").replace("steps.ticket.id", "steps.other.id"))
    async with running(desk.worker()):
        await desk.settled(1)
    assert await desk.effects() == {"page": "DONE"}


async def test_a_dead_worker_is_replaced_when_its_lease_ends(desk: Office) -> None:
    await desk.fault(path="/alerts", do="stall", seconds=2, times=1)
    desk.open_(desk.trigger("errors", ERROR, {"service": "checkout"}))
    first = desk.worker(lease=1.0)
    await first.acceptor.turn()
    await first.acceptor.turn()
    (claim,) = await desk.ledger.incidents.claim("dead", 1.0, 1)
    assert claim.fence
    async with running(desk.worker(lease=1.0)):
        await desk.settled(1, seconds=40)
    assert len(await desk.listed("/alerts")) == 1


async def test_an_order_belongs_to_its_episode_even_when_the_clear_came_first(desk: Office) -> None:
    fields = {"sku": "a", "quantity": 10, "unit_price": 3, "inventory_level": 1, "reorder_point": 5}
    cheap = desk.trigger("stock", fields, {"sku": "a"})
    dear = desk.trigger("stock", {**fields, "sku": "b", "quantity": 500}, {"sku": "b"})
    for trigger in (cheap, dear):
        desk.open_(trigger)
        desk.clear(trigger)
    async with running(desk.worker()):
        while {row["state"] for row in await desk.ledger.queries.incidents()} != {"CLOSED"}:
            await desk.settled(2)
    assert [order["sku"] for order in await desk.listed("/purchase-orders")] == ["a"]
    rows = {row["state"]: row["reason"] for row in await desk.ledger.queries.effects()}
    assert rows == {"DONE": "", "REFUSED": "cleared"}


async def test_a_clear_withdraws_an_order_that_waits_for_a_person(desk: Office) -> None:
    fields = {"sku": "b", "quantity": 500, "unit_price": 3, "inventory_level": 1, "reorder_point": 5}
    trigger = desk.trigger("stock", fields, {"sku": "b"})
    desk.open_(trigger)
    async with running(desk.worker()):
        await desk.settled(1)
        desk.clear(trigger)
        await desk.closed()
    assert await desk.ledger.queries.approvals() == []
    assert await desk.listed("/purchase-orders") == []


async def test_the_model_decides_within_its_bounds_and_its_run_is_told(desk: Office) -> None:
    with Loopback(Standin(Script()).app) as standin:
        model = Client(Endpoint(base_url=f"{standin.url}/v1", key="any"))
        desk.open_(desk.trigger("errors", ERROR, {"service": "checkout"}))
        async with running(desk.worker(model=model)):
            await desk.settled(1)
        await model.close()
    rows = {row["step"]: row for row in await desk.ledger.queries.effects()}
    assert rows["ticket"]["by"] == "model"
    assert (await desk.ledger.queries.incidents())[0]["run"] == "finished"
    assert len(await desk.listed("/executions")) == 3


async def test_a_run_that_a_crash_interrupted_is_played_again_and_decides_nothing_twice(desk: Office) -> None:
    one_run = Policy(model=ModelLimits(tokens_per_day=BUDGET))  # what the killed one holds is its successor's
    with Loopback(Standin(Script()).app) as standin:
        model = Client(Endpoint(base_url=f"{standin.url}/v1", key="any"))
        await desk.fault(path="/tickets", do="execute-then-stall", seconds=3, times=1)
        desk.open_(desk.trigger("errors", ERROR, {"service": "checkout"}))
        stop = asyncio.Event()
        first = asyncio.create_task(desk.worker(policy=one_run, model=model, lease=1.0).run(stop))
        while not await desk.listed("/tickets"):
            await asyncio.sleep(0.02)
        first.cancel()  # as a killed process: nothing is recorded, the lease runs out
        await asyncio.gather(first, return_exceptions=True)
        async with running(desk.worker(policy=one_run, model=model, lease=1.0)):
            await desk.settled(1)
        await model.close()
    assert len(await desk.listed("/tickets")) == 1
    (incident,) = await desk.ledger.queries.incidents()
    whole = await desk.ledger.queries.whole(incident["id"])
    assert whole is not None
    assert (incident["run"], whole["rejected"]) == ("finished", [])


@pytest.mark.parametrize("limit", ["tokens_per_day", "tokens_per_rule_day"])
async def test_a_model_limit_of_the_day_leaves_the_decision_to_the_fallback(desk: Office, limit: str) -> None:
    await desk.model_took(1, "errors")
    policy = Policy(model=ModelLimits(**{limit: BUDGET}))
    with Loopback(Standin(Script()).app) as standin:
        model = Client(Endpoint(base_url=f"{standin.url}/v1", key="any"))
        desk.open_(desk.trigger("errors", ERROR, {"service": "checkout"}))
        async with running(desk.worker(policy=policy, model=model)):
            await desk.settled(1)
        await model.close()
    assert (await desk.ledger.queries.incidents())[0]["run"] == limit
    assert (await desk.effects())["ticket"] == "DONE"


async def test_a_run_that_ended_leaves_to_the_next_what_it_did_not_take(desk: Office) -> None:
    policy = Policy(model=ModelLimits(tokens_per_rule_day=2 * BUDGET - 1))
    with Loopback(Standin(Script()).app) as standin:
        model = Client(Endpoint(base_url=f"{standin.url}/v1", key="any"))
        async with running(desk.worker(policy=policy, model=model)):
            for number, service in enumerate("abc", 1):
                desk.open_(desk.trigger("errors", ERROR, {"service": service}))
                await desk.settled(number)
        await model.close()
    assert {row["run"] for row in await desk.ledger.queries.incidents()} == {"finished"}
    assert 0 < (await desk.ledger.standings.now()).model_of["errors"].tokens < BUDGET


async def test_pages_over_the_throttle_become_one_roll_up_that_lists_them(desk: Office) -> None:
    desk.book.edit(RULES.replace("    summary:", "    throttle: {per_rule: [1/8s]}\n    summary:", 1))
    for number, service in enumerate("abc"):
        desk.open_(desk.trigger("errors", {**ERROR, "service": service}, {"service": service}, number))
    async with running(desk.worker()):
        while len(await desk.listed("/alerts")) < 2:
            await asyncio.sleep(0.05)
        summaries = [alert["summary"] for alert in await desk.listed("/alerts")]
    assert sorted(summaries) == ["2 more of errors held back by its throttle: b, c", "a: 12 errors"]


async def test_a_retry_that_meets_a_closed_door_never_forgets_that_an_earlier_one_may_have_got_through(
    desk: Office,
) -> None:
    await desk.fault(path="/alerts", do="execute-then-cut", times=1)
    await desk.fault(path="/alerts", do="fail", status=429, retry_after="1", times=1)
    trigger = desk.trigger("errors", ERROR, {"service": "checkout"})
    desk.open_(trigger)
    async with running(desk.worker()):
        while len(await desk.listed("/requests")) < 2 or not await desk.listed("/alerts"):
            await asyncio.sleep(0.01)
        desk.clear(trigger)
        await desk.closed()
    (alert,) = await desk.listed("/alerts")
    assert alert["status"] == "resolved"


async def test_an_order_that_waited_meets_the_ceiling_again(desk: Office) -> None:
    await desk.ledger.decisions.pause("all", "kim")
    fields = {"sku": "a", "quantity": 10, "unit_price": 3, "inventory_level": 1, "reorder_point": 5}
    desk.open_(desk.trigger("stock", fields, {"sku": "a"}))
    async with running(desk.worker()):
        await desk.settled(1)
    async with running(desk.worker(policy=Policy(mode=Mode.OBSERVE))):
        await desk.ledger.decisions.resume("all", "kim")
        await desk.settled(1)
    assert await desk.effects() == {"order": "REFUSED"}
    assert await desk.listed("/purchase-orders") == []


async def test_a_rule_that_is_gone_buys_nothing_late(desk: Office) -> None:
    fields = {"sku": "a", "quantity": 10, "unit_price": 3, "inventory_level": 1, "reorder_point": 5}
    trigger = desk.trigger("stock", fields, {"sku": "a"})
    desk.open_(trigger)
    desk.clear(trigger)
    desk.book.edit(RULES.split("  - id: stock", maxsplit=1)[0])
    async with running(desk.worker()):
        while {row["state"] for row in await desk.ledger.queries.incidents()} != {"CLOSED"}:
            await desk.settled(1)
    assert await desk.listed("/purchase-orders") == []


async def test_an_amount_that_is_not_known_is_refused_where_the_day_is_limited(desk: Office) -> None:
    desk.book.edit(RULES.replace(', unit_price: "{{ unit_price }}"', ""))
    fields = {"sku": "a", "quantity": 10, "unit_price": 3, "inventory_level": 1, "reorder_point": 5}
    desk.open_(desk.trigger("stock", fields, {"sku": "a"}))
    async with running(desk.worker(policy=Policy(money=MoneyLimits(per_day=Decimal(100))))):
        await desk.settled(1)
    assert await desk.effects() == {"order": "REFUSED"}


CLASSES = """
language: 1
rules:
  - id: unsure
    from: metrics
    per: [service]
    when: error_count > 10
    mode: act
    steps:
      parked: {tool: send_alert, with: {severity: error, summary: parked}}
      skipped: {tool: send_alert, with: {severity: error, summary: skipped}, if_unsure: skip}
      repeated: {tool: send_alert, with: {severity: error, summary: repeated}, if_unsure: repeat}
"""


@pytest.mark.parametrize("kind", ["B", "C"])
async def test_weaker_providers_keep_the_promise_of_their_class(
    valkey_url: str, unique: str, tmp_path: Path, kind: str
) -> None:
    settings = {"class": kind, "timeout": 1.0, "settle": 0.2}
    async with office(valkey_url, unique, tmp_path, CLASSES, settings=settings) as desk:
        await desk.fault(path="/alerts", do="execute-then-cut", times=3)
        desk.open_(desk.trigger("unsure", ERROR, {"service": "checkout"}))
        async with running(desk.worker()):
            await desk.settled(1)
        steps = {provider_key(row["key"]): row["step"] for row in await desk.ledger.queries.effects()}
        seen = Counter(steps[row["key"]] for row in await desk.listed("/executions"))
        states = await desk.effects()
    if kind == "B":
        assert seen == {"parked": 1, "repeated": 1, "skipped": 1}
        assert set(states.values()) == {"DONE"}
    else:
        assert seen == {"parked": 1, "repeated": 2, "skipped": 1}
        assert states == {"parked": "PARKED", "skipped": "REFUSED", "repeated": "DONE"}


@pytest.mark.parametrize(
    ("current", "state"),
    [
        (CLASSES.replace("if_unsure: repeat", "if_unsure: skip"), "REFUSED"),
        (CLASSES.replace(", if_unsure: repeat", ""), "PARKED"),
        (CLASSES.replace("repeated:", "renamed:"), "PARKED"),
    ],
)
async def test_what_is_unsure_is_not_repeated_once_the_rule_has_taken_that_back(
    valkey_url: str, unique: str, tmp_path: Path, current: str, state: str
) -> None:
    async with office(valkey_url, unique, tmp_path, CLASSES, settings={"class": "C"}) as desk:
        await desk.ledger.decisions.pause("all", "kim")
        desk.open_(desk.trigger("unsure", ERROR, {"service": "checkout"}))
        async with running(desk.worker()):
            await desk.settled(1)
        await desk.ledger.decisions.resume("all", "kim")
        (claim,) = await desk.ledger.incidents.claim("w0", 15, 10)
        (sent,) = [each for each in await desk.ledger.effects.of(claim.id) if each.step == "repeated"]
        await desk.ledger.effects.sending(claim, sent)
        await desk.ledger.effects.record(claim, sent.key, EffectState.UNKNOWN, "cut")
        await desk.ledger.incidents.rest(claim, Waiting.RETRY, 0.0)
        desk.book.edit(current)
        async with running(desk.worker()):
            await desk.until(lambda: step_state(desk, "repeated"), state)
        assert provider_key(sent.key) not in {row["key"] for row in await desk.listed("/executions")}


async def step_state(desk: Office, step: str) -> str:
    return (await desk.effects())[step]


FRESH = """
language: 1
rules:
  - id: stock
    from: stock
    per: [sku]
    when: level < 5
    mode: act
    steps:
      look: {tool: check_stock_levels, with: {sku: "{{ sku }}"}}
      order:
        tool: draft_purchase_order
        with: {sku: "{{ sku }}", supplier: S, quantity: 40}
        approval_if: quantity > 10
        refuse_if: steps.look.inventory_level > 100
"""


@pytest.mark.parametrize("cleared", [False, True])
async def test_an_approved_call_meets_its_gates_again_with_what_is_true_by_then(
    valkey_url: str, unique: str, tmp_path: Path, *, cleared: bool
) -> None:
    async with office(valkey_url, unique, tmp_path, FRESH) as desk:
        await desk.http.post(
            f"{desk.url}/stock", json=[{"sku": "A", "location": "x", "inventory_level": 1, "on_order": 0}]
        )
        trigger = desk.trigger("stock", {"sku": "A", "level": 1}, {"sku": "A"})
        desk.open_(trigger)
        async with running(desk.worker()):
            await desk.until(desk.effects, {"order": "AWAITING_APPROVAL"})
            await desk.ledger.decisions.pause("all", "kim")
            (row,) = await desk.ledger.queries.approvals()
            await desk.ledger.decisions.approve(row["key"], row["hash"], "ana")
            await desk.until(lambda: stands(desk, trigger.incident), ("ACTIVE", "paused"))
            if cleared:
                desk.clear(trigger)
                await desk.until(lambda: stands(desk, trigger.incident), ("CLEARING", "paused"))
            much = [{"sku": "A", "location": "x", "inventory_level": 500, "on_order": 0}]
            await desk.http.post(f"{desk.url}/stock", json=much)  # a delivery came meanwhile
            await desk.ledger.decisions.resume("all", "kim")
            await desk.until(lambda: step_state(desk, "order"), "REFUSED")
        assert await desk.listed("/purchase-orders") == []


async def stands(desk: Office, incident: str) -> tuple[str, str]:
    row = await desk.ledger.queries.whole(incident)
    return row["state"], row["waits_for"]
