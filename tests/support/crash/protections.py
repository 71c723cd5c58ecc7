"""Protections of the program that are switched off to show that the tests notice, and that each is needed.

By name they are switched off in a process that ``mortal`` starts, before anything runs.
"""

from collections.abc import Callable, Sequence
from typing import Any


def _without_lookup() -> None:
    from dutyd_tools.providers.backoffice import Backoffice

    async def nothing(*_: Any) -> None:
        return None

    Backoffice.lookup = nothing  # type: ignore[assignment,method-assign]


def _without_outbox() -> None:
    from dataclasses import replace

    from dutyd.evaluate.checkpoint import Checkpoint

    write = Checkpoint.write
    Checkpoint.write = lambda self, writes: write(self, [replace(one, triggers=(), acked=0) for one in writes])  # type: ignore[method-assign]


FENCE = ("redis.call('HGET', key('incident', id), 'fence') == fence", "true")
"""The comparison of fencing tokens in the ledger's scripts, and what stands there when it is off."""

OWNER = ("if state[1] ~= ARGV[1] then return 'another' end", "")
"""The same of the token of a task's owner, in the evaluator's fenced write."""

GUARD = ("return not born or born ~= string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')", "return false")
"""The same of the guard against a Redis that was started again."""


def without(protection: tuple[str, str], source: Callable[[str], str]) -> Callable[[str], str]:
    """Return what reads the ledger's scripts, as *source* does, with *protection* off."""
    on, off = protection

    def read(name: str) -> str:
        text = source(name)
        assert text.count(on) == 1
        return text.replace(on, off)

    return read


def _without_lease_check() -> None:
    """Let bytes leave without the two looks at the clock after SENDING: does the lease last, was it just now?"""
    from dutyd.act.effects import Delivery
    from dutyd.act.lease import Lease

    Lease.lasts = lambda self: True  # type: ignore[method-assign]  # noqa: ARG005  # its name is the method's
    Delivery._late = lambda *_: False  # type: ignore[method-assign]


def _without_parking() -> None:
    from dutyd.act.effects import Delivery

    async def sent_again(self: Delivery, effect: Any, *_: Any) -> Any:
        return await self._send(effect)

    Delivery._unsure = sent_again  # type: ignore[assignment,method-assign]


def _without_gates_again() -> None:
    from dutyd.act.episode import Episode

    Episode._regated = lambda *_: None  # type: ignore[method-assign]


def _without_withdrawal() -> None:
    from dutyd.ledger.effects import Effects

    async def nothing(*_: Any) -> None:
        return None

    Effects.withdraw = nothing  # type: ignore[assignment,method-assign]


def _without_memory_of_notices() -> None:
    from dutyd.ledger.standing import Standings

    async def all_of(_: Any, names: Sequence[str]) -> list[str]:
        return list(names)

    Standings.untold = all_of  # type: ignore[assignment,method-assign]


def _without_adoption() -> None:
    from dutyd.ledger.birth import Adopted, Birth

    async def nothing(*_: Any) -> Adopted:
        return Adopted()

    Birth.adopt = nothing  # type: ignore[assignment,method-assign]


def _without_doubt() -> None:
    from dutyd.ledger.effects import Effects

    async def as_it_is(self: Effects, _: Any, key: str) -> Any:
        return await self.get(key)

    Effects.doubt = as_it_is  # type: ignore[assignment,method-assign]


def _in_scripts(on: str, off: str, script: str) -> Callable[[], None]:
    """Return what switches off a protection in one of the ledger's scripts."""

    def switch() -> None:
        from dutyd.ledger import scripts

        source: Callable[[str], str] = scripts._source.__wrapped__
        one = without((on, off), source)
        scripts._source = lambda name: one(name) if name == script else source(name)  # type: ignore[assignment]

    return switch


PROTECTIONS: dict[str, Callable[[], None]] = {
    "lookup": _without_lookup,
    "outbox": _without_outbox,
    "lease check": _without_lease_check,
    "parking": _without_parking,
    "gates again": _without_gates_again,
    "withdrawal": _without_withdrawal,
    "no send after a clear": _in_scripts("state == 'CLEARING' and", "false and", "sending"),
    "waking": _in_scripts("poke(effect.incident, at)", "", "decide"),
    "expiry": _in_scripts("if left > 0 then return left end", "if true then return 60000 end", "expire"),
    "memory of notices": _without_memory_of_notices,
    "adoption": _without_adoption,
    "doubt": _without_doubt,
}
