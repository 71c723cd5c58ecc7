"""Silences that people made, until they end.

Called by the command line, and by ``act.muting`` whenever an incident is about to be worked.
"""

import msgspec

from dutyd.core.mute import Silence
from dutyd.ledger.scripts import Scripts


class Silences:
    """The silences of one installation."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def add(self, silence: Silence) -> None:
        """Begin *silence*, at its time."""
        said = msgspec.json.encode(silence)
        await self._scripts.run("silence", "add", silence.id, silence.who, silence.because, said)

    async def end(self, silence: str, who: str, because: str) -> int | None:
        """End a silence before its time; return how many incidents go on, None where there is no such silence."""
        woken = int(await self._scripts.run("silence", "end", silence, who, because))
        return None if woken < 0 else woken

    async def all(self, now: float) -> list[Silence]:
        """Return the silences that are not over at *now*, seconds since the epoch; the next to end first."""
        found = await self._scripts.read("hvals", self._scripts.key("silences"))
        silences = [msgspec.json.decode(each, type=Silence) for each in found]
        return sorted((each for each in silences if each.ends > now), key=lambda each: each.ends)

    async def at(self, then: float) -> list[Silence]:
        """Return the silences that lasted at *then*, also those that people have ended since."""
        found = [
            value
            for name in (self._scripts.key("silences"), self._scripts.key("silences", "ended"))
            for value in await self._scripts.read("hvals", name)
        ]
        silences = [msgspec.json.decode(each, type=Silence) for each in found]
        return [each for each in silences if each.until(then) is not None]
