"""Real systems behind a proxy, for the contract suite: the proxy breaks as the back office does, and counts keys."""

import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dutyd.embedded.backoffice.database import Database
from dutyd.embedded.backoffice.door import Do, Door, Fault, Faults
from dutyd.embedded.backoffice.entries import Entries
from dutyd.embedded.loopback import Loopback
from support.providers import Break, Kind


class FaultsAt(Faults):
    """Faults at places that *place_of* finds in a path, for systems whose first segment says nothing."""

    def __init__(self, place_of: Callable[[str], str]) -> None:
        super().__init__()
        self._place_of = place_of

    def take(self, method: str, path: str) -> Fault | None:
        return super().take(method, self._place_of(path))


OF_ONE_HOP = frozenset({"connection", "content-length", "content-encoding", "transfer-encoding", "accept-encoding"})
"""Headers that a proxy writes itself."""


class Proxy:
    """Passes requests on to *target*, plays *faults*, and counts the requests that carried a key of ours."""

    def __init__(
        self,
        target: str,
        directory: Path,
        *,
        key_of: Callable[[bytes], str],
        place_of: Callable[[str], str] = lambda path: path,
    ) -> None:
        self.faults = FaultsAt(place_of)
        self.counts: Counter[str] = Counter()
        self.target = target
        self._key_of = key_of
        self._door = Door(self._forward, self.faults, Entries(Database(directory / "proxy.db")))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = await Request(scope, receive).body()
        self.counts.update(key for key in [self._key_of(body)] if key)

        async def again() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        await self._door(scope, again, send)

    async def _forward(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        headers = {name: value for name, value in request.headers.items() if name not in OF_ONE_HOP}
        async with httpx2.AsyncClient(base_url=self.target) as client:
            answer = await client.request(
                request.method,
                request.url.path,
                content=await request.body(),
                params=list(request.query_params.multi_items()),
                headers=headers,
                timeout=30,
            )
        headers = {name: value for name, value in answer.headers.items() if name.lower() not in OF_ONE_HOP}
        await Response(answer.content, answer.status_code, headers)(scope, receive, send)


class ProxiedSystem(ABC):
    """A system behind a proxy that breaks what the kind searches and makes."""

    kind: Kind

    def __init__(self, server: Loopback, proxy: Proxy) -> None:
        self.url = server.url
        self._server = server
        self._proxy = proxy

    @abstractmethod
    def made(self, key: str) -> int: ...

    @abstractmethod
    def total(self) -> int: ...

    def requests(self, key: str) -> int:
        return self._proxy.counts[key]

    def order(self, fault: Fault) -> None:
        """Play *fault* at the next request that it fits."""
        self._proxy.faults.order(fault)

    def break_next(self, how: Break) -> None:
        self.order(Fault(**how.at(self.kind.searched)))

    def break_lookup(self) -> None:
        self.order(Fault(path=self.kind.searched, method="GET", do=Do.FAIL, status=503))

    def mend(self) -> None:
        self._proxy.faults.forget()

    def stop(self) -> None:
        self._server.stop()


def member(name: str) -> Callable[[bytes], str]:
    """Return what finds the key of a request in the member *name* of its body."""

    def key_in(body: bytes) -> str:
        try:
            return str(json.loads(body).get(name, ""))
        except (ValueError, AttributeError):
            return ""

    return key_in
