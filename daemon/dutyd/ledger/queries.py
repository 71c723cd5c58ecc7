"""Reading the ledger for people: rows for ``incidents``, ``effects`` and ``approvals``, newest first.

Called by the command line; reads only. Rows are plain JSON values with the names that the interface promises.
"""

from typing import Any

import msgspec

from dutyd.core.incident import EffectState, IncidentState, provider_key, round_suffix
from dutyd.core.instant import instant_text
from dutyd.ledger.claims import Tries
from dutyd.ledger.effects import Effect, Effects, effect_of
from dutyd.ledger.scripts import Scripts, text, texts

Row = dict[str, Any]


class Queries:
    """Questions about one installation."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def incidents(self, limit: int | None = None) -> list[Row]:
        """Return ``id, rule, entity, state, opened, cleared, mode, run``, newest first; times RFC 3339."""
        return [_incident_row(fields) for fields in await self._incidents(limit)]

    async def named(self, prefix: str) -> list[str]:
        """Return the ids that are, or begin with, *prefix*, newest first."""
        return [name for name in await self._ids(None) if name.startswith(prefix)]

    async def whole(self, incident: str) -> Row:
        """Return one incident by its id, whole: its trigger, its effects, its run, what people said of it."""
        name, read = self._scripts.key("incident", incident), self._scripts.read
        fields = texts(await read("hgetall", name))
        effects = await Effects(self._scripts).of(incident)
        return {
            **_incident_row(fields),
            "waits_for": fields.get("wait", ""),
            "muted": fields.get("muted_why", "") if fields["state"] == IncidentState.MUTED else "",
            "trigger": msgspec.json.decode(fields["trigger"]),
            "trouble": fields.get("trouble", ""),
            "turns": await read("llen", f"{name}:turns"),
            "rejected": list(texts(await read("hgetall", f"{name}:rejected")).values()),
            "members": await self._members(name),
            "notes": [_note(line) for line in await read("lrange", f"{name}:notes", 0, -1)],
            "answers": await self._answers(name),
            "effects": [effect_row(effect) for effect in effects],
        }

    async def effects(self, state: EffectState | None = None) -> list[Row]:
        """Return the rows of all effects, or those in *state*, by incident, newest first."""
        found = await Effects(self._scripts).of_many(await self._ids(None))
        return [effect_row(effect) for effect in found if state is None or effect.state is state]

    async def parked(self) -> list[Row]:
        """Return the effects that a person must look at, by key."""
        return [effect_row(effect) for effect in await Effects(self._scripts).parked()]

    async def effect(self, key: str) -> Row | None:
        """Return the one effect with this whole *key*; None: there is none."""
        found = await self._scripts.read("hgetall", self._scripts.key("effect", key))
        return effect_row(effect_of(texts(found))) if found else None

    async def approvals(self) -> list[Row]:
        """Return the effects that wait for a person, with the hash of the exact call."""
        found = await Effects(self._scripts).awaiting_approval()
        return [{**effect_row(effect), "hash": effect.args_hash} for effect in found]

    async def braked(self) -> list[Row]:
        """Return the rules that opened too often: ``rule, since, openings, within`` (seconds)."""
        found = texts(await self._scripts.read("hgetall", self._scripts.key("braked")))
        said = {rule: msgspec.json.decode(value) for rule, value in sorted(found.items())}
        return [
            {"rule": rule, "since": _time(each["at"] / 1000), "openings": each["openings"], "within": each["within"]}
            for rule, each in said.items()
        ]

    async def paused(self) -> dict[str, str]:
        """Return what is paused and by whom."""
        return texts(await self._scripts.read("hgetall", self._scripts.key("paused")))

    async def _members(self, name: str) -> list[Row]:
        """Return ``id, entity, state`` of the incidents that the one of this key acts for, the oldest first."""
        ids = [text(each) for each in await self._scripts.read("lrange", f"{name}:members", 0, -1)]
        if not ids:
            return []
        found = await self._scripts.read_many("hgetall", [self._scripts.key("incident", each) for each in ids])
        rows = [_incident_row(fields) for row in found if "trigger" in (fields := texts(row))]
        rows.sort(key=lambda row: (row["opened"] or "", tuple(row["entity"].values())))
        return [{key: row[key] for key in ("id", "entity", "state")} for row in rows]

    async def _answers(self, name: str) -> list[Row]:
        """Return ``step, state, reason, tries`` of what the incident of this key asked, or the model answered."""
        ended = texts(await self._scripts.read("hgetall", f"{name}:steps"))
        waiting = texts(await self._scripts.read("hgetall", f"{name}:tries"))
        rows = [{"step": step, "tries": None, **msgspec.json.decode(value)} for step, value in ended.items()]
        for step, value in waiting.items():
            said = msgspec.json.decode(value, type=Tries)
            rows.append({"step": step, "state": "waiting", "reason": said.reason, "tries": said.count})
        return [{key: row[key] for key in ("step", "state", "reason", "tries")} for row in rows]

    async def _ids(self, limit: int | None) -> list[str]:
        last = -1 if limit is None else limit - 1
        return [text(name) for name in await self._scripts.read("zrevrange", self._scripts.key("incidents"), 0, last)]

    async def _incidents(self, limit: int | None) -> list[dict[str, str]]:
        names = [self._scripts.key("incident", name) for name in await self._ids(limit)]
        return [texts(row) for row in await self._scripts.read_many("hgetall", names) if row]


def effect_row(effect: Effect) -> Row:
    """Return the row that lists show: ``key, incident, rule, step, tool, args, state, reason, attempts`` and more.

    ``provider_key`` is what its system knows it by; ``what_to_do`` is empty unless a person must look.
    """
    return {
        "key": effect.key,
        "incident": effect.incident,
        "rule": effect.rule,
        "step": effect.step,
        "tool": effect.tool,
        "args": dict(effect.args),
        "state": effect.state.value,
        "reason": effect.reason,
        "attempts": effect.attempts,
        "by": effect.by,
        "provider_key": provider_key(effect.key),
        "look": effect.look,
        "breach": effect.breach,
        "what_to_do": _what_to_do(effect),
        "result": {"id": effect.receipt.id, **effect.receipt.data} if effect.receipt else None,
    }


def what_to_do(key: str) -> str:
    """Return what a person does about a parked effect."""
    return (
        f"look in its system for what it made ({provider_key(key)}, where that keeps our key), "
        f"then say what you found: `dutyd effects settle {key} --as NAME --because TEXT` "
        "with --done ID, --not-done or --resend"
    )


def about_breach(key: str, found: str) -> str:
    """Return what a person does about an effect that was done and of which *found* (``missing: ...``) is said now."""
    then = "take one of them away by hand" if found.startswith("double") else "make it by hand, if it is still wanted"
    return f"look for {provider_key(key)} in its system, and {then}"


def _what_to_do(effect: Effect) -> str:
    if effect.state is EffectState.PARKED:
        return what_to_do(effect.key)
    return about_breach(effect.key, effect.breach) if effect.breach else ""


def _note(line: bytes) -> Row:
    said = msgspec.json.decode(line)
    return {**said, "at": _time(said["at"] / 1000)}


def _time(seconds: str | float | None) -> str | None:
    return instant_text(float(seconds)) if seconds else None


def _incident_row(fields: dict[str, str]) -> Row:
    trigger = msgspec.json.decode(fields["trigger"])
    return {
        "id": fields["id"],
        "rule": fields["rule"],
        "entity": trigger["entity"],
        "state": fields["state"],
        "opened": _time(fields["opened"]),
        "cleared": _time(fields.get("cleared")),
        "mode": fields["mode"],
        "run": fields.get("run" + round_suffix(trigger["round"])) or None,
        "kind": fields["kind"],
    }
