"""Which dead letters were sent again, by whom: remembered before they are sent, so that none goes twice by accident.

A crash between the two leaves one *begun*: it may be in its topic or not, and only a person can say *again*. Kept for
twice as long as dead letters are. Called by ``app.dead_letters``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from dutyd.ledger.scripts import Scripts, text


@dataclass(frozen=True, slots=True)
class Replay:
    """What is known of one: *state* is ``began`` or ``sent``, *at* seconds since the epoch."""

    state: str
    who: str
    at: float

    @property
    def sent(self) -> bool:
        """Whether it is in its topic again; False: nobody knows."""
        return self.state == "sent"


class Replays:
    """The replays of one installation, by names that are the caller's."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def begin(self, names: Sequence[str], who: str, *, again: bool) -> Mapping[str, Replay | None]:
        """Take *names* to be sent; None: it is the caller's to send now, else what happened to it before."""
        if not names:
            return {}
        answer = await self._scripts.run("replay", who, "1" if again else "", *names)
        return {text(answer[i]): _replay(answer[i + 1]) for i in range(0, len(answer), 2)}

    async def done(self, names: Sequence[str]) -> None:
        """Remember that *names* are in their topics."""
        if names:
            await self._scripts.run("replayed", *names)

    async def known(self, names: Sequence[str]) -> Mapping[str, Replay]:
        """Return what is known of those of *names* that were ever sent again."""
        found = await self._scripts.read_many("get", [self._scripts.key("replay", name) for name in names])
        replays = ((name, _replay(value)) for name, value in zip(names, found, strict=True))
        return {name: replay for name, replay in replays if replay is not None}


def _replay(value: bytes | None) -> Replay | None:
    if not value:
        return None
    fields = msgspec.json.decode(value)
    return Replay(fields.get("state", ""), fields.get("who", ""), fields.get("at", 0) / 1000)
