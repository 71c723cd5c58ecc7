"""Redis loses everything: what the outcomes topic remembers is taken in, and what nobody knows is looked for."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from dutyd.act.accept import Acceptor
from dutyd.act.outcomes import Writer
from dutyd.core.errors import NotReadyError
from dutyd.core.incident import Trigger
from dutyd.core.mute import Silence
from dutyd.core.policy import MoneyLimits, Policy
from dutyd.ledger.birth import Found
from dutyd.ledger.decisions import Decided
from dutyd.stream.base import Partition
from support.acting import Office, office, running
from support.valkey_server import ValkeyServer

RULES = """
language: 1
rules:
  - id: errors
    from: metrics
    per: [service]
    when: error_count > 10
    mode: act
    steps:
      page: {tool: send_alert, with: {severity: critical, summary: "{{ service }}"}, if_unsure: UNSURE}
  - id: stock
    from: stock
    per: [sku]
    when: level < 5
    mode: act
    steps:
      order: {tool: draft_purchase_order, with: {sku: "{{ sku }}", supplier: S, quantity: 1, unit_price: 10}}
"""
PARK = RULES.replace(", if_unsure: UNSURE", "")

Opening = Callable[..., AbstractAsyncContextManager[Office]]


@pytest.fixture
def opening(valkey_url: str, forgetful: ValkeyServer, unique: str, tmp_path: Path) -> Opening:
    """Topics on a server that stays, the ledger on one that forgets."""

    def open_(kind: str, rules: str = PARK, **settings: Any) -> AbstractAsyncContextManager[Office]:
        return office(
            valkey_url,
            unique,
            tmp_path,
            rules,
            ledger_url=forgetful.url,
            settings={"class": kind, "timeout": 1.0, **settings},
        )

    return open_


class Silent(Writer):
    """Produces nothing."""

    async def run(self, stop: asyncio.Event) -> None:
        await stop.wait()


async def lose_everything(desk: Office, server: ValkeyServer) -> None:
    server.stop()
    server.forget()
    server.start()
    await desk.until(answered(desk.ledger.birth.look), Found.NONE)


def errors(desk: Office) -> Trigger:
    return desk.trigger("errors", {"service": "checkout", "error_count": 12}, {"service": "checkout"})


@pytest.mark.parametrize("kind", ["A", "B", "C"])
async def test_what_is_in_the_outcomes_topic_is_not_done_again(
    opening: Opening, forgetful: ValkeyServer, kind: str
) -> None:
    async with opening(kind) as desk:
        desk.open_(errors(desk))
        async with running(desk.worker()):
            await desk.settled(1)
        assert await desk.ledger.outcomes.count() == 0
        await lose_everything(desk, forgetful)
        async with running(desk.worker()):
            await desk.settled(1)
            assert await desk.effects() == {"page": "DONE"}
        assert len(await desk.listed("/executions")) == 1
        assert len(await desk.listed("/requests")) == 1


@pytest.mark.parametrize(
    ("kind", "unsure", "state", "done"),
    [
        ("A", "", "DONE", 1),
        ("B", "", "DONE", 1),
        ("C", "", "PARKED", 1),
        ("C", "skip", "REFUSED", 1),
        ("C", "repeat", "DONE", 2),
    ],
)
async def test_what_nobody_remembers_is_settled_by_class(
    opening: Opening, forgetful: ValkeyServer, kind: str, unsure: str, state: str, done: int
) -> None:
    async with opening(kind, RULES.replace("UNSURE", unsure) if unsure else PARK) as desk:
        desk.open_(errors(desk))
        worker = desk.worker()
        worker.writers = [Silent(writer.records, writer.producer, writer.topic) for writer in worker.writers]
        async with running(worker):
            await desk.settled(1)
        await lose_everything(desk, forgetful)  # before any outcome was produced: only the provider knows
        async with running(desk.worker()):
            await desk.settled(1)
            assert await desk.effects() == {"page": state}
        assert len(await desk.listed("/executions")) == done


async def test_nothing_is_sent_while_redis_is_away_and_everything_is_once_it_is_back(
    opening: Opening, forgetful: ValkeyServer
) -> None:
    async with opening("A") as desk:
        desk.open_(errors(desk))
        with capture_logs() as logs:
            async with running(desk.worker()):
                await desk.settled(1)
                forgetful.stop()
                desk.open_(desk.trigger("errors", {"service": "b", "error_count": 12}, {"service": "b"}, 2))
                await desk.until(said(logs, "triggers can't be accepted now", "incidents can't be claimed now"), True)
                assert len(await desk.listed("/requests")) == 1
                forgetful.start()
                await desk.until(answered(lambda: states_of(desk)), {"checkout": "DONE", "b": "DONE"})
        assert len(await desk.listed("/executions")) == 2


def said(logs: Sequence[Mapping[str, Any]], *lines: str) -> Callable[[], Awaitable[bool]]:
    """Look whether each of *lines* stands in *logs*."""

    async def look() -> bool:
        return set(lines) <= {log["event"] for log in logs}

    return look


async def test_a_worker_that_runs_notices_the_loss_and_takes_everything_up_again(
    opening: Opening, forgetful: ValkeyServer
) -> None:
    async with opening("A") as desk:
        desk.open_(errors(desk))
        async with running(desk.worker()):
            await desk.settled(1)
            await desk.until(desk.ledger.outcomes.count, 0)
            forgetful.stop()
            forgetful.forget()
            forgetful.start()
            await desk.until(answered(desk.effects), {"page": "DONE"})
            desk.open_(desk.trigger("errors", {"service": "b", "error_count": 12}, {"service": "b"}, 2))
            await desk.settled(2)
        assert len(await desk.listed("/executions")) == 2


async def test_a_worker_reads_again_what_the_ledger_lost_though_another_made_it_whole(
    opening: Opening, forgetful: ValkeyServer
) -> None:
    async with opening("A") as desk:
        acceptor, another = desk.worker().acceptor, desk.worker().acceptor
        desk.open_(errors(desk))
        while not await desk.ledger.queries.incidents():
            await acceptor.turn()
        await lose_everything(desk, forgetful)

        async def committed(_: object) -> dict[Partition, int | None]:
            return {Partition("t", 0): 1}  # there was something before

        await another.adoption.make_whole(committed)
        assert await desk.ledger.queries.incidents() == []
        acceptor.clock = lambda: time.monotonic() + 60
        for _ in range(2):
            await acceptor.turn()
        assert len(await desk.ledger.queries.incidents()) == 1
        for each in (acceptor, another):
            await asyncio.to_thread(each.consumer.close)


async def until_not_ready(acceptor: Acceptor) -> None:
    with contextlib.suppress(NotReadyError):
        while True:
            await acceptor.turn()


async def test_what_was_accepted_and_not_yet_committed_tells_a_loss_from_a_new_ledger(
    opening: Opening, forgetful: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opening("C") as desk:
        acceptor = desk.worker().acceptor
        commit = acceptor.consumer.commit

        def refuse(offsets: Mapping[Partition, int]) -> None:
            if any(offsets.values()):
                raise NotReadyError("the broker is away")
            commit(offsets)

        monkeypatch.setattr(acceptor.consumer, "commit", refuse)
        desk.open_(errors(desk))
        await until_not_ready(acceptor)
        assert len(await desk.ledger.queries.incidents()) == 1
        await lose_everything(desk, forgetful)
        acceptor.clock = lambda: time.monotonic() + 60
        await until_not_ready(acceptor)
        assert (await desk.ledger.birth.noted()).at > 0
        await asyncio.to_thread(acceptor.consumer.close)


def answered(question: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
    """Ask until the server, which was away, answers."""

    async def ask() -> Any:
        try:
            return await question()
        except NotReadyError:
            return None

    return ask


async def test_silences_pauses_and_notes_are_gone(opening: Opening, forgetful: ValkeyServer) -> None:
    now = 1_780_000_000.0

    async def said(desk: Office) -> tuple[int, int, int]:
        whole = await desk.ledger.queries.whole(errors(desk).incident)
        return len(await desk.ledger.silences.all(now)), len(await desk.ledger.queries.paused()), len(whole["notes"])

    async with opening("A") as desk:
        desk.open_(errors(desk))
        async with running(desk.worker()):
            await desk.settled(1)
        await desk.ledger.silences.add(Silence(id="s", who="ana", because="b", begins=now, ends=now + 60, rule="other"))
        await desk.ledger.decisions.pause("tool:create_ticket", "ana")
        await desk.ledger.decisions.note(errors(desk).incident, "ana", "seen")
        assert await said(desk) == (1, 1, 1)
        await lose_everything(desk, forgetful)
        async with running(desk.worker()):
            await desk.settled(1)
        assert await said(desk) == (0, 0, 0)


async def test_what_was_closed_stays_closed(opening: Opening, forgetful: ValkeyServer) -> None:
    async with opening("A") as desk:
        trigger = errors(desk)
        desk.open_(trigger)
        async with running(desk.worker()):
            await desk.settled(1)
            assert await desk.ledger.decisions.close(trigger, "ana", "done", 1_780_000_100.0) is Decided.DONE
            await desk.settled(1)
            await desk.until(desk.ledger.outcomes.count, 0)
        await lose_everything(desk, forgetful)
        async with running(desk.worker()):
            await desk.settled(1)
            (row,) = await desk.ledger.queries.incidents()
        assert row["state"] == "CLOSED"
        assert len(await desk.listed("/requests")) == 1


async def test_orders_of_older_incidents_ask_where_a_budget_can_t_be_known(
    opening: Opening, forgetful: ValkeyServer
) -> None:
    policy = Policy(money=MoneyLimits(per_day=100))  # type: ignore[arg-type]  # a whole number is fine
    async with opening("A") as desk:
        desk.open_(desk.trigger("stock", {"sku": "A", "level": 1}, {"sku": "A"}))
        worker = desk.worker(policy)
        async with running(worker):
            await desk.settled(1)
        await lose_everything(desk, forgetful)
        desk.open_(desk.trigger("stock", {"sku": "B", "level": 1}, {"sku": "B"}, 2))
        async with running(desk.worker(policy)):
            await desk.settled(2)
            rows = {row["args"]["sku"]: row["state"] for row in await desk.ledger.queries.effects()}
        assert rows == {"A": "DONE", "B": "AWAITING_APPROVAL"}


@pytest.mark.parametrize("told", [True, False], ids=["outcomes told", "outcomes lost, too"])
@pytest.mark.parametrize(("kind", "state"), [("A", "DONE"), ("B", "DONE"), ("C", "PARKED")])
async def test_an_older_copy_of_the_ledger_doubles_nothing_and_loses_nothing(
    opening: Opening, forgetful: ValkeyServer, kind: str, state: str, *, told: bool
) -> None:
    policy = Policy(money=MoneyLimits(per_day=100))  # type: ignore[arg-type]  # a whole number is fine
    async with opening(kind) as desk:
        desk.open_(errors(desk))
        worker = desk.worker(policy)
        if not told:
            worker.writers = [Silent(writer.records, writer.producer, writer.topic) for writer in worker.writers]
        async with running(worker):
            await desk.settled(1)
            copy = forgetful.copy()
            desk.open_(desk.trigger("errors", {"service": "late", "error_count": 12}, {"service": "late"}, 2))
            await desk.settled(2)
            if told:
                await desk.until(desk.ledger.outcomes.count, 0)
            forgetful.stop()
            forgetful.put_back(copy)
            forgetful.start()
            desk.open_(desk.trigger("stock", {"sku": "X", "level": 1}, {"sku": "X"}, 3))
            await desk.until(answered(lambda: states_of(desk)), {"checkout": "DONE", "late": "DONE" if told else state})
            await desk.settled(3)
        assert len(await desk.listed("/alerts")) == 2
        assert (await desk.ledger.birth.noted()).at > 0


async def states_of(desk: Office) -> dict[str, str]:
    rows = await desk.ledger.queries.effects()
    return {row["args"]["summary"]: row["state"] for row in rows if row["step"] == "page"}
