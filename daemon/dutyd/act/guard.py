"""Guards around what the worker calls: a breaker around each provider and the model, a pace where the settings say one.

A call that a guard holds back is a ``HeldBackError`` with the time to wait, or a ``ModelDown``: the ledger's due times
and the rule's fallback take it from there, so that a system that is down costs no incident its turn. Wired by ``app``.
"""

import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog

from dutyd.act.agent.model import Answer, Fault, Model, ModelDown, ModelLimited, ModelRejected, Price, Question
from dutyd.act.pacing import SharedPace
from dutyd.core.breaker import Breaker
from dutyd.core.metrics import BREAKERS
from dutyd.core.tool import KeyKnownError, NotSentError, Promise, Provider, Receipt, RefusedError, UnknownOutcomeError

T = TypeVar("T")

REJECTED_SECONDS = 60.0
"""How long a model that will not answer us is left alone: a person has to mend key, id or balance first."""

log = structlog.get_logger()


class HeldBackError(NotSentError):
    """A guard held it back: its system was not asked."""


def _breaker() -> Breaker:
    return Breaker(random.random)


@dataclass(slots=True)
class GuardedProvider:
    """A provider that is left alone while it is down, and asked no faster than its pace (``core.tool.Provider``).

    Attributes:
        name: for logs and metrics: ``family`` or ``family.route``.

    """

    name: str
    provider: Provider
    pace: SharedPace | None = None
    breaker: Breaker = field(default_factory=_breaker)
    clock: Callable[[], float] = time.monotonic
    _why: str = ""  # it failed the last time

    def promise_of(self, kind: str) -> Promise | None:
        """Return the provider's own promise."""
        return self.provider.promise_of(kind)

    async def create(self, kind: str, key: str, body: Mapping[str, Any]) -> Receipt:
        """Make one *kind*; raises HeldBackError where a guard holds it back."""
        return await self._guarded(lambda: self.provider.create(kind, key, body))

    async def lookup(self, kind: str, key: str) -> Receipt | None:
        """Look up; raises HeldBackError where a guard holds it back."""
        return await self._guarded(lambda: self.provider.lookup(kind, key))

    async def peek(self, kind: str, key: str) -> Receipt | None:
        """Look up for the sweeper: within the pace, never while the breaker is open, and its failure opens none."""
        if self.breaker.is_open:  # whose one try this must not be
            raise HeldBackError(self._left_alone)
        await self._keep_pace()
        return await self.provider.lookup(kind, key)

    async def read(self, kind: str, query: Mapping[str, Any]) -> Any:
        """Ask; raises HeldBackError where a guard holds it back."""
        return await self._guarded(lambda: self.provider.read(kind, query))

    async def check(self) -> str:
        """Ask whether it would take us, whatever the guards say."""
        return await self.provider.check()

    async def close(self) -> None:
        """Close connections."""
        await self.provider.close()

    async def _keep_pace(self) -> None:
        if self.pace is not None and (wait := await self.pace.wait()):
            raise HeldBackError(f"{self.name}: its pace is {self.pace.per_minute:g} a minute", retry_after=wait)

    async def _guarded(self, call: Callable[[], Awaitable[T]]) -> T:
        if wait := self.breaker.wait(self.clock()):
            raise HeldBackError(self._left_alone, retry_after=wait)
        try:
            await self._keep_pace()
        except BaseException:
            self.breaker.untried()
            raise
        try:
            answer = await call()
        except (RefusedError, KeyKnownError):
            self._answered()
            raise
        except NotSentError as error:
            self._failed(str(error), error.retry_after)
            raise
        except (UnknownOutcomeError, TimeoutError) as error:
            self._failed(str(error) or "no answer")
            raise
        except BaseException:  # stopped on the way, or something unexpected: nothing is known of the system
            self.breaker.untried()
            raise
        self._answered()
        return answer

    @property
    def _left_alone(self) -> str:
        return f"{self.name} keeps failing and is left alone: {self._why}"

    def _answered(self) -> None:
        if self.breaker.is_open:
            log.info("a provider answers again", provider=self.name)
            BREAKERS.labels(self.name).set(0)
        self.breaker.succeeded()

    def _failed(self, why: str, retry_after: float | None = None) -> None:
        self._why = why
        if self.breaker.failed(self.clock(), at_once=retry_after):
            log.error("a provider keeps failing: it is left alone for a while", provider=self.name, error=why)
            BREAKERS.labels(self.name).set(1)


@dataclass(slots=True)
class GuardedModel:
    """A model that is left alone while it is down, and loudly where it will not answer us (``act.agent.model.Model``).

    Without it every incident would find out by itself, with its own retries, that the key is wrong.
    """

    model: Model
    breaker: Breaker = field(default_factory=_breaker)
    clock: Callable[[], float] = time.monotonic
    _rejected: str = ""

    @property
    def price(self) -> Price | None:
        """What tokens cost."""
        return self.model.price

    @property
    def tokens(self) -> int:
        """How many tokens one answer may take at most."""
        return self.model.tokens

    async def ask(self, question: Question) -> Answer | Fault:
        """Ask once, or answer at once what it would say."""
        if wait := self.breaker.wait(self.clock()):
            return ModelRejected(self._rejected) if self._rejected else ModelDown("it keeps failing: left alone", wait)
        try:
            answer = await self.model.ask(question)
        except BaseException:  # stopped on the way
            self.breaker.untried()
            raise
        match answer:
            case ModelRejected(reason):
                self.hold(reason)
            case ModelLimited(reason, retry_after) if retry_after is not None:
                self._failed("the model's rate is used up", reason, retry_after)
            case ModelDown(reason):
                self._rejected = ""
                self._failed("the model keeps failing: it is left alone for a while", reason)
            case _:
                self._rejected = ""
                BREAKERS.labels("model").set(0)
                self.breaker.succeeded()
        return answer

    def hold(self, reason: str) -> None:
        """Take note that it will not answer us: nobody asks it for a while, then one question finds out again."""
        self._rejected = reason
        self._failed("the model will not answer until somebody acts", reason, REJECTED_SECONDS)

    def _failed(self, what: str, why: str, at_once: float | None = None) -> None:
        if self.breaker.failed(self.clock(), at_once=at_once):
            log.error(what, error=why, see="`dutyd model check`")
            BREAKERS.labels("model").set(1)
