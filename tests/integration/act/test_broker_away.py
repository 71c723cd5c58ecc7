"""A worker on a real broker that dies and comes back."""

from pathlib import Path

import pytest

from dutyd.stream.kafka import producer
from support.acting import office, running
from support.broker import KafkaBroker

RULES = """
language: 1
rules:
  - id: stock
    from: stock
    per: [sku]
    when: level < 5
    mode: act
    steps:
      order:
        tool: draft_purchase_order
        with: {sku: "{{ sku }}", supplier: S, quantity: 1, unit_price: 10}
        approval_if: sku == "a"
      tell:
        needs: [order]
        tool: notify
        with: {to: manager, text: "order {{ steps.order.id }}"}
"""
DONE = {"order": "DONE", "tell": "DONE"}


async def test_accepted_incidents_are_worked_to_their_end_while_the_broker_is_away_and_told_once_it_is_back(
    mortal_broker: KafkaBroker, valkey_url: str, unique: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(producer, "FLUSH_SECONDS", 2.0)
    stream = f"kafka://{mortal_broker.address}"
    async with office(stream, unique, tmp_path, RULES, ledger_url=valkey_url) as desk:
        desk.open_(desk.trigger("stock", {"sku": "a", "level": 1}, {"sku": "a"}))
        async with running(desk.worker()):
            await desk.settled(1)
            await desk.until(desk.ledger.outcomes.count, 0)
            mortal_broker.kill()
            (waiting,) = await desk.ledger.queries.approvals()
            await desk.ledger.decisions.approve(waiting["key"], waiting["hash"], "kim")
            await desk.until(desk.effects, DONE)
            assert await desk.ledger.outcomes.count() == len(DONE), "who told them, and where?"
            mortal_broker.start()
            await desk.until(desk.ledger.outcomes.count, 0, seconds=60.0)
            desk.open_(desk.trigger("stock", {"sku": "b", "level": 1}, {"sku": "b"}, 2))
            await desk.settled(2, seconds=60.0)
        assert len(await desk.listed("/executions")) == 2 * len(DONE)
