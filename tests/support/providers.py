"""Systems behind providers, for the contract suite: each can be connected to, broken, and asked what it holds.

The generic adapters are held against the back office, whose faults strike before or after it did its work; what is
here is all that they need. Real systems are in ``monitoring``, ``trackers`` and ``erp``, behind a proxy that plays the
same faults (``proxied``); the mail server is in ``mail_system``.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

import httpx2

from dutyd.core.tool import Promise, Provider, ProviderClass
from dutyd.embedded.backoffice import app
from dutyd.embedded.loopback import Loopback
from dutyd_tools.providers import alertmanager, backoffice, rest, roundup, smtp, tryton, webhook

A, B, C = ProviderClass
Connect = Callable[..., Provider]


class Break(Enum):
    """How the next request that makes something goes wrong; the value is the back office's name for it."""

    BUSY = "fail 429"
    DOWN = "fail 503"
    DOWN_AFTERWARDS = "execute-then-fail 500"
    BABBLE = "execute-then-fail 200"
    CUT = "cut"
    CUT_AFTERWARDS = "execute-then-cut"
    SILENT = "stall"
    SILENT_AFTERWARDS = "execute-then-stall"

    def at(self, path: str) -> dict[str, Any]:
        """Return the fault at *path*."""
        do, _, status = self.value.partition(" ")
        return {"path": path, "do": do, "status": int(status or 500), "seconds": 5, "retry_after": "7"}


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of provider in a class that it can have.

    Attributes:
        settings: what it is connected with, but for the address.
        path: what is put behind the address of the back office.
        searched: the first part of the path of a look-up; empty: it can't be searched.
        ids: whether an answer without an id says nothing.
        told: what ``read`` needs to be asked for; empty: it answers no question.
        repeats_body: whether a key belongs to one body.
        breaks: how it can go wrong.
        says_when: whether a busy one says when to come back.

    """

    name: str
    kind: ProviderClass
    connect: Callable[[Mapping[str, Any]], Provider]
    settings: Mapping[str, Any] = field(default_factory=dict)
    path: str = ""
    searched: str = ""
    ids: bool = True
    reads: bool = True
    repeats_body: bool = True
    breaks: frozenset[Break] = frozenset(Break)
    says_when: bool = True

    def __str__(self) -> str:
        return f"{self.name}-{self.kind}"


def _played(kind: ProviderClass) -> dict[str, Any]:
    return {"headers": {"X-Provider-Class": kind.value}}


TICKET = {"project": "OPS", "kind": "incident", "title": "Errors", "body": "checkout fails"}
MEMBERS = {name: f"{{{{ {name} }}}}" for name in TICKET}
BY_PATH = {"path": "/effects/{{ key }}", "id": "{{ answer.id }}"}
# The back office ignores this query, as many systems do, and answers with everything: `match` finds ours.
BY_LIST = {"path": "/executions", "query": {"key": "{{ key }}"}, "list": ".", "match": "{{ key }}"}
READ = {"tickets": {"path": "/tickets", "query": {"query": "{{ query }}", "project": "{{ project }}"}}}


def _rest(kind: ProviderClass, searched: str, **thing: Any) -> Kind:
    ticket = {"path": "/tickets", "class": kind.value, "body": MEMBERS, **thing}
    return Kind("rest", kind, rest.connect, {**_played(kind), "make": {"ticket": ticket}, "read": READ}, "", searched)


def _webhook(kind: ProviderClass) -> Kind:
    settings = {**_played(kind), "class": kind.value, "body": MEMBERS, "id": "{{ id }}"}
    return Kind("webhook", kind, webhook.connect, settings, "/tickets", ids=False, reads=False)


OFFICE_KINDS = [
    *(Kind("backoffice", kind, backoffice.connect, {"class": kind.value}, "", "/effects") for kind in ProviderClass),
    _rest(A, "/effects", lookup=BY_PATH),
    _rest(B, "/executions", lookup=BY_LIST, key_header="Idempotency-Key"),
    _rest(C, ""),
    _webhook(A),
    _webhook(C),
]
ALERTMANAGER = Kind("alertmanager", A, alertmanager.connect, {}, "", "/api", ids=False, reads=False, repeats_body=False)
# To SMTP every reply is an answer: 4xx says that nothing was done, 5xx that nothing will be.
SMTP_BREAKS = frozenset(Break) - {Break.DOWN, Break.DOWN_AFTERWARDS}
SMTP = Kind("smtp", C, smtp.connect, reads=False, breaks=SMTP_BREAKS, says_when=False)
ROUNDUP = Kind("roundup", A, roundup.connect, {}, "", "/issue", repeats_body=False)
TRYTON = Kind("tryton", B, tryton.connect, {}, "", "/purchase", reads=False, repeats_body=False)
KINDS = [*OFFICE_KINDS, ALERTMANAGER, SMTP, ROUNDUP, TRYTON]


class System(Protocol):
    """A system that a provider is connected to."""

    kind: Kind
    url: str
    makes: str
    body: Mapping[str, Any]
    other_body: Mapping[str, Any]
    wrong_body: Mapping[str, Any] | None

    def connect(self, timeout: float = 10.0) -> Provider: ...

    def made(self, key: str) -> int:
        """How many things were made under *key*."""
        ...

    def total(self) -> int:
        """How many things were made in all."""
        ...

    def requests(self, key: str) -> int:
        """How many requests carried *key*."""
        ...

    def break_next(self, how: Break) -> None: ...

    def break_lookup(self) -> None: ...

    def mend(self) -> None:
        """Forget faults that did not strike."""
        ...

    def stop(self) -> None: ...


class OfficeSystem:
    """The back office, playing a provider of the kind's class."""

    makes = "ticket"
    body: Mapping[str, Any] = TICKET
    other_body: Mapping[str, Any] = {**TICKET, "title": "Other"}
    wrong_body: Mapping[str, Any] | None = {"project": "OPS"}

    def __init__(self, server: Loopback, kind: Kind, office: httpx2.Client) -> None:
        self.kind = kind
        self.url = server.url
        self._server = server
        self._office = office

    def connect(self, timeout: float = 10.0) -> Provider:
        return self.kind.connect({**self.kind.settings, "url": f"{self.url}{self.kind.path}", "timeout": timeout})

    def made(self, key: str) -> int:
        return len([row for row in self._rows("/executions") if row["key"] == key])

    def total(self) -> int:
        return len(self._rows("/executions"))

    def requests(self, key: str) -> int:
        return sum(row["count"] for row in self._rows("/requests") if row["key"] == key)

    def break_next(self, how: Break) -> None:
        self._office.post("/faults", json=how.at("/tickets")).raise_for_status()

    def break_lookup(self) -> None:
        fault = {"path": self.kind.searched, "method": "GET", "do": "fail", "status": 503}
        self._office.post("/faults", json=fault).raise_for_status()

    def mend(self) -> None:
        self._office.delete("/faults").raise_for_status()

    def stop(self) -> None:
        self._server.stop()

    def _rows(self, path: str) -> list[dict[str, Any]]:
        return list(self._office.get(path).json())


def promise(provider: Provider, kind: str) -> Promise:
    """Return what *provider* promises for a *kind* that it makes."""
    found = provider.promise_of(kind)
    assert found is not None
    return found


@asynccontextmanager
async def closing(connect: Connect) -> AsyncIterator[Connect]:
    """Yield *connect*; what it connected is closed afterwards."""
    opened: list[Provider] = []

    def kept(*at: Any, **settings: Any) -> Provider:
        opened.append(connect(*at, **settings))
        return opened[-1]

    yield kept
    for provider in opened:
        await provider.close()


@contextmanager
def office_system(directory: Path, kind: Kind) -> Iterator[OfficeSystem]:
    """Serve a new back office in *directory*."""
    with Loopback(app(directory / "backoffice.db")) as server, httpx2.Client(base_url=server.url) as office:
        yield OfficeSystem(server, kind, office)
