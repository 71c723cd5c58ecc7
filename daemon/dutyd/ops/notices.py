"""dutyd's own notices to the people who run it: once for each thing, in the log, in a metric, and to ``notices.to``.

Whoever sees a thing (``standing`` in the ledger, ``app`` in the rule files) says so as often as it sees it. The ledger
remembers a thing as told before it is told, so of all processes one tells it, at most once: a crash right then loses
the message, and the metrics of the thing itself still stand. What provably never left is told at a later look. Nothing
waits for a notice, and a notice makes no incident, so none can lead to another.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import structlog

from dutyd.core.incident import provider_key
from dutyd.core.metrics import NOTICES
from dutyd.core.tool import UNPROMISED, NotSentError, Provider, ProviderError, Tool
from dutyd.ledger.standing import Standings

log = structlog.get_logger()

AGAIN_SECONDS = 60.0
"""How long nothing is told after a message that never left."""

LISTED = 10
"""Things that one message names; it says how many more there are."""


class Told(StrEnum):
    """What became of a notice."""

    LOGGED = "logged"  # nobody is named in the settings
    SENT = "sent"
    UNSENT = "unsent"  # it never left: tried again
    FAILED = "failed"  # refused, or nobody knows: not tried again


KINDS = ("approval", "brake", "breach", "budget", "model", "parked", "rules", "stuck", "unanswered")


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that people should know.

    Attributes:
        kind: one of ``KINDS``: what it is about.
        thing: what it is told of once, within the kind.
        text: one sentence for people, with what to do.

    """

    kind: str
    thing: str
    text: str

    @property
    def name(self) -> str:
        """The thing's name in the ledger."""
        return f"{self.kind}:{self.thing}"


@dataclass(frozen=True, slots=True)
class Addressee:
    """Where messages go: the tool that makes them, the provider behind it, and who is told."""

    tool: Tool
    provider: Provider
    to: str

    async def send(self, key: str, subject: str, text: str) -> None:
        """Send one message.

        Raises:
            ProviderError: it was not, or perhaps not.

        """
        args = self.tool.args.model_validate({"to": self.to, "subject": subject, "text": text})
        if self.tool.body is None:
            raise TypeError(f"tool '{self.tool.name}' says that it changes something, but has no body")
        promise = self.provider.promise_of(self.tool.makes) or UNPROMISED
        async with asyncio.timeout(promise.timeout):
            await self.provider.create(self.tool.makes, key, self.tool.body(args))


@dataclass(slots=True)
class Notices:
    """Tells notices; without an *addressee*, in log and metric only."""

    standings: Standings
    installation: str
    addressee: Addressee | None = None
    clock: Callable[[], float] = time.monotonic
    _done: set[str] = field(default_factory=set)  # told, by whomever: not worth a question to Redis
    _logged: set[str] = field(default_factory=set)
    _unsent: set[str] = field(default_factory=set)  # never left, and the ledger still has them as told
    _quiet_until: float = 0.0

    async def tell(self, notices: Sequence[Notice]) -> None:
        """Tell those of *notices* that nobody told yet, all of one kind in one message.

        Raises:
            NotReadyError: Redis does not answer; what was not told is told at a later call.

        """
        if self.clock() < self._quiet_until:
            return
        await self._take_back()
        asked = [notice for notice in notices if notice.name not in self._done]
        new = set(await self.standings.untold([notice.name for notice in asked]))
        self._done |= {notice.name for notice in asked}
        fresh = [notice for notice in asked if notice.name in new]
        for kind in sorted({notice.kind for notice in fresh}):
            await self._tell_kind(kind, [each for each in fresh if each.kind == kind])
        await self._take_back()

    async def _take_back(self) -> None:
        """Have the ledger forget what never left."""
        if self._unsent:
            await self.standings.forget(sorted(self._unsent))
            self._unsent.clear()

    async def _tell_kind(self, kind: str, notices: list[Notice]) -> None:
        names = {notice.name for notice in notices}
        for notice in notices:
            if notice.name not in self._logged:
                log.warning("notice", kind=kind, said=notice.text)
        self._logged |= names
        told = await self._send(self.addressee, kind, notices) if self.addressee else Told.LOGGED
        NOTICES.labels(kind, told).inc(len(notices))
        if told is Told.UNSENT:
            self._done -= names
            self._unsent |= names
            self._quiet_until = self.clock() + AGAIN_SECONDS

    async def _send(self, addressee: Addressee, kind: str, notices: list[Notice]) -> Told:
        """Send one message that lists *notices*."""
        names = "\n".join(notice.name for notice in notices)
        lines = [notice.text for notice in notices[:LISTED]]
        if len(notices) > LISTED:
            lines.append(f"and {len(notices) - LISTED} more")
        subject = f"dutyd {self.installation}: {kind}" + (f" ({len(notices)})" if len(notices) > 1 else "")
        try:
            await addressee.send(provider_key(f"notice/{names}"), subject, "\n".join(lines))
        except NotSentError as error:
            log.warning("a notice was not sent; it is tried again", kind=kind, error=str(error))
            return Told.UNSENT
        except (ProviderError, TimeoutError) as error:
            log.warning("a notice may not have arrived", kind=kind, error=str(error) or "no answer")
            return Told.FAILED
        except Exception:  # the boundary: a provider of somebody else's must not stop the look-out
            log.exception("a notice could not be sent", kind=kind)
            return Told.FAILED
        return Told.SENT
