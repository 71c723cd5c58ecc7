"""Reading the ledger for people: rows for ``incidents``, ``effects`` and ``approvals``, newest first.

Called by the command line; reads only. Rows are plain JSON values with the names that the interface promises.
"""

from datetime import UTC, datetime
from typing import Any

import msgspec

from dutyd.core.incident import EffectState
from dutyd.ledger.effects import Effect, Effects, effect_of
from dutyd.ledger.scripts import Scripts, text

Row = dict[str, Any]


class Queries:
    """Questions about one installation."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def incidents(self, limit: int | None = None) -> list[Row]:
        """Return ``id, rule, entity, state, opened, cleared, mode, run``, newest first; times RFC 3339."""
        return [_incident_row(fields) for fields in await self._incidents(limit) if fields]

    async def incident(self, prefix: str) -> Row | None:
        """Return one incident by its id or the unique beginning of it, with its effects and its trigger."""
        for fields in await self._incidents(None):
            if fields and fields["id"].startswith(prefix):
                effects = await Effects(self._scripts).of(fields["id"])
                turns = await self._scripts.client.llen(self._scripts.key("incident", fields["id"]) + ":turns")
                rejected = await self._scripts.client.hgetall(self._scripts.key("incident", fields["id"]) + ":rejected")
                return {
                    **_incident_row(fields),
                    "waits_for": fields.get("wait", ""),
                    "trigger": msgspec.json.decode(fields["trigger"]),
                    "trouble": fields.get("trouble", ""),
                    "turns": turns,
                    "rejected": [text(why) for why in rejected.values()],
                    "effects": [effect_row(effect) for effect in effects],
                }
        return None

    async def effects(self, state: EffectState | None = None) -> list[Row]:
        """Return ``key, incident, rule, step, tool, args, state, reason, attempts``, by incident, newest first."""
        found = await self._effects()
        return [effect_row(effect) for effect in found if state is None or effect.state is state]

    async def approvals(self) -> list[Row]:
        """Return the effects that wait for a person, with the hash of the exact call."""
        client, key = self._scripts.client, self._scripts.key
        rows = []
        for name in sorted(await client.smembers(key("approvals"))):
            fields: Any = await client.hgetall(key("effect", text(name)))
            if fields:
                effect = effect_of({text(field): text(value) for field, value in fields.items()})
                rows.append({**effect_row(effect), "hash": effect.args_hash})
        return rows

    async def paused(self) -> dict[str, str]:
        """Return what is paused and by whom."""
        found: Any = await self._scripts.client.hgetall(self._scripts.key("paused"))
        return {text(what): text(who) for what, who in found.items()}

    async def _incidents(self, limit: int | None) -> list[dict[str, str]]:
        client, key = self._scripts.client, self._scripts.key
        ids = await client.zrevrange(key("incidents"), 0, -1 if limit is None else limit - 1)
        async with client.pipeline(transaction=False) as pipe:
            for name in ids:
                pipe.hgetall(key("incident", text(name)))
            rows = await pipe.execute() if ids else []
        return [{text(field): text(value) for field, value in row.items()} for row in rows]

    async def _effects(self) -> list[Effect]:
        client, key = self._scripts.client, self._scripts.key
        ids = await client.zrevrange(key("incidents"), 0, -1)
        async with client.pipeline(transaction=False) as pipe:
            for name in ids:
                pipe.lrange(key("incident", text(name)) + ":effects", 0, -1)
            lists = await pipe.execute() if ids else []
        names = [name for found in lists for name in found]
        async with client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hgetall(key("effect", text(name)))
            rows = await pipe.execute() if names else []
        return [effect_of({text(field): text(value) for field, value in row.items()}) for row in rows if row]


def effect_row(effect: Effect) -> Row:
    """Return the row that lists show."""
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
        "result": {"id": effect.receipt.id, **effect.receipt.data} if effect.receipt else None,
    }


def _time(seconds: str | None) -> str | None:
    if not seconds:
        return None
    return datetime.fromtimestamp(float(seconds), UTC).isoformat().replace("+00:00", "Z")


def _incident_row(fields: dict[str, str]) -> Row:
    return {
        "id": fields["id"],
        "rule": fields["rule"],
        "entity": msgspec.json.decode(fields["trigger"])["entity"],
        "state": fields["state"],
        "opened": _time(fields["opened"]),
        "cleared": _time(fields.get("cleared")),
        "mode": fields["mode"],
        "run": fields.get("run") or None,
        "kind": fields["kind"],
    }
