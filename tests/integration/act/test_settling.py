"""A person says what a parked effect was, and its incident goes on from there."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from dutyd.core.incident import Settled, Trigger
from dutyd.core.policy import Policy
from dutyd.ledger.decisions import Decided
from dutyd.ops.notices import Notices
from dutyd.ops.standing import Lookout
from support.acting import Office, office, running
from support.program import Program
from support.rule_files import acting_rule

RULES = acting_rule("""
      page: {tool: send_alert, with: {severity: critical, summary: "{{ service }}"}}
      tell: {tool: notify, with: {to: manager, text: "paged as {{ steps.page.id }}"}}
    on_clear:
      resolve: {tool: resolve_alert, with: {alert: "{{ steps.page.id }}"}}
  - id: inquiries
    from: mails
    opens: each_event
    mode: act
    steps:
      page: {tool: send_alert, with: {severity: info, summary: "{{ service }}"}}
      tell: {tool: notify, with: {to: manager, text: "paged as {{ steps.page.id }}"}}
""")
ERROR = {"service": "checkout", "error_count": 12}
KEPT = {"path": "/alerts", "do": "execute-then-cut"}
LOST = {"path": "/alerts", "do": "cut"}


@pytest.fixture
async def desk(valkey_url: str, unique: str, tmp_path: Path) -> AsyncIterator[Office]:
    played = {"class": "C", "timeout": 1.0}
    async with office(valkey_url, unique, tmp_path, RULES, settings=played) as opened:
        yield opened


async def parked(desk: Office, fault: dict[str, Any], rule: str = "errors") -> tuple[Trigger, str]:
    """Have a page parked; return its incident's trigger and its key."""
    await desk.fault(**fault)
    trigger = desk.trigger(rule, ERROR, {"service": "checkout"})
    if rule == "inquiries":
        trigger = Trigger(**{name: getattr(trigger, name) for name in trigger.__struct_fields__} | {"momentary": True})
    desk.open_(trigger)
    await desk.until(lambda: first(desk), "PARKED")
    await desk.settled(1)
    assert await desk.listed("/messages") == []
    return trigger, (await desk.ledger.queries.effects())[0]["key"]


async def first(desk: Office) -> str:
    rows = await desk.ledger.queries.effects()
    return rows[0]["state"] if rows else ""


async def closed(desk: Office) -> bool:
    return [row["state"] for row in await desk.ledger.queries.incidents()] == ["CLOSED"]


def written(desk: Office, topic: str) -> list[dict[str, Any]]:
    return [json.loads(value) for value in desk.produced(topic)]


async def test_what_is_there_is_done_and_what_needs_it_follows(desk: Office) -> None:
    async with running(desk.worker()):
        trigger, key = await parked(desk, KEPT)
        settle, (alert,) = desk.ledger.decisions.settle, await desk.listed("/alerts")
        assert await settle(key, Settled.DONE, "ana", "found it", alert["id"]) is Decided.DONE
        assert await settle(key, Settled.RESEND, "bob", "did not look") is Decided.TOO_LATE
        await desk.until(desk.effects, {"page": "DONE", "tell": "DONE"})
        desk.clear(trigger)
        await desk.until(lambda: closed(desk), True)
    (message,) = await desk.listed("/messages")
    assert message["text"] == f"paged as {alert['id']}"
    assert (await desk.listed("/alerts"))[0]["status"] == "resolved"
    (page,) = [record for record in written(desk, "outcomes") if record.get("step") == "page"][-1:]
    assert (page["state"], page["reason"]) == ("DONE", "settled by ana: found it")
    (record,) = written(desk, "audit")
    assert (record["who"], record["did"], record["settled"], record["what"]) == ("ana", "settle", "done", key)
    assert (record["rule"], record["tool"], record["why"]) == ("errors", "send_alert", "found it")
    assert record["digest"] == trigger.digest


async def test_what_is_not_there_is_refused_and_so_is_what_needs_it(desk: Office) -> None:
    async with running(desk.worker()):
        trigger, key = await parked(desk, LOST)
        await desk.ledger.decisions.settle(key, Settled.NOT_DONE, "ana", "called them instead")
        desk.clear(trigger)
        await desk.until(lambda: closed(desk), True)
    (row,) = await desk.ledger.queries.effects()
    assert (row["state"], row["reason"]) == ("REFUSED", "not done, says ana: called them instead")
    assert await desk.listed("/alerts") == await desk.listed("/messages") == []


async def test_what_is_to_be_sent_again_is_sent_once_more(desk: Office) -> None:
    async with running(desk.worker()):
        _, key = await parked(desk, LOST)
        assert await desk.ledger.decisions.settle(key, Settled.RESEND, "ana", "not there") is Decided.DONE
        await desk.until(desk.effects, {"page": "DONE", "tell": "DONE"})
        assert len(await desk.listed("/alerts")) == 1
    assert await desk.ledger.scripts.read("scard", desk.ledger.scripts.key("effects", "PARKED")) == 0


async def test_an_incident_that_was_closed_meanwhile_is_taken_up_for_what_follows(desk: Office) -> None:
    async with running(desk.worker()):
        trigger, key = await parked(desk, KEPT)
        desk.clear(trigger)
        await desk.until(lambda: closed(desk), True)
        settle, (alert,) = desk.ledger.decisions.settle, await desk.listed("/alerts")
        assert await settle(key, Settled.RESEND, "ana", "?") is Decided.CLEARED
        assert await settle(key, Settled.DONE, "ana", "found it", alert["id"]) is Decided.DONE
        await desk.until(lambda: states(desk), ["CLOSED", "DONE", "DONE"])
    assert (await desk.listed("/alerts"))[0]["status"] == "resolved"
    assert await desk.listed("/messages") == []  # its time is over: only what the clear orders follows


async def states(desk: Office) -> list[str]:
    over = "CLOSED" if await closed(desk) else "OPEN"
    return sorted([over, *(await desk.effects()).values()])


async def test_an_incident_that_nothing_clears_goes_on_after_it_was_closed(desk: Office) -> None:
    async with running(desk.worker()):
        _, key = await parked(desk, LOST, "inquiries")
        await desk.until(lambda: closed(desk), True)
        await desk.ledger.decisions.settle(key, Settled.RESEND, "ana", "not there")
        await desk.until(lambda: states(desk), ["CLOSED", "DONE", "DONE"])
    assert len(await desk.listed("/alerts")) == len(await desk.listed("/messages")) == 1


async def test_the_command_says_what_is_wrong_and_what_to_do(
    desk: Office,
    tmp_path: Path,
    valkey_url: str,
    unique: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "policy.yaml").write_text("approvers: {default: [ana]}\n")
    (tmp_path / "dutyd.yaml").write_text(f"installation: {unique}\nredis: {valkey_url}\npolicy: policy.yaml\n")
    (tmp_path / "rules").mkdir()
    program = Program(tmp_path, capsys, monkeypatch)

    async def settle(key: str, *said: str, who: str = "ana") -> tuple[int, str]:
        words = ("effects", "settle", key, "--as", who, "--because", "looked", *said)
        ended = await asyncio.to_thread(program, *words)
        return ended.code, ended.out + ended.err

    async with running(desk.worker()):
        _, key = await parked(desk, LOST)
        listed = (await asyncio.to_thread(program, "effects", "list", "--state", "parked")).out
        assert f"dutyd effects settle {key} --as NAME --because TEXT" in listed
        assert (await desk.ledger.queries.effects())[0]["provider_key"] in listed
        assert await settle(key) == (
            3,
            "dutyd: say one of --done ID (it is there), --not-done (it is not) and --resend (send it again)\n",
        )
        assert (await settle(key, "--resend", "--not-done"))[0] == 3
        assert (
            "bob may not decide send_alert calls: the policy names ana" in (await settle(key, "--resend", who="bob"))[1]
        )
        assert "there is no effect 'zz'" in (await settle("zz", "--resend"))[1]
        assert (await settle(key[:10], "--resend"))[1].startswith("is sent again: send_alert severity=critical")
        await desk.until(desk.effects, {"page": "DONE", "tell": "DONE"})
        assert "is DONE: only a parked effect is settled by a person" in (await settle(key, "--not-done"))[1]


async def test_people_are_told_again_where_what_was_sent_again_is_parked_again(desk: Office) -> None:
    notices = Notices(desk.ledger.standings, "shop")
    lookout = Lookout(desk.ledger.standings, Policy(), notices)
    before = told()
    async with running(desk.worker()):
        _, key = await parked(desk, LOST)
        for again in (1, 2):
            for _ in range(2):
                await lookout.look()
            assert told() - before == again
            await desk.fault(**LOST)
            await desk.ledger.decisions.settle(key, Settled.RESEND, "ana", "not there")
            await desk.until(lambda: first(desk), "PARKED")


def told() -> float:
    return REGISTRY.get_sample_value("dutyd_notices_total", {"kind": "parked", "result": "logged"}) or 0.0


async def test_an_older_copy_of_the_ledger_takes_what_a_person_said_from_the_outcomes(desk: Office) -> None:
    scripts = desk.ledger.scripts
    async with running(desk.worker()):
        _, key = await parked(desk, KEPT)
        older = await scripts.read("hgetall", scripts.key("effect", key))
        await desk.ledger.decisions.settle(key, Settled.NOT_DONE, "ana", "called them instead")
        await desk.until(lambda: first(desk), "REFUSED")
    (record,) = [each for each in written(desk, "outcomes") if each.get("state") == "REFUSED"]
    await scripts.client.delete(scripts.key("effect", key))
    await scripts.client.hset(scripts.key("effect", key), mapping=older)
    await scripts.client.sadd(scripts.key("effects", "PARKED"), key)
    for new in (1, 0):
        adopted = await desk.ledger.birth.adopt([(key.encode(), json.dumps(record).encode())])
        assert adopted.new == new
    assert await first(desk) == "REFUSED"
    assert await desk.ledger.queries.parked() == []
