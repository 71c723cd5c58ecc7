"""Incidents in the ledger: accepted once, claimed with a lease and a fencing token, rested, closed.

``act.accept`` puts triggers in, ``act.worker`` claims and rests, in values of ``claims``. All times inside Redis are
the server's own, so that workers' clocks need not agree.
"""

from collections.abc import Sequence

import msgspec

from dutyd.core.incident import IncidentState, Trigger, TriggerKind, entity_text, incident_id, round_suffix
from dutyd.core.limits import Rate
from dutyd.core.mute import Mute
from dutyd.ledger.claims import Accepted, Arrival, Claim, Hold, Tries, Waiting
from dutyd.ledger.members import GATHERING_SECONDS, LISTED, STORM_OPENINGS, STORM_SECONDS, Formed, Gathering, Members
from dutyd.ledger.scripts import Scripts, mapping, ms, of_ours, text


class Incidents:
    """The incidents of one installation."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def accept(self, arrivals: Sequence[Arrival]) -> list[Accepted]:
        """Take triggers in, each with the offset after it, in one round trip.

        Raises:
            NotReadyError: Redis does not answer, or is not the server any more that the ledger was last whole on.

        """
        answers = await self._scripts.run_many("accept", [_arguments(arrival) for arrival in arrivals])
        return [Accepted(of_ours(answer)) for answer in answers]

    async def pass_by(self, source: str, next_offset: int) -> None:
        """Note that *source* is accepted up to *next_offset*, though its last record held nothing to accept.

        Raises:
            NotReadyError: as ``accept``.

        """
        of_ours(await self._scripts.run("pass_by", source, next_offset))

    async def accepted_offsets(self) -> dict[str, int]:
        """Return ``topic:partition`` to the next offset to accept."""
        found = await self._scripts.read("hgetall", self._scripts.key("accepted"))
        return {text(name): int(value) for name, value in found.items()}

    async def claim(self, worker: str, lease: float, limit: int) -> list[Claim]:
        """Claim at most *limit* due incidents for *lease* seconds."""
        found = await self._scripts.run("claim", worker, ms(lease), limit, ms(GATHERING_SECONDS))
        return [_claim(mapping(flat[1:])) for flat in found]

    async def renew(self, claim: Claim, lease: float) -> Hold:
        """Extend the lease to *lease* seconds from now."""
        return Hold(text(await self._scripts.run("renew", claim.id, claim.fence, ms(lease))))

    async def rest(self, claim: Claim, waiting: Waiting, due: float | None, *, close: bool = False) -> Hold:
        """Give the incident back, due again in *due* seconds (None: not by itself), or close it."""
        after = "" if due is None else ms(due)
        answer = await self._scripts.run(
            "rest", claim.id, claim.fence, claim.state, waiting, after, "1" if close else "", "", ""
        )
        return Hold(text(answer))

    async def mute(self, claim: Claim, mute: Mute, seconds: float) -> Hold:
        """Give the incident back muted: it is due again in *seconds*, or when what mutes it ends."""
        args = (claim.id, claim.fence, claim.state, Waiting.MUTED, ms(seconds), "", mute.by, mute.why)
        return Hold(text(await self._scripts.run("rest", *args)))

    async def join(self, claim: Claim, gathering: Gathering) -> Hold:
        """Give the incident back as a member of the group that gathers now, or of *gathering*, which it opens."""
        trigger = gathering.trigger
        opens = (trigger.incident, msgspec.json.encode(trigger), entity_text(tuple(trigger.entity.values())))
        rollup = incident_id(trigger.rule, ("rollup",), trigger.incident)
        args = (claim.id, claim.fence, gathering.name, *opens, ms(gathering.wait), gathering.at_most, rollup)
        return Hold(text(await self._scripts.run("join", *args)))

    async def form(self, claim: Claim, trigger: Trigger) -> Formed:
        """Freeze the members of a claimed group, which stand in *trigger*, unless they stand fast already."""
        return Formed(text(await self._scripts.run("form", claim.id, claim.fence, msgspec.json.encode(trigger))))

    async def gathered(self, group: str) -> list[Trigger]:
        """Return the triggers of the members of *group* that are open."""
        ids = await self._scripts.read("smembers", self._scripts.key("incident", group) + ":open")
        incidents = [self._scripts.key("incident", text(each)) for each in ids]
        found = await self._scripts.read_many("hget", incidents, "trigger")
        return [msgspec.json.decode(value, type=Trigger) for value in found if value]

    async def open_of(self, rule: str) -> dict[str, dict[str, str]]:
        """Return the open incidents of *rule*: id to entity."""
        found = await self._scripts.read("hgetall", self._scripts.key("open", rule))
        return {text(name): msgspec.json.decode(value, type=dict[str, str]) for name, value in found.items()}

    async def open_at(self, rule: str, then: float) -> dict[str, dict[str, str]]:
        """Return the incidents of *rule* that were open at *then*, a time of the last day: id to entity."""
        past = await self._scripts.read("zrangebyscore", self._scripts.key("past", rule), ms(then), "+inf")
        ids = [*await self.open_of(rule), *(text(each) for each in past)]
        names = [self._scripts.key("incident", each) for each in ids]
        rows = await self._scripts.read_many("hmget", names, "produced", "ended", "trigger")
        return {
            each: msgspec.json.decode(trigger, type=Trigger).entity
            for each, (opened, ended, trigger) in zip(ids, rows, strict=True)
            if opened and int(opened) <= ms(then) and not (ended and int(ended) < ms(then))
        }

    async def note_step(self, claim: Claim, step: str, result: bytes, *, unanswered: bool = False) -> Hold:
        """Remember the result of a step that made no effect; *unanswered*: people are to know that it got none."""
        what = "unanswered" if unanswered else "step"
        return Hold(text(await self._scripts.run("note", claim.id, claim.fence, what, step, result)))

    async def note_unanswered(self, claim: Claim, step: str) -> Hold:
        """Let people know that a question was put again and got no answer; what it was answered before stays."""
        return Hold(text(await self._scripts.run("note", claim.id, claim.fence, "unanswered", step, "")))

    async def note_tries(self, claim: Claim, step: str, tries: Tries | None) -> Hold:
        """Remember how often a question was put that has no answer yet; None: it has one."""
        said = msgspec.json.encode(tries) if tries else ""
        return Hold(text(await self._scripts.run("note", claim.id, claim.fence, "tries", step, said)))

    async def tries(self, incident: str, step: str) -> Tries | None:
        """Return how often the question of *step* was put; None: not yet, or it has its answer."""
        found = await self._scripts.read("hget", self._scripts.key("incident", incident) + ":tries", step)
        return msgspec.json.decode(found, type=Tries) if found else None

    async def note_turn(self, claim: Claim, turn: bytes) -> Hold:
        """Append one turn of the agent run."""
        return Hold(text(await self._scripts.run("note", claim.id, claim.fence, "turn", claim.round_suffix, turn)))

    async def note_run(self, claim: Claim, end: str) -> Hold:
        """Remember how the agent run ended."""
        return Hold(text(await self._scripts.run("note", claim.id, claim.fence, "run", claim.round_suffix, end)))

    async def note_rejected(self, claim: Claim, call: str, why: str) -> Hold:
        """Remember a call of the model that was outside its grant: it made no effect, it is a line of the run."""
        return Hold(text(await self._scripts.run("note", claim.id, claim.fence, "rejected", call, why)))

    async def note_trouble(self, claim: Claim, traceback: str) -> Hold:
        """Remember the traceback of what nobody expected."""
        return Hold(text(await self._scripts.run("note", claim.id, claim.fence, "trouble", "", traceback)))

    async def steps(self, incident: str) -> dict[str, bytes]:
        """Return the remembered results of steps that made no effect."""
        found = await self._scripts.read("hgetall", self._scripts.key("incident", incident) + ":steps")
        return {text(name): value for name, value in found.items()}

    async def turns(self, claim: Claim) -> list[bytes]:
        """Return the recorded turns of the agent run of this round, oldest first."""
        name = self._scripts.key("incident", claim.id) + ":turns" + claim.round_suffix
        found = await self._scripts.read("lrange", name, 0, -1)
        return list(found)

    async def members(self, parent: str) -> Members:
        """Return what a roll-up page or the page of a storm lists; of a group each of its members."""
        name, read_many = self._scripts.key("incident", parent) + ":members", self._scripts.read_many
        ids = [text(each) for each in await self._scripts.read("lrange", name, 0, LISTED - 1)]
        names = [self._scripts.key("incident", each) for each in ids]
        triggers: list[Trigger] = []
        more = 0
        for each, (trigger, kind) in zip(ids, await read_many("hmget", names, "trigger", "kind"), strict=True):
            of_group = await self.gathered(each) if kind == b"group" else []
            triggers += of_group or ([msgspec.json.decode(trigger, type=Trigger)] if trigger else [])
            more += max(0, len(of_group) - 1)
        return Members(int(await self._scripts.read("llen", name)) + more, triggers[:LISTED])

    async def busy(self) -> int:
        """Return how many incidents will go on without a person."""
        return int(await self._scripts.read("scard", self._scripts.key("busy")))


def _rates(rates: tuple[Rate, ...]) -> list[tuple[int, int]]:
    return [(rate.count, ms(rate.seconds)) for rate in rates]


def _arguments(arrival: Arrival) -> tuple[str | bytes | int | float, ...]:
    trigger, throttle = arrival.trigger, arrival.throttle
    spec = {"entity": _rates(throttle.per_entity), "rule": _rates(throttle.per_rule)}
    entity = tuple(trigger.entity.values())
    opens = trigger.kind is not TriggerKind.CLEARED
    return (
        trigger.incident,
        trigger.kind,
        trigger.rule,
        entity_text(entity),
        msgspec.json.encode(trigger),
        trigger.opened,
        arrival.mode,
        msgspec.json.encode(spec),
        "1" if arrival.pages else "",
        incident_id(trigger.rule, ("rollup",), trigger.incident) if opens else "",
        arrival.source,
        arrival.next_offset,
        msgspec.json.encode(trigger.entity),
        "1" if arrival.storms else "",
        incident_id(trigger.rule, ("storm",), trigger.incident) if opens else "",
        arrival.produced,
        msgspec.json.encode([(brake.openings, brake.within) for brake in arrival.brakes]),
        "1" if arrival.grouped else "",
        STORM_OPENINGS,
        ms(STORM_SECONDS),
        ms(GATHERING_SECONDS),
    )


def _claim(fields: dict[str, str]) -> Claim:
    clear = fields.get("clear_trigger")
    trigger = msgspec.json.decode(fields["trigger"], type=Trigger)
    return Claim(
        id=fields["id"],
        fence=fields["fence"],
        state=IncidentState(fields["state"]),
        kind=fields["kind"],
        rule=fields["rule"],
        trigger=trigger,
        clear_trigger=msgspec.json.decode(clear, type=Trigger) if clear else None,
        run=fields.get("run" + round_suffix(trigger.round), ""),
        age=float(fields["age"]) / 1000,
        predates=fields["predates"] == "1",
        braked=fields.get("braked") == "1",
        told=fields["told"] == "1",
        over=fields.get("over") == "1",
        opened=int(fields["produced"]) / 1000,
        ended=int(fields["ended"]) / 1000 if "ended" in fields else None,
    )
