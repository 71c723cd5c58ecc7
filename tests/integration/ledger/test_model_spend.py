"""What runs of the model may take of a day, on a real server: held before they begin, settled when they end."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from uuid import uuid4

import pytest

from dutyd.core.incident import Evidence, Trigger, TriggerKind, incident_id
from dutyd.core.limits import Throttle
from dutyd.core.model_use import ModelLimits, ModelUse
from dutyd.core.rule import Mode
from dutyd.ledger import Ledger, open_ledger
from dutyd.ledger.birth import Since
from dutyd.ledger.claims import Arrival, Claim
from dutyd.ledger.connect import connect_async
from dutyd.ledger.effects import LostError
from dutyd.ledger.model_spend import NoRoom, Reserved

PRODUCED = int(time.time() * 1000)  # noqa: TID251  # as a broker stamps it
RUNS, WORKERS = 50, 5
MOST = ModelUse(1000, 0.01)
DAY = ModelLimits(tokens_per_day=10_000)


@pytest.fixture
async def workers(valkey_url: str) -> AsyncIterator[list[Ledger]]:
    """Several processes of one installation."""
    async with AsyncExitStack() as open_:
        name, made = f"t{uuid4().hex[:8]}", []
        for _ in range(WORKERS):
            client = connect_async(valkey_url)
            open_.push_async_callback(client.aclose)
            made.append(open_ledger(client, name))
        await made[0].birth.born(Since.NEW)
        yield made


def arrival(number: int, rule: str) -> Arrival:
    entity = {"service": f"s{number}"}
    evidence = Evidence(id="e", source="metrics", time=1000.0, fields={})
    trigger = Trigger(
        incident=incident_id(rule, tuple(entity.values()), "e"),
        kind=TriggerKind.OPENED,
        rule=rule,
        digest="d",
        entity=entity,
        occurrence="e",
        opened=1000.0,
        decided=1000.0,
        evidence=evidence,
    )
    return Arrival(
        trigger,
        Mode.ACT,
        Throttle(),
        brakes=(),
        pages=False,
        storms=False,
        source="t.triggers:0",
        next_offset=number + 1,
        produced=PRODUCED,
    )


async def claims(ledger: Ledger, *rules: str, lease: float = 30.0) -> list[Claim]:
    """Return the claims of new incidents of *rules*, in their order."""
    arrivals = [arrival(number, rule) for number, rule in enumerate(rules)]
    await ledger.incidents.accept(arrivals)
    found = {claim.id: claim for claim in await ledger.incidents.claim("w", lease, len(rules))}
    return [found[each.trigger.incident] for each in arrivals]


async def of_day(ledger: Ledger) -> ModelUse:
    return (await ledger.standings.now()).model


async def held(ledger: Ledger) -> int:
    """Return how many runs hold something."""
    day = (await ledger.standings.now()).day
    return int(await ledger.scripts.read("hlen", ledger.scripts.key("model_held", day)))


async def test_runs_under_way_at_once_never_pass_the_limit_together(workers: list[Ledger]) -> None:
    found = await claims(workers[0], *["errors"] * RUNS)
    spends = [workers[number % WORKERS].model_spend for number in range(RUNS)]
    asked = await asyncio.gather(*(spend.reserve(claim, MOST, DAY) for spend, claim in zip(spends, found, strict=True)))
    assert asked.count(NoRoom("tokens_per_day")) == RUNS - 10
    assert await held(workers[0]) == 10
    for spend, claim, outcome in zip(spends, found, asked, strict=True):
        if isinstance(outcome, Reserved):
            await spend.settle(claim, outcome, MOST)
    assert (await held(workers[0]), await of_day(workers[0])) == (0, ModelUse(10_000, 0.1))


async def test_what_a_run_did_not_take_is_free_again(workers: list[Ledger]) -> None:
    spend = workers[0].model_spend
    limits = ModelLimits(usd_per_day=0.01)
    first, second = await claims(workers[0], "errors", "errors")
    outcome = await spend.reserve(first, MOST, limits)
    assert isinstance(outcome, Reserved)
    assert await spend.reserve(second, MOST, limits) == NoRoom("usd_per_day")
    await spend.settle(first, outcome, ModelUse(0, 0.0))
    assert await spend.reserve(second, MOST, limits) == outcome


async def test_a_run_that_died_holds_once_and_its_successor_alone_settles_it(workers: list[Ledger]) -> None:
    spend = workers[0].model_spend
    (claim,) = await claims(workers[0], "errors", lease=0.05)
    outcome = await spend.reserve(claim, MOST, ModelLimits(tokens_per_day=1000))
    assert isinstance(outcome, Reserved)
    await asyncio.sleep(0.06)
    (successor,) = await workers[1].incidents.claim("w2", 30, 10)
    assert await workers[1].model_spend.reserve(successor, MOST, ModelLimits(tokens_per_day=1000)) == outcome
    for late in (spend.settle(claim, outcome, MOST), spend.reserve(claim, MOST, DAY)):
        with pytest.raises(LostError):
            await late
    assert (await held(workers[0]), await of_day(workers[0])) == (1, ModelUse())
    await workers[1].model_spend.settle(successor, outcome, ModelUse(700, 0.002))
    assert (await held(workers[0]), await of_day(workers[0])) == (0, ModelUse(700, 0.002))


async def test_a_rule_that_took_all_of_its_own_leaves_the_others_theirs(workers: list[Ledger]) -> None:
    spend, limits = workers[0].model_spend, ModelLimits(tokens_per_rule_day=1500, tokens_per_day=2500)
    first, second, other, third = await claims(workers[0], "errors", "errors", "stock", "disks")
    outcome = await spend.reserve(first, MOST, limits)
    assert isinstance(outcome, Reserved)
    assert await spend.reserve(second, MOST, limits) == NoRoom("tokens_per_rule_day")
    assert await spend.reserve(other, MOST, limits) == outcome
    assert await spend.reserve(third, MOST, limits) == NoRoom("tokens_per_day")
    await spend.settle(first, outcome, ModelUse(600, 0.001))
    assert await spend.reserve(second, MOST, limits) == NoRoom("tokens_per_rule_day")
    assert (await workers[0].standings.now()).model_of == {"errors": ModelUse(600, 0.001)}


async def test_a_limit_of_nothing_lets_none_run_even_where_no_price_is_known(workers: list[Ledger]) -> None:
    (claim,) = await claims(workers[0], "errors")
    unpriced = ModelUse(1000)
    assert await workers[0].model_spend.reserve(claim, unpriced, ModelLimits(usd_per_day=0)) == NoRoom("usd_per_day")


async def test_what_was_held_on_another_day_is_not_in_the_way_and_counts_for_that_day(workers: list[Ledger]) -> None:
    spend, scripts = workers[0].model_spend, workers[0].scripts
    first, second = await claims(workers[0], "errors", "errors")
    today = await spend.reserve(first, MOST, ModelLimits(tokens_per_day=1000))
    assert isinstance(today, Reserved)
    yesterday = Reserved(str(int(today.day) - 1))
    await scripts.client.rename(scripts.key("model_held", today.day), scripts.key("model_held", yesterday.day))
    assert await spend.reserve(second, MOST, ModelLimits(tokens_per_day=1000)) == today
    await spend.settle(first, yesterday, MOST)
    assert await of_day(workers[0]) == ModelUse()
