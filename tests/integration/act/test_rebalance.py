"""A worker joins the group of another that is in the middle of its work, on a real broker."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dutyd.core.tool import Receipt
from dutyd_tools.providers.backoffice import Backoffice, BackofficeSettings
from support.acting import office, running
from support.broker import Broker

RULES = """
language: 1
rules:
  - id: stock
    from: stock
    per: [sku]
    when: level < 5
    mode: act
    steps:
      order: {tool: draft_purchase_order, with: {sku: "{{ sku }}", supplier: S, quantity: 1, unit_price: 10}}
"""
OPEN = 12
"""More than the triggers topic has partitions: some of what is worked on lies in those that move."""


class Held(Backoffice):
    """Holds what is to be made until it is let go, and counts it."""

    def __init__(self, url: str) -> None:
        super().__init__(BackofficeSettings(url=url, timeout=60.0))
        self.asked = 0
        self.go_on = asyncio.Event()

    async def create(self, kind: str, key: str, body: Mapping[str, Any]) -> Receipt:
        self.asked += 1
        await self.go_on.wait()
        return await super().create(kind, key, body)


async def test_what_a_worker_works_on_stays_its_own_when_its_partitions_move_to_another(
    real_broker: Broker, valkey_url: str, unique: str, tmp_path: Path
) -> None:
    async with office(f"kafka://{real_broker.address}", unique, tmp_path, RULES, ledger_url=valkey_url) as desk:
        first, second = Held(desk.url), Held(desk.url)
        before, after = desk.worker(provider=first), desk.worker(provider=second, name="w2")
        for number in range(OPEN):
            desk.open_(desk.trigger("stock", {"sku": f"s{number}", "level": 1}, {"sku": f"s{number}"}, number))

        async def held() -> int:
            return first.asked

        async def shared() -> bool:
            return bool(before.acceptor._ours and after.acceptor._ours)

        async with running(before):
            await desk.until(held, OPEN, seconds=60.0)
            async with running(after):
                await desk.until(shared, True, seconds=60.0)
                first.go_on.set()
                await desk.settled(OPEN, seconds=60.0)
        assert (first.asked, second.asked) == (OPEN, 0)
        assert len(await desk.listed("/executions")) == OPEN
        assert {row["state"] for row in await desk.ledger.queries.effects()} == {"DONE"}
