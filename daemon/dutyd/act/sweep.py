"""The sweeper: holds done effects against their systems once these must know, and counts what was not kept.

What it finds it does not mend: a thing that is missing or double is a breach of the promise, for a person to see. It
asks under the same guards as everybody (pace, breaker), one effect after the other at an even pace, one worker at a
time; an effect that could not be asked about for a day is let go, and counted. Started by ``app`` beside the worker.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

import structlog

from dutyd.act.effects import GRACE
from dutyd.act.guard import GuardedProvider
from dutyd.act.means import Means
from dutyd.core.errors import NotReadyError
from dutyd.core.incident import provider_key
from dutyd.core.metrics import BREACHES, LET_GO
from dutyd.core.tool import NotSentError, Promise, ProviderClass, ProviderError, Receipt
from dutyd.ledger.effects import Effect
from dutyd.ledger.sweeps import Done, Look

log = structlog.get_logger()

IDLE_SECONDS = 10.0
"""How long it waits where nothing is due, or another sweeps."""

LOOK_SECONDS = 30.0
"""How long one look may take at most, whatever its provider promises."""

LEASE_SECONDS = LOOK_SECONDS + 30.0
"""How long nobody else sweeps after a look and the pause behind it: a worker that died is replaced after that."""

AGAIN_SECONDS = 60.0
"""After how long it is asked again where there was no answer, unless the system says another."""

OLDEST_SECONDS: Final = 86_400.0
"""An effect that ended longer ago is not asked about any more."""


class Turn(Enum):
    """What became of one turn."""

    IDLE = "idle"  # nothing was due, or another sweeps
    PASSED = "passed"  # an effect was due, and nobody was asked
    ASKED = "asked"


def wait_after(turn: Turn, pause: float, took: float) -> float:
    """Return for how many seconds the next turn waits, so that looks begin *pause* seconds apart.

    Args:
        turn: what became of the last one.
        pause: seconds between two looks.
        took: seconds that the last turn took.

    """
    return {Turn.IDLE: IDLE_SECONDS, Turn.PASSED: 0.0, Turn.ASKED: max(0.0, pause - took)}[turn]


async def _stopped(stop: asyncio.Event, seconds: float) -> None:
    """Wait for *seconds*, or until *stop*."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


@dataclass(slots=True)
class Sweeper:
    """Sweeps with the *means* of a worker.

    Attributes:
        per_minute: looks a minute at most, of all workers together.
        grace: seconds on top of what the provider promises.
        wait: waits between two turns.

    """

    means: Means
    per_minute: float
    grace: float = GRACE
    clock: Callable[[], float] = time.monotonic
    wait: Callable[[asyncio.Event, float], Awaitable[None]] = _stopped
    _token: str = field(default_factory=lambda: secrets.token_hex(8))

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep until *stop*."""
        self._begin_series()
        while not stop.is_set():
            began, turn = self.clock(), Turn.IDLE
            try:
                turn = await self.turn()
            except NotReadyError as error:
                log.debug("effects can't be swept now", error=str(error))  # others say it louder
            except Exception:  # the boundary: who looks on must not stop those who work
                log.exception("sweeping failed unexpectedly")
            await self.wait(stop, wait_after(turn, self._pause, self.clock() - began))
        with contextlib.suppress(NotReadyError):  # then its time runs out
            await self.means.ledger.sweeps.release(self._token)

    async def turn(self) -> Turn:
        """Look at the one effect that has been due longest.

        Raises:
            NotReadyError: the ledger does not answer.

        """
        done = await self.means.ledger.sweeps.take(self._token, self._pause + LEASE_SECONDS)
        return Turn.IDLE if done is None else await self._look(done)

    @property
    def _pause(self) -> float:
        return 60 / self.per_minute

    async def _look(self, done: Done) -> Turn:
        """Look at one effect where it is time."""
        key, sweeps = done.effect.key, self.means.ledger.sweeps
        place = self._place(done)
        if place is None:
            await sweeps.note(self._token, key, Look.UNSEARCHABLE)
            return Turn.PASSED
        if done.ago > OLDEST_SECONDS:
            await self._let_go(key, place)
            return Turn.PASSED
        due = place.promise.timeout + place.promise.settle + self.grace
        if done.ago < due:
            await sweeps.later(self._token, key, due - done.ago)
            return Turn.PASSED
        try:
            async with asyncio.timeout(min(place.promise.timeout, LOOK_SECONDS)):
                found = await place.ask(place.makes, provider_key(key))
        except (ProviderError, TimeoutError) as error:
            wait = error.retry_after if isinstance(error, NotSentError) else None
            await sweeps.later(self._token, key, wait or AGAIN_SECONDS)
        except Exception:  # the boundary: a provider of somebody else's must not hold up the effects behind this one
            log.exception("a done effect could not be looked up", key=key, provider=place.name)
            await sweeps.later(self._token, key, AGAIN_SECONDS)
        else:
            await self._note(done, place, found)
        return Turn.ASKED

    async def _let_go(self, key: str, place: "Place") -> None:
        if await self.means.ledger.sweeps.note(self._token, key, Look.LET_GO):
            LET_GO.labels(place.name).inc()
            log.warning("a done effect was never held against its system: it is let go", key=key, provider=place.name)

    async def _note(self, done: Done, place: "Place", found: Receipt | None) -> None:
        look, said = judged(done.effect, found, keeps=place.promise.keeps)
        ours = await self.means.ledger.sweeps.note(self._token, done.effect.key, look, said)
        if ours and look.is_breach:
            BREACHES.labels(place.name, look).inc()
            log.error("a done effect is not there once", key=done.effect.key, provider=place.name, found=said)

    def _place(self, done: Done) -> "Place | None":
        """Return where the effect was done; None where nobody there can be asked."""
        tool = self.means.catalogue.get(done.effect.tool)
        if tool is None:
            return None
        routes = self.means.providers[tool.family]
        provider = routes.pick(tool, done.effect.args)
        promise = provider.promise_of(tool.makes)
        if promise is None or not promise.searchable or promise.kind is ProviderClass.C:
            return None
        named = (f"{tool.family}.{name}" for name, each in routes.named.items() if each is provider)
        ask = provider.peek if isinstance(provider, GuardedProvider) else provider.lookup
        return Place(next(named, tool.family), promise, tool.makes, ask)

    def _begin_series(self) -> None:
        for family, routes in self.means.providers.items():
            makes = {tool.makes for tool in self.means.catalogue.values() if tool.family == family and tool.changes}
            if makes:
                for name in (family, *(f"{family}.{route}" for route in routes.named)):
                    BREACHES.labels(name, Look.MISSING)
                    BREACHES.labels(name, Look.DOUBLE)
                    LET_GO.labels(name)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an effect was done.

    Attributes:
        name: ``family`` or ``family.route``.
        makes: the kind of thing.
        ask: looks one up by kind and key.

    """

    name: str
    promise: Promise
    makes: str
    ask: Callable[[str, str], Awaitable[Receipt | None]]


def judged(effect: Effect, found: Receipt | None, *, keeps: bool) -> tuple[Look, str]:
    """Return what a look-up says of a done *effect*, with words for people.

    Args:
        effect: as the ledger has it.
        found: what the system has under its key.
        keeps: whether what was made stays to be found.

    """
    if found is None:
        return (Look.MISSING, f"{_id(effect)} is not there") if keeps else (Look.FINE, "")
    if found.copies > 1:
        return Look.DOUBLE, f"it is there {found.copies} times, {found.id} first"
    return Look.FINE, ""


def _id(effect: Effect) -> str:
    return effect.receipt.id[:100] if effect.receipt else "it"
