"""Questions that are put again: before an approved call is sent, after a clear, and before one page for many."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dutyd.act.means import Waits
from dutyd.act.worker import Worker
from dutyd.core.incident import Trigger
from dutyd.ops.standing import notices_of
from support.acting import Office, office, running

RULES = """
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
        needs: [look]
        tool: draft_purchase_order
        with: {sku: "{{ sku }}", supplier: S, quantity: 40}
        approval_if: quantity > 10
      tell: {tool: notify, with: {to: buyers, subject: low, text: x}, approval_if: level < 5}
  - id: answered
    from: stock
    per: [sku]
    when: level < 5
    mode: act
    agent: {goal: Decide., answer: {kind: {one_of: [a, b]}}, fallback: {kind: a}}
    steps:
      tell: {tool: notify, with: {to: buyers, subject: "{{ answer.kind }}", text: x}, approval_if: level < 5}
  - id: over
    from: stock
    per: [sku]
    when: level < 5
    mode: act
    steps:
      tell: {tool: notify, with: {to: buyers, subject: low, text: x}}
    on_clear:
      look: {tool: check_stock_levels, with: {sku: "{{ sku }}"}}
      done:
        tool: notify
        with: {to: buyers, subject: over, text: x}
        approval_if: level < 50
        refuse_if: steps.look.inventory_level > 100
  - id: storm
    from: stock
    per: [sku]
    when: level < 5
    mode: act
    steps:
      page: {tool: send_alert, with: {severity: critical, summary: "{{ steps.look.inventory_level }} left"}}
      look: {tool: check_stock_levels, with: {sku: A}}
"""


@pytest.fixture
async def desk(valkey_url: str, unique: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(valkey_url, unique, tmp_path, RULES) as opened:
        await level_is(opened, 1)
        yield opened


async def level_is(desk: Office, level: int) -> None:
    await desk.http.post(
        f"{desk.url}/stock", json=[{"sku": "A", "location": "x", "inventory_level": level, "on_order": 0}]
    )


def hasty(desk: Office, *, answer: float = 3600.0) -> Worker:
    """Return a worker whose waits are a tenth of what they may be."""
    worker = desk.worker()
    return replace(worker, means=replace(worker.means, waits=Waits(answer=answer), chance=lambda: 0.1))


def low(desk: Office, rule: str, number: int = 1) -> Trigger:
    return desk.trigger(rule, {"sku": "A", "level": 1}, {"sku": "A" if number == 1 else f"A{number}"}, number)


async def approve(desk: Office, step: str) -> None:
    (row,) = [row for row in await desk.ledger.queries.approvals() if row["step"] == step]
    await desk.ledger.decisions.approve(row["key"], row["hash"], "ana")


async def order_of(desk: Office) -> dict[str, Any]:
    (row,) = [row for row in await desk.ledger.queries.effects() if row["step"] == "order"]
    return row


async def order_state(desk: Office) -> str:
    return str((await order_of(desk))["state"])


WAITING = {"order": "AWAITING_APPROVAL", "tell": "AWAITING_APPROVAL"}


@pytest.mark.parametrize(("status", "why"), [(404, "404"), (503, "without an answer")])
async def test_an_approved_call_whose_question_gets_no_answer_any_more_is_refused_and_people_are_told_once(
    desk: Office, status: int, why: str
) -> None:
    opening = low(desk, "stock")
    desk.open_(opening)
    async with running(hasty(desk, answer=0.4)):
        await desk.until(desk.effects, WAITING)
        await desk.fault(path="/stock", method="GET", do="fail", status=status, times=500)
        await approve(desk, "order")
        await desk.until(lambda: order_state(desk), "REFUSED")
        await approve(desk, "tell")  # needs no answer, and goes out
        await desk.until(desk.effects, {"order": "REFUSED", "tell": "DONE"})
    assert (await order_of(desk))["reason"].startswith("step 'look' must be read again before 'order' is sent: ")
    assert why in (await order_of(desk))["reason"]
    (notice,) = notices_of(await desk.ledger.standings.now(), {}, 3600.0)
    assert notice.name == f"unanswered:{opening.incident}/look"
    (row,) = (await desk.ledger.queries.whole(opening.incident))["answers"]
    assert (row["state"], row["tries"]) == ("done", None), "what it was answered before stands"


async def test_an_approved_call_waits_for_its_answer_and_holds_up_nothing_else(desk: Office) -> None:
    opening = low(desk, "stock")
    desk.open_(opening)
    async with running(hasty(desk)):
        await desk.until(desk.effects, WAITING)
        await desk.fault(path="/stock", method="GET", do="fail", status=429, retry_after="1", times=2)
        await approve(desk, "order")
        await desk.until(lambda: tries(desk, opening), [1])
        await approve(desk, "tell")
        await desk.until(desk.effects, {"order": "RESERVED", "tell": "DONE"})
        await desk.until(desk.effects, {"order": "DONE", "tell": "DONE"})
    assert await tries(desk, opening) == []
    assert len(await desk.listed("/purchase-orders")) == 1


async def tries(desk: Office, opening: Trigger) -> list[int]:
    rows = (await desk.ledger.queries.whole(opening.incident))["answers"]
    return [row["tries"] for row in rows if row["state"] == "waiting"]


async def test_what_the_model_answered_is_not_asked_again_before_an_approved_call_is_sent(desk: Office) -> None:
    desk.open_(low(desk, "answered"))
    async with running(hasty(desk)):
        await desk.until(desk.effects, {"tell": "AWAITING_APPROVAL"})
        await approve(desk, "tell")
        await desk.until(desk.effects, {"tell": "DONE"})
    assert [row["subject"] for row in await desk.listed("/messages")] == ["a"]


async def test_an_approved_call_of_on_clear_meets_its_gates_with_what_is_true_by_then(desk: Office) -> None:
    opening = low(desk, "over")
    desk.open_(opening)
    async with running(hasty(desk)):
        await desk.until(desk.effects, {"tell": "DONE"})
        desk.clear(opening)
        await desk.until(desk.effects, {"tell": "DONE", "done": "AWAITING_APPROVAL"})
        await level_is(desk, 500)  # a delivery came meanwhile
        await approve(desk, "done")
        await desk.until(desk.effects, {"tell": "DONE", "done": "REFUSED"})
    assert [row["subject"] for row in await desk.listed("/messages")] == ["low"]


async def test_one_page_for_many_asks_what_it_says_and_waits_for_the_answer(desk: Office) -> None:
    for number in range(1, 23):
        desk.open_(low(desk, "storm", number))
    async with running(hasty(desk)):
        await desk.until(lambda: pages(desk), 20)
        await desk.fault(path="/stock", method="GET", do="fail", status=503, times=2)
        await desk.until(lambda: pages(desk), 21)
        await desk.settled(23)
    assert {row["summary"] for row in await desk.listed("/alerts")} == {"1 left"}


async def pages(desk: Office) -> int:
    return len(await desk.listed("/alerts"))
