"""What people decide: one exact call, what a parked effect was, a pause, an incident's end. Audited, by name.

Called by the command line (``--as NAME``); each goes through a script, so that two people can't both act.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from dutyd.core.incident import Ending, Settled, Trigger, TriggerKind
from dutyd.ledger.effects import MoneyLimitsMicros
from dutyd.ledger.scripts import Scripts, of_ours, text


class Decided(StrEnum):
    """What became of a decision."""

    DONE = "done"
    CHANGED = "changed"  # the call is not the one that was shown
    TOO_LATE = "too late"  # it is in another state by now
    NOT_FOUND = "not found"
    CLEARED = "cleared"  # the incident is over: it would not be sent
    OVER_RULE_DAY = "budget: per_rule_day"  # with it the rule would spend more than its day allows
    OVER_DAY = "budget: per_day"  # the same for all rules together

    @property
    def over(self) -> str:
        """Which of the policy's daily limits is in the way, or an empty text."""
        return self.removeprefix("budget: ") if self in (Decided.OVER_RULE_DAY, Decided.OVER_DAY) else ""


class Call(Protocol):
    """An exact call: its arguments, their hash, what it spends in millionths, and what a day may."""

    @property
    def args(self) -> Mapping[str, Any]:
        """JSON values."""
        ...

    @property
    def hash(self) -> str:
        """Of tool and arguments."""
        ...

    @property
    def micros(self) -> int:
        """Millionths of the currency unit."""
        ...

    @property
    def limits(self) -> MoneyLimitsMicros:
        """The policy's for a day."""
        ...


class Decisions:
    """The decisions of one installation."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def approve(self, effect: str, call_hash: str, who: str, why: str = "") -> Decided:
        """Let the exact call with *call_hash* be sent."""
        return _decided(await self._scripts.run("decide", effect, call_hash, "approve", who, why))

    async def deny(self, effect: str, call_hash: str, who: str, why: str = "") -> Decided:
        """Refuse the call."""
        return _decided(await self._scripts.run("decide", effect, call_hash, "deny", who, why))

    async def edit(self, effect: str, call_hash: str, new: Call, who: str, why: str = "") -> Decided:
        """Put *new* in the place of the call with *call_hash*; it waits for approval in its turn.

        Where the day has no money left for it (``Decided.over``), the call that waits stays as it is.
        """
        said = (msgspec.json.encode(new.args), new.hash, new.micros, new.limits.json)
        return _decided(await self._scripts.run("edit", effect, call_hash, who, why, *said))

    async def settle(self, effect: str, what: Settled, who: str, because: str, receipt: str = "") -> Decided:
        """Say *what* a parked effect was; *receipt* is the id of what is there. Its incident goes on."""
        made = msgspec.json.encode({"id": receipt, "data": {}}) if what is Settled.DONE else b""
        return _decided(await self._scripts.run("settle", effect, what, who, because, made))

    async def pause(self, what: str, who: str, why: str = "") -> None:
        """Stop sending effects of *what*: ``all``, ``rule:R`` or ``tool:T``. They stay RESERVED."""
        await self._scripts.run("pause", "pause", what, who, why)

    async def resume(self, what: str, who: str, why: str = "") -> int:
        """Let them be sent again; return how many incidents woke."""
        return int(await self._scripts.run("pause", "resume", what, who, why))

    async def release(self, rule: str, who: str, why: str = "") -> bool:
        """Let new incidents of *rule* act again after it opened too many; return whether it was held."""
        return bool(await self._scripts.run("release", rule, who, why))

    async def note(self, incident: str, who: str, because: str) -> Decided:
        """Write a line into the incident, for whoever looks at it next."""
        return _decided(await self._scripts.run("handle", incident, "note", who, because, "", ""))

    async def acknowledge(self, incident: str, who: str, because: str) -> Decided:
        """Say that somebody has it in hand: it is not acted on again while it lasts."""
        return _decided(await self._scripts.run("handle", incident, "ack", who, because, "", ""))

    async def close(self, trigger: Trigger, who: str, because: str, now: float) -> Decided:
        """End the incident that *trigger* opened: ``on_clear`` runs, and the evaluator is asked to end its latch.

        Args:
            trigger: the incident's newest.
            who: for the audit, and for whoever reads the incident.
            because: beside the name.
            now: seconds since the epoch: when it ended.

        """
        reason = f"closed by {who}: {because}"
        clear = msgspec.structs.replace(
            trigger, kind=TriggerKind.CLEARED, decided=now, opening=trigger.evidence, because=reason
        )
        said: tuple[str | bytes, ...] = (msgspec.json.encode(clear), _ending(trigger, reason))
        for member in await self._members(trigger.incident):
            said += (member.incident, _ending(member, reason))
        return _decided(await self._scripts.run("handle", trigger.incident, "close", who, because, *said))

    async def _members(self, incident: str) -> list[Trigger]:
        """Return the triggers of the members that *incident* acts for: they end with it."""
        ids = await self._scripts.read("smembers", self._scripts.key("incident", incident) + ":open")
        names = [self._scripts.key("incident", text(each)) for each in ids]
        found = await self._scripts.read_many("hget", names, "trigger") if names else []
        return [msgspec.json.decode(value, type=Trigger) for value in found if value]


def _ending(trigger: Trigger, why: str) -> bytes:
    entity = tuple(trigger.entity.values())
    return msgspec.json.encode(Ending(incident=trigger.incident, rule=trigger.rule, entity=entity, why=why))


def _decided(answer: object) -> Decided:
    said = of_ours(answer)
    if said in set(Decided):
        return Decided(said)
    return Decided.TOO_LATE if said else Decided.NOT_FOUND
