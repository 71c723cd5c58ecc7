"""The ledger on a real server: what every script promises."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import count
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec
import pytest

from dutyd.core.errors import NotReadyError
from dutyd.core.incident import (
    EffectState,
    Evidence,
    IncidentState,
    Settled,
    Trigger,
    TriggerKind,
    effect_key,
    incident_id,
)
from dutyd.core.limits import Rate, Throttle
from dutyd.core.mute import Silence
from dutyd.core.rule import Mode
from dutyd.core.tool import Receipt
from dutyd.ledger import Ledger, open_ledger
from dutyd.ledger.birth import Since
from dutyd.ledger.claims import Accepted, Arrival, Claim, Hold, Waiting
from dutyd.ledger.connect import connect_async
from dutyd.ledger.decisions import Decided
from dutyd.ledger.effects import Leave, LostError, MoneyLimitsMicros, NewEffect

PRODUCED = int(time.time() * 1000)  # noqa: TID251  # as a broker stamps it
offsets = count(1)
NO_LIMITS = MoneyLimitsMicros()
NO_THROTTLE = Throttle()


@pytest.fixture
async def ledger(valkey_url: str) -> AsyncIterator[Ledger]:
    client = connect_async(valkey_url)
    made = open_ledger(client, f"t{uuid4().hex[:8]}")
    await made.birth.born(Since.NEW)
    yield made
    await client.aclose()


def opened(entity: str = "checkout", occurrence: str = "e1") -> Trigger:
    return Trigger(
        incident=incident_id("errors", (entity,), occurrence),
        kind=TriggerKind.OPENED,
        rule="errors",
        digest="d",
        entity={"service": entity},
        occurrence=occurrence,
        opened=1000.0,
        decided=1000.0,
        evidence=Evidence(id="e1", source="metrics", time=1000.0, fields={"error_count": 12}),
    )


def cleared(trigger: Trigger) -> Trigger:
    values = {name: getattr(trigger, name) for name in trigger.__struct_fields__}
    return Trigger(**{**values, "kind": TriggerKind.CLEARED, "decided": 1060.5, "because": "clear"})


def arrival(trigger: Trigger, throttle: Throttle = NO_THROTTLE, *, pages: bool = False) -> Arrival:
    return Arrival(
        trigger,
        Mode.ACT,
        throttle,
        brakes=(),
        pages=pages,
        storms=False,
        source="t.triggers:0",
        next_offset=next(offsets),
        produced=PRODUCED,
    )


async def claim_one(ledger: Ledger, lease: float = 15.0) -> Claim:
    (claim,) = await ledger.incidents.claim("w1", lease, 10)
    return claim


def new(claim: Claim, step: str = "page", **changes: object) -> NewEffect:
    effect = NewEffect(key=effect_key(claim.id, step), rule="errors", step=step, tool="send_alert", args={"a": 1})
    return replace(effect, **changes)  # type: ignore[arg-type]  # a test's own fields


async def test_an_opening_is_accepted_once_and_the_offset_never_goes_back(ledger: Ledger) -> None:
    first = arrival(opened())
    assert await ledger.incidents.accept([first, first]) == [Accepted.ACCEPTED, Accepted.KNOWN]
    await ledger.incidents.accept([replace(first, next_offset=0)])
    assert await ledger.incidents.accepted_offsets() == {"t.triggers:0": first.next_offset}


async def test_a_claim_holds_until_its_lease_ends_and_the_next_has_a_higher_fence(ledger: Ledger) -> None:
    await ledger.incidents.accept([arrival(opened())])
    claim = await claim_one(ledger, lease=0.05)
    assert claim.state is IncidentState.ACTIVE
    assert await ledger.incidents.claim("w2", 15, 10) == []
    await asyncio.sleep(0.06)
    successor = await claim_one(ledger)
    assert int(successor.fence) > int(claim.fence)
    assert await ledger.incidents.renew(claim, 15) is Hold.LOST
    assert await ledger.incidents.rest(claim, Waiting.NOTHING, None) is Hold.LOST
    assert await ledger.incidents.renew(successor, 15) is Hold.OWN


async def test_an_effect_is_reserved_once_with_its_first_arguments(ledger: Ledger) -> None:
    await ledger.incidents.accept([arrival(opened())])
    claim = await claim_one(ledger)
    await ledger.effects.reserve(claim, new(claim), NO_LIMITS)
    again = await ledger.effects.reserve(claim, new(claim, args={"a": 2}), NO_LIMITS)
    assert again.args == {"a": 1}
    assert len(await ledger.effects.of(claim.id)) == 1


async def test_only_the_sender_or_its_successor_records_an_outcome(ledger: Ledger) -> None:
    await ledger.incidents.accept([arrival(opened())])
    claim = await claim_one(ledger, lease=0.05)
    effect = await ledger.effects.reserve(claim, new(claim), NO_LIMITS)
    assert await ledger.effects.sending(claim, effect) is Leave.GO
    await asyncio.sleep(0.06)
    successor = await claim_one(ledger)
    sent = await ledger.effects.take(successor, effect, 0.0)
    assert sent.ago >= 0.05
    with pytest.raises(LostError):
        await ledger.effects.record(claim, effect.key, EffectState.DONE, receipt=Receipt("1", {}))
    await ledger.effects.record(successor, effect.key, EffectState.DONE, receipt=Receipt("1", {}))
    (done,) = await ledger.effects.of(claim.id)
    assert (done.state, done.receipt) == (EffectState.DONE, Receipt("1", {}))
    assert await ledger.outcomes.count() == 1


async def test_a_sender_that_lost_its_lease_unnoticed_may_still_say_what_happened(ledger: Ledger) -> None:
    await ledger.incidents.accept([arrival(opened())])
    claim = await claim_one(ledger, lease=0.05)
    effect = await ledger.effects.reserve(claim, new(claim), NO_LIMITS)
    await ledger.effects.sending(claim, effect)
    await asyncio.sleep(0.06)
    await claim_one(ledger)
    await ledger.effects.record(claim, effect.key, EffectState.DONE, receipt=Receipt("1", {}))
    (done,) = await ledger.effects.of(claim.id)
    assert done.state is EffectState.DONE


async def test_a_clear_forbids_what_was_not_sent(ledger: Ledger) -> None:
    trigger = opened()
    await ledger.incidents.accept([arrival(trigger)])
    claim = await claim_one(ledger)
    effect = await ledger.effects.reserve(claim, new(claim), NO_LIMITS)
    assert await ledger.incidents.accept([arrival(cleared(trigger))]) == [Accepted.CLEARING]
    assert await ledger.incidents.renew(claim, 15) is Hold.CLEARED
    assert await ledger.effects.sending(claim, effect) is Leave.CLEARED
    (refused,) = await ledger.effects.of(claim.id)
    assert (refused.state, refused.reason) == (EffectState.REFUSED, "cleared")
    late = await ledger.effects.reserve(claim, new(claim, step="ticket"), NO_LIMITS)
    assert late.state is EffectState.REFUSED
    await ledger.incidents.rest(claim, Waiting.NOTHING, None)
    clearing = await claim_one(ledger)
    assert clearing.state is IncidentState.CLEARING
    on_clear = await ledger.effects.reserve(clearing, new(clearing, step="resolve", clear=True), NO_LIMITS)
    assert on_clear.state is EffectState.RESERVED


async def test_an_incident_throttled_by_its_rate_is_muted_and_joins_one_roll_up(ledger: Ledger) -> None:
    throttle = Throttle(per_rule=(Rate(2, 0.5),))
    answers = await ledger.incidents.accept([arrival(opened(name), throttle, pages=True) for name in "abcd"])
    assert answers == [Accepted.ACCEPTED, Accepted.ACCEPTED, Accepted.MUTED, Accepted.MUTED]
    assert len(await ledger.incidents.claim("w1", 15, 10)) == 2
    rows = await ledger.queries.incidents()
    assert [row["kind"] for row in rows].count("rollup") == 1
    (rollup,) = [row["id"] for row in rows if row["kind"] == "rollup"]
    assert [member.entity["service"] for member in (await ledger.incidents.members(rollup)).triggers] == ["c", "d"]
    await asyncio.sleep(0.55)
    assert {claim.trigger.entity["service"] for claim in await ledger.incidents.claim("w1", 15, 10)} == {"c", "d"}


async def test_a_muted_incident_that_clears_is_closed_unseen(ledger: Ledger) -> None:
    throttle = Throttle(per_entity=(Rate(1, 60),))
    first, second = opened(occurrence="1"), opened(occurrence="2")
    await ledger.incidents.accept([arrival(first, throttle), arrival(second, throttle)])
    assert await ledger.incidents.accept([arrival(cleared(second), throttle)]) == [Accepted.CLOSED]


async def test_an_approval_is_bound_to_the_exact_call_and_used_once(ledger: Ledger) -> None:
    await ledger.incidents.accept([arrival(opened())])
    claim = await claim_one(ledger)
    waiting = new(claim, state=EffectState.AWAITING_APPROVAL, reason="mode approve")
    effect = await ledger.effects.reserve(claim, waiting, NO_LIMITS)
    await ledger.incidents.rest(claim, Waiting.APPROVAL, 60)
    assert await ledger.incidents.busy() == 0
    (row,) = await ledger.queries.approvals()
    assert await ledger.decisions.approve(effect.key, "another hash", "kim") is Decided.CHANGED
    assert await ledger.decisions.approve(effect.key, row["hash"], "kim") is Decided.DONE
    assert await ledger.decisions.deny(effect.key, row["hash"], "lee") is Decided.TOO_LATE
    assert await ledger.decisions.approve("nothing", row["hash"], "kim") is Decided.NOT_FOUND
    claim = await claim_one(ledger)
    (approved,) = await ledger.effects.of(claim.id)
    assert approved.approved
    assert await ledger.effects.sending(claim, approved) is Leave.GO


async def test_the_time_of_an_approval_begins_when_somebody_is_asked(ledger: Ledger) -> None:
    await ledger.incidents.accept([arrival(opened())])
    claim = await claim_one(ledger)
    effect = await ledger.effects.reserve(claim, new(claim), NO_LIMITS)
    client: Any = ledger.scripts.client
    await client.hincrby(ledger.scripts.key("effect", effect.key), "reserved", -7_200_000)  # two hours ago
    await ledger.effects.regate(claim, effect, EffectState.AWAITING_APPROVAL, "mode: approve")
    assert (await ledger.standings.now()).approvals[effect.key] < 600
    assert 3000 < await ledger.effects.expire(claim, effect, 3600.0) <= 3600
    await client.hincrby(ledger.scripts.key("effect", effect.key), "asked", -3_600_000)
    assert (await ledger.standings.now()).approvals[effect.key] >= 3600
    assert await ledger.effects.expire(claim, effect, 3600.0) == 0


async def test_nobody_decides_on_a_ledger_that_may_be_older_than_what_was_done(ledger: Ledger) -> None:
    await ledger.incidents.accept([arrival(opened())])
    claim = await claim_one(ledger)
    effect = await ledger.effects.reserve(claim, new(claim, state=EffectState.AWAITING_APPROVAL), NO_LIMITS)
    scripts: Any = ledger.scripts
    await scripts.client.hset(scripts.key("birth"), "server", "another")
    with pytest.raises(NotReadyError, match="makes the ledger whole"):
        await ledger.decisions.deny(effect.key, effect.args_hash, "kim")
    with pytest.raises(NotReadyError):
        await ledger.decisions.settle(effect.key, Settled.NOT_DONE, "kim", "looked")
    assert (await ledger.effects.get(effect.key)).state is EffectState.AWAITING_APPROVAL


async def test_what_was_done_for_an_opening_that_a_loss_took_along_is_settled_when_it_clears(ledger: Ledger) -> None:
    await ledger.incidents.accept([arrival(opened())])
    claim = await claim_one(ledger)
    await ledger.effects.reserve(claim, new(claim), NO_LIMITS)
    scripts: Any = ledger.scripts
    await scripts.client.delete(scripts.key("incident", claim.id))  # its effects came back from their outcomes
    assert await ledger.incidents.accept([arrival(cleared(opened()))]) == [Accepted.CLEARING]
    clearing = await claim_one(ledger)
    assert clearing.state is IncidentState.CLEARING
    await ledger.effects.withdraw(clearing)
    (effect,) = await ledger.effects.of(claim.id)
    assert (effect.state, effect.reason) == (EffectState.REFUSED, "cleared")


async def test_a_denial_refuses_with_the_name_and_gives_the_money_back(ledger: Ledger) -> None:
    await ledger.incidents.accept([arrival(opened())])
    claim = await claim_one(ledger)
    limits = MoneyLimitsMicros(per_day=10_000_000)
    waiting = new(claim, state=EffectState.AWAITING_APPROVAL, micros=9_000_000)
    effect = await ledger.effects.reserve(claim, waiting, limits)
    over = await ledger.effects.reserve(claim, new(claim, step="second", micros=2_000_000), limits)
    assert (over.state, over.reason) == (EffectState.REFUSED, "budget: per_day")
    await ledger.decisions.deny(effect.key, effect.args_hash, "kim", "too much")
    (denied, *_) = await ledger.effects.of(claim.id)
    assert denied.reason == "denied by kim: too much"
    third = await ledger.effects.reserve(claim, new(claim, step="third", micros=9_000_000), limits)
    assert third.state is EffectState.RESERVED


class Edit(NamedTuple):
    """What a person makes of a call."""

    args: dict[str, Any]
    hash: str
    micros: int
    limits: MoneyLimitsMicros


@pytest.mark.parametrize("limit", ["per_day", "per_rule_day"])
async def test_an_edit_meets_the_days_limits_and_without_room_changes_nothing(ledger: Ledger, limit: str) -> None:
    await ledger.incidents.accept([arrival(opened())])
    claim = await claim_one(ledger)
    limits = MoneyLimitsMicros(**{limit: 100})
    waiting = new(claim, state=EffectState.AWAITING_APPROVAL, micros=60)
    effect = await ledger.effects.reserve(claim, waiting, limits)
    over = await ledger.decisions.edit(effect.key, effect.args_hash, Edit({"n": 1}, "h1", 101, limits), "kim")
    assert over.over == limit
    assert (await ledger.effects.get(effect.key)).args_hash == effect.args_hash
    for shown, edited, micros in ((effect.args_hash, "h2", 100), ("h2", "h3", 90)):
        new_call = Edit({}, edited, micros, limits)
        assert await ledger.decisions.edit(effect.key, shown, new_call, "kim") is Decided.DONE
    second = await ledger.effects.reserve(claim, new(claim, step="second", micros=11), limits)
    assert second.reason == f"budget: {limit}"
    third = await ledger.effects.reserve(claim, new(claim, step="third", micros=10), limits)
    assert third.state is EffectState.RESERVED


async def test_an_edit_of_what_spent_nothing_counts(ledger: Ledger) -> None:
    await ledger.incidents.accept([arrival(opened())])
    claim = await claim_one(ledger)
    limits = MoneyLimitsMicros(per_day=100)
    effect = await ledger.effects.reserve(claim, new(claim, state=EffectState.AWAITING_APPROVAL), limits)
    over = await ledger.decisions.edit(effect.key, effect.args_hash, Edit({}, "h1", 101, limits), "kim")
    assert over is Decided.OVER_DAY
    await ledger.decisions.edit(effect.key, effect.args_hash, Edit({}, "h2", 90, limits), "kim")
    await ledger.decisions.approve(effect.key, "h2", "kim")
    second = await ledger.effects.reserve(claim, new(claim, step="second", micros=11), limits)
    assert second.reason == "budget: per_day"


async def test_what_was_held_yesterday_is_edited_to_more_against_today_and_to_less_where_it_is(ledger: Ledger) -> None:
    await ledger.incidents.accept([arrival(opened())])
    claim = await claim_one(ledger)
    limits, scripts = MoneyLimitsMicros(per_day=100), ledger.scripts
    effect = await ledger.effects.reserve(claim, new(claim, state=EffectState.AWAITING_APPROVAL, micros=60), limits)
    today = (await scripts.read("hget", scripts.key("effect", effect.key), "held_day")).decode()
    spent, before = (scripts.key("spent", day) for day in (today, str(int(today) - 1)))
    client: Any = scripts.client
    await client.rename(spent, before)
    await client.hset(scripts.key("effect", effect.key), "held_day", int(today) - 1)
    await ledger.effects.reserve(claim, new(claim, step="second", micros=20), limits)
    edit = ledger.decisions.edit
    assert await edit(effect.key, effect.args_hash, Edit({}, "h1", 81, limits), "kim") is Decided.OVER_DAY
    assert await edit(effect.key, effect.args_hash, Edit({}, "h2", 50, limits), "kim") is Decided.DONE
    assert [await client.hget(day, "all") for day in (before, spent)] == [b"50", b"20"]
    assert await edit(effect.key, "h2", Edit({}, "h3", 80, limits), "kim") is Decided.DONE
    assert [await client.hget(day, "all") for day in (before, spent)] == [b"0", b"100"]


async def test_a_paused_effect_stays_reserved_until_it_is_resumed(ledger: Ledger) -> None:
    await ledger.incidents.accept([arrival(opened())])
    claim = await claim_one(ledger)
    effect = await ledger.effects.reserve(claim, new(claim), NO_LIMITS)
    await ledger.decisions.pause("tool:send_alert", "kim")
    assert await ledger.effects.sending(claim, effect) is Leave.PAUSED
    await ledger.incidents.rest(claim, Waiting.PAUSED, None)
    assert await ledger.incidents.busy() == 0
    assert await ledger.decisions.resume("tool:send_alert", "kim") == 1
    claim = await claim_one(ledger)
    assert await ledger.effects.sending(claim, effect) is Leave.GO


async def test_a_closed_incident_expires_and_an_open_one_never_does(ledger: Ledger) -> None:
    trigger = opened()
    await ledger.incidents.accept([arrival(trigger), arrival(opened("other"))])
    await ledger.incidents.accept([arrival(cleared(trigger))])
    for claim in await ledger.incidents.claim("w1", 15, 10):
        await ledger.effects.reserve(claim, new(claim), NO_LIMITS)
        close = claim.state is IncidentState.CLEARING
        await ledger.incidents.rest(claim, Waiting.NOTHING, None, close=close)
    scripts = ledger.incidents._scripts
    days = {}
    for row in await ledger.queries.incidents():
        days[row["state"]] = await scripts.client.ttl(scripts.key("incident", row["id"]))
    assert days["ACTIVE"] == -1
    assert days["CLOSED"] > 29 * 86400


async def test_the_newest_stored_rule_set_is_current(ledger: Ledger) -> None:
    assert await ledger.rule_sets.current() == ""
    await ledger.rule_sets.store("one", {"a.yaml": "1"})
    await ledger.rule_sets.store("two", {"a.yaml": "2"})
    assert await ledger.rule_sets.current() == "two"
    await ledger.rule_sets.store("one", {"a.yaml": "1"})
    assert await ledger.rule_sets.current() == "one"
    assert await ledger.rule_sets.load("two") == {"a.yaml": "2"}
    assert await ledger.rule_sets.load("three") is None


async def test_a_rule_set_goes_30_days_after_it_was_left_unless_an_open_incident_names_it(ledger: Ledger) -> None:
    scripts = ledger.incidents._scripts
    left, long_ago = scripts.key("rules", "left"), PRODUCED - 31 * 86_400_000
    for digest in ("named", "over", "old", "young", "now"):
        await ledger.rule_sets.store(digest, {"a.yaml": digest})
    open_one, over = replace_digest(opened("a"), "named"), replace_digest(opened("b"), "over")
    await ledger.incidents.accept([arrival(open_one), arrival(over), arrival(cleared(over))])
    for claim in await ledger.incidents.claim("w1", 15, 10):
        await ledger.incidents.rest(claim, Waiting.NOTHING, None, close=claim.state is IncidentState.CLEARING)
    await scripts.client.hset(left, mapping=dict.fromkeys(("named", "over", "old"), long_ago))
    await scripts.client.zadd(scripts.key("incidents"), {"expired": 1.0})

    await ledger.rule_sets.store("now", {"a.yaml": "now"})
    known = {name: await ledger.rule_sets.knows(name) for name in ("named", "over", "old", "young", "now")}
    assert known == {"named": True, "over": False, "old": False, "young": True, "now": True}
    assert await ledger.rule_sets.current() == "now"
    assert set(await scripts.client.hkeys(left)) == {b"named", b"young"}
    assert await scripts.client.zscore(scripts.key("incidents"), "expired") is None
    assert len(await ledger.queries.incidents()) == 2


def replace_digest(trigger: Trigger, digest: str) -> Trigger:
    return msgspec.structs.replace(trigger, digest=digest)


async def test_who_has_no_latch_is_not_asked_to_end_and_old_orders_are_forgotten(ledger: Ledger) -> None:
    scripts, once, lasting = ledger.scripts, msgspec.structs.replace(opened("once"), momentary=True), opened("lasting")
    await scripts.client.hset(scripts.key("endings"), "expired", "{}")
    await ledger.incidents.accept([arrival(once), arrival(lasting)])
    for trigger in (once, lasting):
        assert await ledger.decisions.close(trigger, "ana", "done", 2_000.0) is Decided.DONE
    assert await scripts.client.hkeys(scripts.key("endings")) == [lasting.incident.encode()]


async def test_a_silence_that_ended_long_ago_is_forgotten(ledger: Ledger) -> None:
    now = PRODUCED / 1000
    for name, ends in (("old", now - 31 * 86_400), ("ended", now - 60), ("new", now + 60)):
        await ledger.silences.add(Silence(id=name, who="ana", because="x", begins=ends - 60, ends=ends))
    assert set(await ledger.scripts.client.hkeys(ledger.scripts.key("silences"))) == {b"ended", b"new"}


async def test_a_young_send_stays_its_senders(ledger: Ledger) -> None:
    await ledger.incidents.accept([arrival(opened())])
    claim = await claim_one(ledger, lease=0.05)
    effect = await ledger.effects.reserve(claim, new(claim), NO_LIMITS)
    await ledger.effects.sending(claim, effect)
    await asyncio.sleep(0.06)
    successor = await claim_one(ledger)
    assert (await ledger.effects.take(successor, effect, 60.0)).young
    await ledger.effects.record(claim, effect.key, EffectState.DONE, receipt=Receipt("1", {}))


async def test_a_decision_during_work_wakes_the_incident_when_it_is_rested_and_steals_no_lease(ledger: Ledger) -> None:
    await ledger.incidents.accept([arrival(opened())])
    claim = await claim_one(ledger)
    effect = await ledger.effects.reserve(claim, new(claim, state=EffectState.AWAITING_APPROVAL), NO_LIMITS)
    await ledger.decisions.approve(effect.key, effect.args_hash, "kim")
    assert await ledger.incidents.claim("w2", 15, 10) == []
    assert await ledger.effects.expire(claim, effect, 60.0) < 0
    await ledger.incidents.rest(claim, Waiting.APPROVAL, 86400.0)
    assert (await claim_one(ledger)).id == claim.id


async def test_a_resume_between_the_pause_and_the_rest_is_not_lost(ledger: Ledger) -> None:
    await ledger.incidents.accept([arrival(opened())])
    claim = await claim_one(ledger)
    effect = await ledger.effects.reserve(claim, new(claim), NO_LIMITS)
    await ledger.decisions.pause("all", "kim")
    assert await ledger.effects.sending(claim, effect) is Leave.PAUSED
    await ledger.decisions.resume("all", "kim")
    await ledger.incidents.rest(claim, Waiting.PAUSED, None)
    assert (await claim_one(ledger)).id == claim.id


async def test_a_resume_wakes_no_closed_incident(ledger: Ledger) -> None:
    trigger = opened()
    await ledger.incidents.accept([arrival(trigger)])
    claim = await claim_one(ledger)
    effect = await ledger.effects.reserve(claim, new(claim), NO_LIMITS)
    await ledger.decisions.pause("all", "kim")
    await ledger.effects.sending(claim, effect)
    await ledger.incidents.rest(claim, Waiting.PAUSED, None)
    await ledger.incidents.accept([arrival(cleared(trigger))])
    claim = await claim_one(ledger)
    await ledger.effects.withdraw(claim)
    await ledger.incidents.rest(claim, Waiting.NOTHING, None, close=True)
    await ledger.decisions.resume("all", "kim")
    assert await ledger.incidents.claim("w1", 15, 10) == []
    assert await ledger.incidents.busy() == 0


async def test_a_renewal_after_the_rest_takes_nothing_back(ledger: Ledger) -> None:
    await ledger.incidents.accept([arrival(opened())])
    claim = await claim_one(ledger)
    await ledger.incidents.rest(claim, Waiting.NOTHING, None)
    assert await ledger.incidents.renew(claim, 15) is Hold.LOST
    assert await ledger.incidents.busy() == 0


async def test_a_storm_of_one_rule_holds_up_no_other(ledger: Ledger) -> None:
    storm = [arrival(opened(f"s{number}")) for number in range(50)]
    other = opened("x")
    values = {name: getattr(other, name) for name in other.__struct_fields__}
    late = arrival(Trigger(**{**values, "rule": "latency", "incident": "f" * 32}))
    await ledger.incidents.accept([*storm, late])
    assert {claim.rule for claim in await ledger.incidents.claim("w1", 15, 10)} == {"errors", "latency"}


async def test_one_free_place_goes_round_the_rules(ledger: Ledger) -> None:
    for rule in ("a", "b", "c"):
        for number in range(5):
            trigger = opened(f"{rule}{number}")
            values = {name: getattr(trigger, name) for name in trigger.__struct_fields__}
            one = Trigger(**{**values, "rule": rule, "incident": f"{rule}{number}".ljust(32, "0")})
            await ledger.incidents.accept([arrival(one)])
    claimed = [claim.rule for _ in range(6) for claim in await ledger.incidents.claim("w1", 15, 1)]
    assert sorted(claimed) == ["a", "a", "b", "b", "c", "c"]
