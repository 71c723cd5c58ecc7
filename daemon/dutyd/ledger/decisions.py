"""What people decide: approve or deny one exact call, pause and resume. Audited, by name.

Called by the command line (``--as NAME``); each goes through a script, so that two people can't both act.
"""

from enum import StrEnum

from dutyd.ledger.scripts import Scripts, text


class Decided(StrEnum):
    """What became of a decision."""

    DONE = "done"
    CHANGED = "changed"  # the call is not the one that was shown
    TOO_LATE = "too late"  # it is in another state by now
    NOT_FOUND = "not found"


class Decisions:
    """The decisions of one installation."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def approve(self, effect: str, call_hash: str, who: str, why: str = "") -> Decided:
        """Let the exact call with *call_hash* be sent."""
        return await self._decide(effect, call_hash, "approve", who, why)

    async def deny(self, effect: str, call_hash: str, who: str, why: str = "") -> Decided:
        """Refuse the call."""
        return await self._decide(effect, call_hash, "deny", who, why)

    async def _decide(self, effect: str, call_hash: str, what: str, who: str, why: str) -> Decided:
        answer = text(await self._scripts.run("decide", effect, call_hash, what, who, why))
        if answer in {"done", "changed"}:
            return Decided(answer)
        return Decided.TOO_LATE if answer else Decided.NOT_FOUND

    async def pause(self, what: str, who: str, why: str = "") -> None:
        """Stop sending effects of *what*: ``all``, ``rule:R`` or ``tool:T``. They stay RESERVED."""
        await self._scripts.run("pause", "pause", what, who, why)

    async def resume(self, what: str, who: str, why: str = "") -> int:
        """Let them be sent again; return how many incidents woke."""
        return int(await self._scripts.run("pause", "resume", what, who, why))
