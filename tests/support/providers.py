"""Systems behind providers, for the contract suite: each can be connected to, broken, and asked what it holds."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any

import httpx2

from dutyd.core.tool import Provider, ProviderClass
from dutyd.embedded.backoffice import app
from dutyd.embedded.loopback import Loopback
from dutyd_tools.providers.backoffice import connect


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


class BackofficeSystem:
    """The embedded back office, playing a provider of class *kind*."""

    makes = "ticket"
    body: Mapping[str, Any] = {"project": "OPS", "kind": "incident", "title": "Errors", "body": "checkout fails"}
    other_body: Mapping[str, Any] = {**body, "title": "Other"}
    wrong_body: Mapping[str, Any] = {"project": "OPS"}

    def __init__(self, server: Loopback, kind: ProviderClass) -> None:
        self.kind = kind
        self.server = server
        self.office = httpx2.Client(base_url=server.url)

    def connect(self, timeout: float = 10.0) -> Provider:
        return connect({"url": self.server.url, "class": self.kind.value, "timeout": timeout})

    def made(self, key: str) -> int:
        """How many things were made under *key*."""
        return len([row for row in self._rows("/executions") if row["key"] == key])

    def total(self) -> int:
        """How many things were made in all."""
        return len(self._rows("/executions"))

    def requests(self, key: str) -> int:
        """How many requests carried *key*."""
        return sum(row["count"] for row in self._rows("/requests") if row["key"] == key)

    def break_next(self, how: Break) -> None:
        do, _, status = how.value.partition(" ")
        fault = {"path": "/tickets", "do": do, "status": int(status or 500), "seconds": 5, "retry_after": "7"}
        self.office.post("/faults", json=fault).raise_for_status()

    def break_lookup(self) -> None:
        fault = {"path": "/effects", "method": "GET", "do": "fail", "status": 503}
        self.office.post("/faults", json=fault).raise_for_status()

    def stop(self) -> None:
        self.server.stop()

    def _rows(self, path: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.office.get(path).json()
        return rows


@contextmanager
def backoffice(directory: Path, kind: ProviderClass) -> Iterator[BackofficeSystem]:
    """Serve a new back office in *directory*."""
    with Loopback(app(directory / "backoffice.db")) as server:
        system = BackofficeSystem(server, kind)
        with system.office:
            yield system
