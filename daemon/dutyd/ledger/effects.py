"""Effects in the ledger: reserved under their key once, sent under a fence, recorded by who sent them.

``act.effects`` is the only caller that moves them; the order of one effect stands there. An effect's arguments are
frozen when it is reserved: a repeated reserve gets the first record back, whatever it asks for.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from dutyd.core.incident import EffectState
from dutyd.core.metrics import EFFECTS
from dutyd.core.tool import Receipt
from dutyd.ledger.claims import Claim
from dutyd.ledger.scripts import Scripts, mapping, ms, text, texts

MICROS = 1_000_000
"""Budgets are counted in whole millionths of the currency unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEffect:
    """What is to be reserved.

    Attributes:
        key: the effect key.
        args: the exact arguments, JSON values.
        state: RESERVED, AWAITING_APPROVAL, or REFUSED with a *reason*.
        micros: what it spends, in millionths of the currency unit.
        clear: whether it belongs to ``on_clear``.
        outlives: whether it is still sent after its incident has cleared (``Tool.outlives_clear``).
        by: who chose the arguments: ``rule``, ``model`` or ``fallback``.

    """

    key: str
    rule: str
    step: str
    tool: str
    args: Mapping[str, Any]
    state: EffectState = EffectState.RESERVED
    reason: str = ""
    micros: int = 0
    clear: bool = False
    outlives: bool = False
    by: str = "rule"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One effect as the ledger has it.

    Attributes:
        look: what became of the later look at a done one (``ledger.sweeps.Look``).
        breach: what that found where it was not what it should be.

    """

    key: str
    incident: str
    rule: str
    step: str
    tool: str
    args: Mapping[str, Any]
    args_hash: str
    state: EffectState
    reason: str
    attempts: int
    clear: bool
    by: str
    approved: bool
    receipt: Receipt | None
    look: str = ""
    breach: str = ""


class Leave(StrEnum):
    """The ledger's last word before bytes leave."""

    GO = "go"
    CLEARED = "cleared"
    PAUSED = "paused"
    LOST = "lost"
    FORBIDDEN = "forbidden"  # it is in a state that is not sent from


@dataclass(frozen=True, slots=True)
class Sent:
    """How long ago, in seconds, an effect was sent last, and first; *young*: it is still its sender's."""

    ago: float
    first_ago: float
    young: bool = False


LOST_LEDGER = "the ledger was lost since its incident opened: it may have been sent before"


class LostError(Exception):
    """Another worker has the incident, or the ledger is not whole: stop, write nothing."""


@dataclass(frozen=True, slots=True)
class MoneyLimitsMicros:
    """The policy's daily limits in millionths; None where there is none."""

    per_rule_day: int | None = None
    per_day: int | None = None

    @property
    def json(self) -> bytes:
        """As scripts read it."""
        return msgspec.json.encode({"per_rule_day": self.per_rule_day, "per_day": self.per_day})


def args_hash(tool: str, args: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the exact call: what an approval is bound to."""
    return hashlib.sha256(msgspec.json.encode([tool, args], order="sorted")).hexdigest()


class Effects:
    """The effects of one installation."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def reserve(self, claim: Claim, new: NewEffect, limits: MoneyLimitsMicros) -> Effect:
        """Reserve *new*, or return what was reserved under its key before.

        Raises:
            LostError: the lease is another worker's now.

        """
        record: list[str | bytes | int] = []
        for name, value in (
            ("rule", new.rule),
            ("step", new.step),
            ("tool", new.tool),
            ("args", msgspec.json.encode(new.args)),
            ("args_hash", args_hash(new.tool, new.args)),
            ("micros", new.micros),
            ("clear", "1" if new.clear else ""),
            ("outlives", "1" if new.outlives else ""),
            ("by", new.by),
        ):
            record += [name, value]
        clear = "1" if new.clear else ""
        answer = await self._scripts.run(
            "reserve", claim.id, claim.fence, new.key, new.state, new.reason, clear, limits.json, *record
        )
        if text(answer[0]) == "lost":
            raise LostError(new.key)
        effect = effect_of(mapping(answer[1:]))
        if text(answer[0]) == "made":
            EFFECTS.labels(effect.tool, effect.state).inc()
        return effect

    async def sending(self, claim: Claim, effect: Effect) -> Leave:
        """Move it to SENDING, if it may be sent now."""
        clear = "1" if effect.clear else ""
        found = await self._scripts.run("sending", claim.id, claim.fence, effect.key, clear)
        if isinstance(found, list):
            self._scripts.newest_send = max(self._scripts.newest_send, int(found[1]))
            return Leave.GO
        answer = text(found)
        return Leave(answer) if answer in set(Leave) else Leave.FORBIDDEN

    async def doubt(self, claim: Claim, key: str) -> Effect:
        """Take an effect that was not sent since the ledger was lost for one whose outcome nobody knows.

        Raises:
            LostError: the lease is another worker's now.

        """
        if text(await self._scripts.run("doubt", claim.id, claim.fence, key, LOST_LEDGER)) == "lost":
            raise LostError(key)
        return await self.get(key)

    async def take(self, claim: Claim, effect: Effect, quiet: float) -> Sent:
        """Take over what a predecessor, or this worker before it rested, left unsettled.

        A predecessor's send younger than *quiet* seconds stays its own: it may still say what became of it.

        Raises:
            LostError: the lease is another worker's now.

        """
        answer = await self._scripts.run("take", claim.id, claim.fence, effect.key, ms(quiet))
        if text(answer[0]) == "lost":
            raise LostError(effect.key)
        if text(answer[0]) == "young":
            return Sent(ago=int(answer[1]) / 1000, first_ago=0.0, young=True)
        return Sent(ago=int(answer[1]) / 1000, first_ago=int(answer[2]) / 1000)

    async def record(
        self, claim: Claim, key: str, state: EffectState, reason: str = "", receipt: Receipt | None = None
    ) -> None:
        """Write what became of a send.

        Raises:
            LostError: somebody else took it over; what they find out counts.

        """
        data = msgspec.json.encode({"id": receipt.id, "data": receipt.data}) if receipt else b""
        answer = await self._scripts.run("record", key, claim.fence, state, reason, data)
        if text(answer) == "lost":
            raise LostError(key)

    async def withdraw(self, claim: Claim) -> None:
        """Refuse everything unsent of a cleared incident, but for effects that outlive the clear or are in doubt.

        Of an incident that is over, also what outlives its clear.

        Raises:
            LostError: the lease is another worker's now.

        """
        answer = await self._scripts.run("withdraw", claim.id, claim.fence, LOST_LEDGER)
        if text(answer[0]) == "lost":
            raise LostError(claim.id)
        for tool in answer[1:]:
            EFFECTS.labels(text(tool), EffectState.REFUSED).inc()

    async def expire(self, claim: Claim, effect: Effect, lifetime: float) -> float:
        """Refuse an approval older than *lifetime* seconds; return the seconds left, 0: refused, below: decided."""
        left = int(await self._scripts.run("expire", claim.id, claim.fence, effect.key, ms(lifetime))) / 1000
        if left == 0:
            EFFECTS.labels(effect.tool, EffectState.REFUSED).inc()
        return left

    async def regate(self, claim: Claim, effect: Effect, state: EffectState, reason: str) -> None:
        """Refuse what is not sent yet, or have it wait for a person.

        Raises:
            LostError: the lease is another worker's now.
        """
        if text(await self._scripts.run("regate", claim.id, claim.fence, effect.key, state, reason)) == "lost":
            raise LostError(effect.key)
        EFFECTS.labels(effect.tool, state).inc()

    async def get(self, key: str) -> Effect:
        """Return one effect that was there.

        Raises:
            LostError: the ledger has lost it: whoever has the incident begins anew.

        """
        fields = texts(await self._scripts.read("hgetall", self._scripts.key("effect", key)))
        if not fields:
            raise LostError(key)
        return effect_of(fields)

    async def of(self, incident: str) -> list[Effect]:
        """Return the effects of *incident* in the order of their reservation."""
        return await self.of_many([incident])

    async def of_many(self, incidents: list[str]) -> list[Effect]:
        """Return the effects of *incidents*, one incident after the other."""
        key, read_many = self._scripts.key, self._scripts.read_many
        lists = await read_many("lrange", [key("incident", each) + ":effects" for each in incidents], 0, -1)
        rows = await read_many("hgetall", [key("effect", text(name)) for names in lists for name in names])
        return [effect_of(texts(row)) for row in rows if row]

    async def awaiting_approval(self) -> list[Effect]:
        """Return the effects that wait for a person's yes, by key."""
        return await self._in("approvals")

    async def parked(self) -> list[Effect]:
        """Return the effects that a person must look at, by key."""
        return await self._in("effects", EffectState.PARKED)

    async def _in(self, *names_of: str) -> list[Effect]:
        names = sorted(text(name) for name in await self._scripts.read("smembers", self._scripts.key(*names_of)))
        rows = await self._scripts.read_many("hgetall", [self._scripts.key("effect", name) for name in names])
        return [effect_of(texts(row)) for row in rows if row]


def effect_of(fields: Mapping[str, str]) -> Effect:
    """Return the effect that a hash of the ledger holds."""
    receipt = msgspec.json.decode(fields["receipt"]) if fields.get("receipt") else None
    return Effect(
        key=fields["key"],
        incident=fields["incident"],
        rule=fields["rule"],
        step=fields["step"],
        tool=fields["tool"],
        args=msgspec.json.decode(fields["args"]),
        args_hash=fields["args_hash"],
        state=EffectState(fields["state"]),
        reason=fields.get("reason", ""),
        attempts=int(fields["attempts"]),
        clear=fields.get("clear") == "1",
        by=fields.get("by", "rule"),
        approved=fields.get("decision") == "approve",
        receipt=Receipt(receipt["id"], receipt["data"]) if receipt else None,
        look=fields.get("look", ""),
        breach=fields.get("breach", ""),
    )
