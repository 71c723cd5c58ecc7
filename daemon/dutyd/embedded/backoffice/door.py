"""What a request to the back office meets first: it is counted, a key in flight is turned away, a fault is played.

An ASGI layer around the application. Faults are ordered by ``POST /faults`` and used up one by one; they act before or
after the application has done its work, because those are the two moments at which a provider can fail, and a caller
can't tell them apart. A request that waits in a fault is in flight: its key answers 409 until it has been answered.
"""

import asyncio
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dutyd.embedded.backoffice.entries import Entries


class Do(StrEnum):
    """What a fault does."""

    FAIL = "fail"  # answer with the status; nothing is done
    STALL = "stall"  # wait, then do and answer as usual
    CUT = "cut"  # close the connection; nothing is done
    EXECUTE_THEN_FAIL = "execute-then-fail"
    EXECUTE_THEN_STALL = "execute-then-stall"
    EXECUTE_THEN_CUT = "execute-then-cut"

    @property
    def executes(self) -> bool:
        """Whether the work is done before the caller meets the fault."""
        return self.value.startswith("execute-")


class Fault(BaseModel):
    """A fault that the next requests meet.

    Attributes:
        path: the first part of the path, such as ``/tickets``.
        method: whom it hits; look-ups (``/effects``) and reads are GET.
        do: what it does.
        status: of the answer, where it fails.
        retry_after: the header of that name in a failing answer.
        seconds: how long it stalls.
        times: how many requests it hits.

    """

    model_config = ConfigDict(extra="forbid")
    path: str = Field(pattern="^/[a-z-]+$")
    method: Literal["GET", "POST"] = "POST"
    do: Do
    status: int = Field(default=500, ge=200, le=599)
    retry_after: str | None = None
    seconds: float = Field(default=30.0, ge=0, le=3600)
    times: int = Field(default=1, ge=1)

    def response(self) -> JSONResponse:
        """Return the failing answer."""
        headers = {"Retry-After": self.retry_after} if self.retry_after is not None else {}
        return JSONResponse({"error": "a fault was ordered"}, self.status, headers)


class Faults:
    """The faults that are still to be played, in the order they were ordered."""

    def __init__(self) -> None:
        self._left: list[Fault] = []

    def order(self, fault: Fault) -> None:
        """Play *fault* at the next requests it fits."""
        self._left.append(fault)

    def forget(self) -> None:
        """Play no fault any more."""
        self._left.clear()

    def left(self) -> list[Fault]:
        """Return what is still to be played."""
        return list(self._left)

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault that a request meets, counted down, or None."""
        first = f"/{path.split('/')[1]}"
        for at, fault in enumerate(self._left):
            if (fault.method, fault.path) == (method, first):
                rest = [fault.model_copy(update={"times": fault.times - 1})] if fault.times > 1 else []
                self._left[at : at + 1] = rest
                return fault
        return None


def provider_class(request: Request) -> str:
    """Return which class of provider the caller wants it to play."""
    return request.headers.get("x-provider-class", "A")


class Door:
    """The layer around *app*: plays *faults*, has *entries* count the requests that carry a key."""

    def __init__(self, app: ASGIApp, faults: Faults, entries: Entries) -> None:
        self._app = app
        self._faults = faults
        self._entries = entries
        self._in_flight: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request through, or answer it here."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request = Request(scope)
        key = request.headers.get("idempotency-key")
        if request.method != "POST" or key is None:
            return await self._play(scope, receive, send)
        await run_in_threadpool(self._entries.count_request, request.url.path, key)
        if provider_class(request) != "A":
            return await self._play(scope, receive, send)
        if key in self._in_flight:
            told = JSONResponse({"error": f"a request with the key {key} is being worked on"}, 409)
            return await told(scope, receive, send)
        self._in_flight.add(key)
        try:
            await self._play(scope, receive, send)
        finally:
            self._in_flight.discard(key)

    async def _play(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self._faults.take(scope["method"], scope["path"])
        if fault is None:
            return await self._app(scope, receive, send)
        if fault.do is Do.STALL:
            await asyncio.sleep(fault.seconds)
            return await self._app(scope, receive, send)
        held: list[Message] = []
        if fault.do.executes:
            await self._app(scope, receive, _hold(held))
        match fault.do:
            case Do.FAIL | Do.EXECUTE_THEN_FAIL:
                await fault.response()(scope, receive, send)
            case Do.CUT | Do.EXECUTE_THEN_CUT:
                await _cut(send)
            case Do.EXECUTE_THEN_STALL:
                await asyncio.sleep(fault.seconds)
                for message in held:
                    await send(message)
        return None


def _hold(held: list[Message]) -> Send:
    async def send(message: Message) -> None:
        held.append(message)

    return send


async def _cut(send: Send) -> None:
    # An answer that ends before it is whole makes the server drop the connection.
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{", "more_body": True})
