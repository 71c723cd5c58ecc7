"""A ledger whose server was started again: no word counts before it is whole, and what it lacks is in doubt."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import msgspec
import pytest

from dutyd.core.incident import EffectState, Evidence, Settled, Trigger, TriggerKind, effect_key, incident_id
from dutyd.core.limits import Throttle
from dutyd.core.rule import Mode
from dutyd.ledger import Ledger, open_ledger
from dutyd.ledger.birth import Found, Since
from dutyd.ledger.claims import Arrival, Claim, Hold, Waiting
from dutyd.ledger.connect import connect_async
from dutyd.ledger.decisions import Decided
from dutyd.ledger.effects import Effect, LostError, MoneyLimitsMicros, NewEffect

LONG_AGO = 3600.0


@pytest.fixture
async def ledger(valkey_url: str) -> AsyncIterator[Ledger]:
    client = connect_async(valkey_url)
    made = open_ledger(client, f"t{uuid4().hex[:8]}")
    await made.birth.born(Since.NEW)
    await made.incidents.accept([arrival(TriggerKind.OPENED)])
    yield made
    await client.aclose()


def arrival(kind: TriggerKind) -> Arrival:
    trigger = Trigger(
        incident=incident_id("errors", ("a",), "e1"),
        kind=kind,
        rule="errors",
        digest="d",
        entity={"service": "a"},
        occurrence="e1",
        opened=1000.0,
        decided=1000.0,
        evidence=Evidence(id="e1", source="metrics", time=1000.0, fields={}),
    )
    now = int(time.time() * 1000)  # noqa: TID251  # as a broker stamps it
    return Arrival(trigger, Mode.ACT, Throttle(), (), False, False, "t:0", 1, now - 1000)  # no page, no storm


async def claimed(ledger: Ledger) -> Claim:
    (claim,) = await ledger.incidents.claim("w1", 15.0, 1)
    return claim


async def reserved(ledger: Ledger, claim: Claim) -> Effect:
    new = NewEffect(key=effect_key(claim.id, "page"), rule="errors", step="page", tool="send_alert", args={})
    return await ledger.effects.reserve(claim, new, MoneyLimitsMicros())


async def another_server(ledger: Ledger) -> None:
    """Have the ledger take its server for another one than it was born on."""
    await ledger.scripts.client.hset(ledger.scripts.key("birth"), "server", "another")


async def state(ledger: Ledger, claim: Claim) -> EffectState:
    return (await ledger.effects.get(effect_key(claim.id, "page"))).state


async def test_nobody_holds_an_incident_before_the_ledger_is_whole(ledger: Ledger) -> None:
    claim = await claimed(ledger)
    await another_server(ledger)
    assert await ledger.incidents.renew(claim, 15.0) is Hold.LOST
    assert await ledger.incidents.rest(claim, Waiting.NOTHING, None) is Hold.LOST
    with pytest.raises(LostError):
        await reserved(ledger, claim)


@pytest.mark.parametrize("since", [Since.KEPT, Since.LOST])
async def test_what_is_open_is_due_once_the_ledger_is_whole_and_no_older_claim_counts(
    ledger: Ledger, since: Since
) -> None:
    before = await claimed(ledger)
    await another_server(ledger)
    await ledger.birth.born(since)
    assert await ledger.incidents.rest(before, Waiting.NOTHING, None) is Hold.LOST
    assert int((await claimed(ledger)).fence) > int(before.fence)


async def test_of_what_was_sent_before_a_loss_nobody_knows_whether_it_was_sent_again_up_to_it(ledger: Ledger) -> None:
    claim = await claimed(ledger)
    effect = await reserved(ledger, claim)
    await ledger.effects.sending(claim, effect)
    await ledger.effects.record(claim, effect.key, EffectState.UNKNOWN, "no answer")
    name = ledger.scripts.key("effect", effect.key)
    await ledger.scripts.client.hincrby(name, "sent", -int(LONG_AGO * 1000))
    assert (await ledger.effects.take(claim, effect, 0.0)).ago >= LONG_AGO
    await another_server(ledger)
    await ledger.birth.born(Since.LOST)
    assert (await ledger.effects.take(await claimed(ledger), effect, 0.0)).ago < LONG_AGO


@pytest.mark.parametrize(("since", "then"), [(Since.KEPT, EffectState.REFUSED), (Since.LOST, EffectState.UNKNOWN)])
async def test_a_clear_does_not_refuse_what_may_have_been_sent_before_a_loss(
    ledger: Ledger, since: Since, then: EffectState
) -> None:
    claim = await claimed(ledger)
    await reserved(ledger, claim)
    await another_server(ledger)
    await ledger.birth.born(since)
    await ledger.incidents.accept([replace(arrival(TriggerKind.CLEARED), next_offset=2)])
    await ledger.effects.withdraw(await claimed(ledger))
    assert await state(ledger, claim) is then


async def test_what_was_turned_away_before_a_loss_is_in_doubt_unless_a_person_has_it_sent_again(ledger: Ledger) -> None:
    claim = await claimed(ledger)
    effect = await reserved(ledger, claim)
    await ledger.effects.sending(claim, effect)
    await ledger.effects.record(claim, effect.key, EffectState.RESERVED, "refused for now")  # and sent after the copy
    await another_server(ledger)
    await ledger.birth.born(Since.LOST)
    successor = await claimed(ledger)
    assert (await ledger.effects.doubt(successor, effect.key)).state is EffectState.UNKNOWN
    await ledger.effects.record(successor, effect.key, EffectState.PARKED, "nobody knows")
    await ledger.decisions.settle(effect.key, Settled.RESEND, "ana", "looked")
    await ledger.incidents.rest(successor, Waiting.NOTHING, None)
    assert (await ledger.effects.doubt(await claimed(ledger), effect.key)).state is EffectState.RESERVED


async def test_an_effect_that_the_ledger_lost_meanwhile_is_no_failure_of_its_incident(ledger: Ledger) -> None:
    claim = await claimed(ledger)
    with pytest.raises(LostError):
        await state(ledger, claim)


async def test_sends_that_are_known_to_be_lost_are_missed_by_an_older_copy_and_by_no_restart(ledger: Ledger) -> None:
    claim = await claimed(ledger)
    await ledger.effects.sending(claim, await reserved(ledger, claim))
    await ledger.scripts.client.delete(ledger.scripts.key("sends"))  # an older copy was put back
    await another_server(ledger)
    assert await ledger.birth.lacks_sends()
    await ledger.birth.born(Since.LOST)
    assert not await ledger.birth.lacks_sends()
    await ledger.scripts.client.delete(ledger.scripts.key("sends"))
    assert await ledger.birth.lacks_sends()


async def test_what_was_found_of_one_server_is_not_noted_of_the_next(ledger: Ledger) -> None:
    await another_server(ledger)
    await ledger.birth.look()
    ledger.birth._looked_at = "the one before"  # it was started again between the look and the note
    await ledger.birth.born(Since.KEPT)
    assert await ledger.birth.look() is Found.RESTARTED
    await ledger.birth.born(Since.LOST)
    assert await ledger.birth.look() is Found.SAME


async def test_an_older_copy_puts_nothing_over_what_the_outcomes_topic_has(ledger: Ledger) -> None:
    claim = await claimed(ledger)
    effect = await reserved(ledger, claim)
    await ledger.effects.sending(claim, effect)
    await ledger.effects.record(claim, effect.key, EffectState.PARKED, "unsure")
    (older,) = (await ledger.outcomes.pending()).items()
    await another_server(ledger)
    assert await ledger.outcomes.pending() == {}
    newer = {**msgspec.json.decode(older[1]), "state": "REFUSED", "reason": "a person says so"}
    await ledger.birth.adopt([(older[0], msgspec.json.encode(newer))])
    await ledger.birth.born(Since.LOST)
    assert await ledger.outcomes.pending() == {}
    assert await state(ledger, claim) is EffectState.REFUSED


async def test_the_first_who_says_what_the_ledger_knows_is_heard(ledger: Ledger) -> None:
    await another_server(ledger)
    assert await ledger.birth.born(Since.KEPT)
    assert not await ledger.birth.born(Since.LOST)
    assert (await ledger.birth.noted()).at == 0


async def test_what_never_left_begins_no_window_of_the_provider(ledger: Ledger) -> None:
    claim = await claimed(ledger)
    effect = await reserved(ledger, claim)
    name = ledger.scripts.key("effect", effect.key)
    await ledger.effects.sending(claim, effect)
    await ledger.scripts.client.hincrby(name, "first_sent", -int(LONG_AGO * 1000))
    await ledger.effects.record(claim, effect.key, EffectState.RESERVED, "refused for now")
    await ledger.effects.sending(claim, await ledger.effects.get(effect.key))
    await ledger.effects.record(claim, effect.key, EffectState.UNKNOWN, "no answer")
    assert (await ledger.effects.take(claim, effect, 0.0)).first_ago < LONG_AGO


async def test_nothing_of_an_incident_that_is_only_brought_to_its_end_is_sent_again(ledger: Ledger) -> None:
    claim = await claimed(ledger)
    effect = await reserved(ledger, claim)
    await ledger.effects.sending(claim, effect)
    await ledger.effects.record(claim, effect.key, EffectState.PARKED, "unsure")
    await ledger.scripts.client.hset(ledger.scripts.key("incident", claim.id), "over", "1")
    assert await ledger.decisions.settle(effect.key, Settled.RESEND, "ana", "lost") is Decided.CLEARED
    assert await ledger.decisions.settle(effect.key, Settled.NOT_DONE, "ana", "lost") is Decided.DONE
