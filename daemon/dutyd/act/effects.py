"""One effect, once: reserve, SENDING, re-check the lease, send, record.

What comes in is a step with its exact arguments; what goes out is the step's result. Every way that a send can end is
a branch here and nowhere else: the provider's class decides how an unknown outcome is settled. Adapters never retry by
themselves; the ledger's due times are the only retrier. The provider is guarded: ``guard`` may hold a call back, which
then was not sent. Called by ``perform`` for new effects, and by ``Episode`` and ``leftovers`` for those from before.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from dutyd.act.lease import Lease
from dutyd.act.means import Pause
from dutyd.act.steps import StepResult, StepState
from dutyd.core.incident import EffectState, IncidentState, provider_key
from dutyd.core.metrics import EFFECTS
from dutyd.core.route import Routes
from dutyd.core.step import IfUnsure
from dutyd.core.tool import (
    UNPROMISED,
    KeyKnownError,
    NotSentError,
    Promise,
    Provider,
    ProviderClass,
    ProviderError,
    Receipt,
    RefusedError,
    Tool,
    UnknownOutcomeError,
)
from dutyd.ledger.claims import Claim, Waiting
from dutyd.ledger.effects import Effect, Effects, Leave, LostError, MoneyLimitsMicros, NewEffect, Sent

log = structlog.get_logger()

GRACE = 2.0
"""Seconds on top of a send's timeout before a successor believes that the bytes are no longer on their way: so long the
ledger's answer to SENDING may take."""

KNOWN_TRIES = 8
"""How often a provider that can't be searched may say that it knows a key: by then no send is still in work there."""


@dataclass(frozen=True, slots=True)
class Instead:
    """What becomes of an effect in doubt that turns out not to have happened, in place of another send.

    Attributes:
        state: REFUSED, or AWAITING_APPROVAL where a person is asked by now.

    """

    state: EffectState
    reason: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """Sends the effects of one claimed incident.

    Attributes:
        tool: what is called.
        routes: the systems behind it; an effect's frozen arguments say which one it goes to.
        if_unsure: what the rule says for class C: ``skip``, ``repeat`` or None (park).
        pause: how long to wait before another try (``Means.pause``).
        approval: seconds until an approval that nobody gave is a denial.
        instead: why nothing is sent again, where what allowed it does not any more.

    """

    effects: Effects
    claim: Claim
    lease: Lease
    tool: Tool
    routes: Routes
    if_unsure: IfUnsure
    pause: Pause
    approval: float
    instead: Instead | None = None

    async def perform(self, new: NewEffect, limits: MoneyLimitsMicros) -> StepResult:
        """Bring the effect as far as it can be brought now.

        Raises:
            LostError: another worker has the incident.
            NotReadyError: the ledger does not answer.

        """
        return await self.go_on(await self.effects.reserve(self.claim, new, limits))

    async def go_on(self, effect: Effect) -> StepResult:
        """Bring an effect that is reserved as far as it can be brought now; the same errors."""
        if effect.state is EffectState.RESERVED and self.claim.predates:
            effect = await self.effects.doubt(self.claim, effect.key)
        if effect.state is EffectState.RESERVED:
            return await self._send(effect)
        if effect.state in (EffectState.SENDING, EffectState.UNKNOWN):
            return await self._settle(effect)
        if effect.state is EffectState.AWAITING_APPROVAL:
            left = await self.effects.expire(self.claim, effect, self.approval)
            if left > 0:
                return _waits(Waiting.APPROVAL, left, "waits for approval")
            return await self.go_on(await self.effects.get(effect.key))
        return result_of(effect)

    async def _send(self, effect: Effect) -> StepResult:
        """SENDING in the ledger first, then the lease by our own clock, then bytes."""
        asked = self.lease.clock()
        leave = await self.effects.sending(self.claim, effect)
        if leave is Leave.LOST:
            raise LostError(effect.key)
        if leave is Leave.PAUSED:
            return _waits(Waiting.PAUSED, None, "paused")
        if leave is Leave.FORBIDDEN:
            return await self.go_on(await self.effects.get(effect.key))
        if leave is Leave.CLEARED:
            return StepResult(StepState.REFUSED, reason="cleared")
        if not self.lease.lasts():  # a successor waits out our send's timeout, so that owning it now is enough
            await self._record(effect, self._unsent(effect), "the lease had ended")
            raise LostError(effect.key)
        if self._late(effect, asked):
            return await self._failed(effect, NotSentError("the ledger took too long to answer"))
        try:
            receipt = await self._create(effect)
        except ProviderError as error:
            return await self._failed(effect, error)
        return await self._done(effect, receipt)

    def _late(self, effect: Effect, asked: float) -> bool:
        """Whether SENDING, *asked* for then, is too old for bytes to leave: others count from it, but at class A."""
        return self._promise(effect).kind is not ProviderClass.A and self.lease.clock() - asked > GRACE

    async def _create(self, effect: Effect) -> Receipt:
        """Ask the provider to make it; class B is searched before every create."""
        key, provider, promise = provider_key(effect.key), self._provider(effect), self._promise(effect)
        try:
            async with asyncio.timeout(promise.timeout):
                if promise.kind is ProviderClass.B:
                    if found := await provider.lookup(self.tool.makes, key):
                        return found
                    if not self.lease.lasts():
                        raise NotSentError("the lease ended during the look-up")
                return await provider.create(self.tool.makes, key, self._body(effect.args))
        except TimeoutError as error:
            raise UnknownOutcomeError(f"no answer in {promise.timeout:g} s") from error

    def _body(self, args: Mapping[str, object]) -> Mapping[str, object]:
        if self.tool.body is None:
            raise TypeError(f"tool '{self.tool.name}' says that it changes something, but has no body")
        return self.tool.body(self.tool.args.model_validate(args))

    async def _failed(self, effect: Effect, error: ProviderError) -> StepResult:
        """Say in the ledger what a failed send means."""
        if isinstance(error, NotSentError):
            unsent = self._unsent(effect)
            await self._record(effect, unsent, str(error))
            waiting = Waiting.RETRY if unsent is EffectState.RESERVED else Waiting.SETTLE
            return _waits(waiting, self.pause(effect.attempts, error.retry_after), str(error))
        if self._unsent(effect) is EffectState.UNKNOWN or isinstance(error, KeyKnownError):
            return await self._doubted(effect, error)
        if isinstance(error, RefusedError):
            return await self._end(effect, EffectState.REFUSED, str(error))
        return await self._unknown(effect, error)

    async def _doubted(self, effect: Effect, error: ProviderError) -> StepResult:
        """An earlier send may have got through, or the provider says that one did: only a look-up can deny it."""
        refused = isinstance(error, RefusedError)
        if not self._promise(effect).searchable:
            known = isinstance(error, KeyKnownError) and effect.attempts >= KNOWN_TRIES
            if refused or known:
                return await self._end(effect, EffectState.PARKED, f"an earlier try may have got through: {error}")
            return await self._unknown(effect, error)
        try:
            found = await self._provider(effect).lookup(self.tool.makes, provider_key(effect.key))
        except ProviderError:
            return await self._unknown(effect, error)
        if found is not None:
            return await self._done(effect, found)
        return await (self._end(effect, EffectState.REFUSED, str(error)) if refused else self._unknown(effect, error))

    async def _unknown(self, effect: Effect, error: ProviderError) -> StepResult:
        await self._record(effect, EffectState.UNKNOWN, str(error))
        return _waits(Waiting.SETTLE, self._settle_after(effect), str(error))

    async def _settle(self, effect: Effect) -> StepResult:
        """Find out what became of a send that nobody heard the end of."""
        promise = self._promise(effect)
        # Class A recognises the key: nobody needs to wait. Else the predecessor may still say what became of it.
        quiet = 0.0 if promise.kind is ProviderClass.A else promise.timeout + GRACE
        sent = await self.effects.take(self.claim, effect, quiet)
        if sent.young:
            return _waits(Waiting.SETTLE, quiet - sent.ago, "its sender may still say what became of it")
        instead = self._cleared(effect) or self.instead
        if promise.kind is ProviderClass.C:
            return await self._unsure(effect, instead)
        inside = promise.window is None or sent.first_ago < promise.window / 2
        if promise.kind is ProviderClass.A and inside and instead is None:
            return await self._send(effect)
        if not promise.searchable:
            return await self._end(effect, EffectState.PARKED, "it may have happened, and the provider can't be asked")
        return await self._look(effect, sent, instead)

    def _cleared(self, effect: Effect) -> Instead | None:
        """Return what a clear makes of *effect*; None where there was none, or where it outlives that."""
        closed = self.claim.over and self.claim.clear_trigger is None  # its steps were done, no clear ended it
        cleared = self.claim.state is IncidentState.CLEARING and not closed
        off = cleared and not effect.clear and not self.tool.outlives_clear
        return Instead(EffectState.REFUSED, "cleared") if off else None

    async def _look(self, effect: Effect, sent: Sent, instead: Instead | None) -> StepResult:
        """Ask the provider, once it must know; what it never saw is sent again, unless that is off by now."""
        promise = self._promise(effect)
        quiet = promise.timeout + GRACE + promise.settle
        if sent.ago < quiet:
            return _waits(Waiting.SETTLE, quiet - sent.ago, "waits until the provider must know")
        try:
            found = await self._provider(effect).lookup(self.tool.makes, provider_key(effect.key))
        except ProviderError as error:
            return _waits(Waiting.SETTLE, self.pause(effect.attempts), str(error))
        if found is not None:
            return await self._done(effect, found)
        if instead is not None:
            await self._record(effect, instead.state, instead.reason)
            return await self.go_on(await self.effects.get(effect.key))
        if promise.kind is ProviderClass.A:
            return await self._end(effect, EffectState.PARKED, "the provider's window is over and it was not found")
        return await self._send(effect)

    async def _unsure(self, effect: Effect, instead: Instead | None) -> StepResult:
        """Class C: nobody can say whether it happened; the rule does."""
        if self.if_unsure == "skip" or self._cleared(effect):
            return await self._end(effect, EffectState.REFUSED, "unsure")
        if self.if_unsure == "repeat" and instead is None:
            return await self._send(effect)
        return await self._end(effect, EffectState.PARKED, "it may have happened, and the provider can't tell")

    def _provider(self, effect: Effect) -> Provider:
        return self.routes.pick(self.tool, effect.args)

    def _promise(self, effect: Effect) -> Promise:
        return self._provider(effect).promise_of(self.tool.makes) or UNPROMISED

    def _unsent(self, effect: Effect) -> EffectState:
        """Return what a send that never left makes of *effect*: an earlier one may have left all the same."""
        return EffectState.RESERVED if effect.state is EffectState.RESERVED else EffectState.UNKNOWN

    def _settle_after(self, effect: Effect) -> float:
        promise = self._promise(effect)
        if promise.kind is ProviderClass.B:
            return promise.timeout + GRACE + promise.settle
        return self.pause(effect.attempts) if promise.kind is ProviderClass.A else 0.0

    async def _done(self, effect: Effect, receipt: Receipt) -> StepResult:
        await self._record(effect, EffectState.DONE, receipt=receipt)
        return StepResult(StepState.DONE, {"id": receipt.id, **receipt.data})

    async def _end(self, effect: Effect, state: EffectState, reason: str) -> StepResult:
        await self._record(effect, state, reason)
        return StepResult(StepState.REFUSED if state is EffectState.REFUSED else StepState.FAILED, reason=reason)

    async def _record(
        self, effect: Effect, state: EffectState, reason: str = "", receipt: Receipt | None = None
    ) -> None:
        await self.effects.record(self.claim, effect.key, state, reason, receipt)
        EFFECTS.labels(effect.tool, state.value).inc()
        log.info("effect", incident=effect.incident, key=effect.key, tool=effect.tool, state=state, reason=reason)


OBSERVED = "(observed: not done)"
"""What a step that was only observed gives to those that need its result."""


def result_of(effect: Effect) -> StepResult:
    """Return the step's result for an effect that has ended."""
    if effect.reason == "observe":
        return StepResult(StepState.DONE, {"id": OBSERVED}, reason="observe")
    if effect.state is EffectState.DONE and effect.receipt is not None:
        return StepResult(StepState.DONE, {"id": effect.receipt.id, **effect.receipt.data})
    state = StepState.FAILED if effect.state is EffectState.PARKED else StepState.REFUSED
    return StepResult(state, reason=effect.reason)


def _waits(waiting: Waiting, due: float | None, reason: str) -> StepResult:
    return StepResult(StepState.WAITING, reason=reason, due=due, waiting=waiting)
