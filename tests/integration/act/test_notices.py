"""dutyd's own notices: once for each thing, over processes and crashes, to a real back office."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from dutyd.act.agent.client import Client, Endpoint
from dutyd.core.errors import NotReadyError
from dutyd.core.incident import EffectState
from dutyd.core.model_use import ModelLimits
from dutyd.core.policy import MoneyLimits, Policy
from dutyd.core.tool import Provider
from dutyd.embedded.loopback import Loopback
from dutyd.embedded.standin import Standin
from dutyd.embedded.standin.script import Script
from dutyd.ledger.standing import Standings
from dutyd.ops.notices import AGAIN_SECONDS, Addressee, Notice, Notices
from dutyd.ops.standing import Lookout
from dutyd_tools.notification import notify
from dutyd_tools.providers.backoffice import connect
from support.acting import Office, office, running

RULES = """\
language: 1
rules:
  - id: order
    from: stock
    per: [sku]
    when: n > 1
    mode: act
    steps:
      order:
        tool: draft_purchase_order
        with: {sku: "{{ sku }}", supplier: ACME, quantity: 10, unit_price: 8.5}
"""
DECIDED = """\
language: 1
rules:
  - id: decide
    from: stock
    per: [sku]
    when: n > 1
    mode: act
    agent: {goal: Decide.}
    steps:
      ticket:
        tool: create_ticket
        with: {project: OPS, kind: incident, body: x}
        decide: {title: {text: 100}}
        fallback: {title: y}
"""


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def telling(
    there: Office, clock: Clock, url: str = "", settings: Mapping[str, Any] | None = None
) -> AsyncIterator[Notices]:
    """One process that tells notices."""
    provider: Provider = connect({"url": url or there.url, **(settings or {})})
    yield Notices(there.ledger.standings, "shop", Addressee(notify, provider, "ops@example.com"), clock)
    await provider.close()


async def messages(there: Office) -> list[str]:
    return [f"{entry['subject']}: {entry['text']}" for entry in await there.listed("/messages")]


@pytest.fixture
async def there(valkey_url: str, unique: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(valkey_url, unique, tmp_path, RULES, settings={"class": "C"}) as opened:
        yield opened


async def test_a_thing_is_told_once_whoever_sees_it_how_often(there: Office) -> None:
    notice = Notice("budget", "money/1", "80 % is used")
    async with telling(there, Clock()) as one, telling(there, Clock()) as other:
        for process in (one, other, one):
            await process.tell([notice])
    assert await messages(there) == ["dutyd shop: budget: 80 % is used"]


async def test_many_things_of_a_kind_are_one_message(there: Office) -> None:
    async with telling(there, Clock()) as process:
        await process.tell([Notice("parked", f"e{number}", f"effect e{number}") for number in range(12)])
    [message] = await messages(there)
    assert message.startswith("dutyd shop: parked (12): effect e0\n")
    assert message.endswith("effect e9\nand 2 more")


async def test_what_never_left_is_told_later_and_not_at_once(there: Office) -> None:
    clock, notice = Clock(), Notice("rules", "x", "wrong")
    async with telling(there, clock, "http://127.0.0.1:1") as cut_off, telling(there, Clock()) as other:
        await cut_off.tell([notice])
        await cut_off.tell([notice])
        assert await messages(there) == []
        clock.now += AGAIN_SECONDS
        await cut_off.tell([notice])
        await other.tell([notice])
    assert await messages(there) == ["dutyd shop: rules: wrong"]


async def test_what_never_left_is_told_later_also_where_redis_was_away_right_then(
    there: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, notices = Clock(), [Notice("parked", "e1", "effect e1"), Notice("rules", "x", "wrong")]

    async def away(*_: object) -> None:
        raise NotReadyError("Redis is away")

    async with telling(there, clock, "http://127.0.0.1:1") as cut_off, telling(there, Clock()) as other:
        with monkeypatch.context() as patched:
            patched.setattr(Standings, "forget", away)
            with pytest.raises(NotReadyError):
                await cut_off.tell(notices)
        clock.now += AGAIN_SECONDS
        await cut_off.tell([])
        await other.tell(notices)
    assert await messages(there) == ["dutyd shop: parked: effect e1", "dutyd shop: rules: wrong"]


async def test_what_may_have_arrived_is_not_told_again(there: Office) -> None:
    notice = Notice("rules", "x", "wrong")
    await there.fault(path="/messages", do="execute-then-cut", times=1)
    async with telling(there, Clock()) as process, telling(there, Clock()) as other:
        await process.tell([notice])
        await other.tell([notice])
    assert await messages(there) == ["dutyd shop: rules: wrong"]


async def test_without_an_addressee_it_is_counted(there: Office) -> None:
    labels = {"kind": "budget", "result": "logged"}
    before = REGISTRY.get_sample_value("dutyd_notices_total", labels) or 0.0
    await Notices(there.ledger.standings, "shop").tell([Notice("budget", "y", "told")])
    assert REGISTRY.get_sample_value("dutyd_notices_total", labels) == before + 1


async def test_a_parked_effect_and_a_day_that_is_nearly_spent_are_seen_told_and_measured(there: Office) -> None:
    limits = Policy(
        money=MoneyLimits(per_day=Decimal(100), per_rule_day=Decimal(85)),
        model=ModelLimits(tokens_per_day=1000, tokens_per_rule_day=900),
    )
    await there.model_took(799, "order")
    await there.fault(path="/purchase-orders", do="execute-then-cut", times=1)
    trigger = there.trigger("order", {"sku": "A1", "n": 2}, {"sku": "A1"})
    there.open_(trigger)
    async with running(there.worker(provider=connect({"url": there.url, "class": "C"}))):
        await there.settled(1)
    assert await there.effects() == {"order": "PARKED"}

    async with telling(there, Clock()) as process:
        lookout = Lookout(there.ledger.standings, limits, process)
        await lookout.look()
        await lookout.look()
    budget, parked = sorted(await messages(there))
    assert budget == (
        "dutyd shop: budget (3): "
        "89% of today's limit policy.model.tokens_per_rule_day is used by rule order; "
        "when less is left than a run's budget, decided steps take their fallback until 0:00 UTC\n"
        "85% of today's limit policy.money.per_day is used; "
        "when it is used up, what spends more is refused until 0:00 UTC\n"
        "today's limit policy.money.per_rule_day is used up by rule order: until 0:00 UTC what spends more is refused"
    )
    assert parked.startswith(f"dutyd shop: parked: effect {trigger.incident}/order is parked, it may have happened: ")
    assert f"`dutyd effects settle {trigger.incident}/order --as NAME --because TEXT`" in parked
    read = REGISTRY.get_sample_value
    assert read("dutyd_effects_open", {"state": EffectState.PARKED}) == 1
    assert read("dutyd_effects_open", {"state": EffectState.SENDING}) == 0
    assert read("dutyd_budget_used_ratio", {"budget": "model.tokens_per_day"}) == pytest.approx(0.799)
    assert read("dutyd_effects_total", {"tool": "draft_purchase_order", "state": "PARKED"})


async def test_an_incident_that_something_unexpected_has_stopped_is_told(there: Office) -> None:
    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(f"odd {name}")

    trigger = there.trigger("order", {"sku": "A1", "n": 2}, {"sku": "A1"})
    there.open_(trigger)
    async with running(there.worker(provider=Broken())):
        await there.settled(1)
    async with telling(there, Clock()) as process:
        await Lookout(there.ledger.standings, Policy(), process).look()
    assert REGISTRY.get_sample_value("dutyd_incidents_stuck") == 1
    [message] = await messages(there)
    assert f"incident {trigger.incident} is stopped by something unexpected" in message


async def test_a_host_that_turns_us_away_is_told_once_a_day(there: Office) -> None:
    there.book.edit(DECIDED)
    there.open_(there.trigger("decide", {"sku": "A1", "n": 2}, {"sku": "A1"}))
    with Loopback(Standin(Script(wrong_key="sk-old")).app) as standin:
        model = Client(Endpoint(base_url=f"{standin.url}/v1", key="sk-old"))
        async with running(there.worker(model=model)):
            await there.settled(1)
        await model.close()
    async with telling(there, Clock()) as process:
        lookout = Lookout(there.ledger.standings, Policy(), process)
        await lookout.look()
        await lookout.look()
    said = [message for message in await messages(there) if "turns us away" in message]
    assert len(said) == 1


async def test_the_oldest_due_incident_waits_from_its_due_time(there: Office) -> None:
    there.open_(there.trigger("order", {"sku": "A1", "n": 2}, {"sku": "A1"}))
    worker = there.worker()
    while not await there.ledger.queries.incidents():
        await worker.acceptor.turn()
    await Lookout(there.ledger.standings, Policy(), Notices(there.ledger.standings, "shop")).look()
    first = REGISTRY.get_sample_value("dutyd_oldest_due_seconds")
    await Lookout(there.ledger.standings, Policy(), Notices(there.ledger.standings, "shop")).look()
    second = REGISTRY.get_sample_value("dutyd_oldest_due_seconds")
    assert first is not None
    assert second is not None
    assert second >= first >= 0
    assert await there.ledger.queries.incidents()
