"""The provider for the embedded back office, and the model for adapters to real systems.

Settings: ``url``; and, so that it can play weaker systems, ``class`` (A, B, C), ``window``, ``settle`` and
``timeout`` in seconds. The class goes along as a header, and the back office behaves accordingly: A recognises a
repeated key, B can only be searched for one, C can do neither.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import Field

from dutyd.core.secrets import quoted
from dutyd.core.tool import Promise, Provider, ProviderClass, Receipt, RefusedError, UnknownOutcomeError
from dutyd_tools.providers.http import JsonApi
from dutyd_tools.providers.settings import ProviderSettings, Seconds, WebAddress, read_settings

PATHS = {
    "alert": "/alerts",
    "alert_resolution": "/alert-resolutions",
    "ticket": "/tickets",
    "comment": "/comments",
    "purchase_order": "/purchase-orders",
    "placement": "/placements",
    "message": "/messages",
}
"""What can be made, and where."""


class BackofficeSettings(ProviderSettings):
    """Settings of the kind ``backoffice``."""

    url: WebAddress
    kind: ProviderClass = Field(ProviderClass.A, alias="class")
    window: Seconds | None = Field(None, gt=0)
    settle: Seconds = Field(0.0, ge=0)
    timeout: Seconds = Field(10.0, gt=0, le=120)


def connect(settings: Mapping[str, Any]) -> Provider:
    """Return the provider for *settings*.

    Raises:
        SettingsError: they are wrong.

    """
    return Backoffice(read_settings("backoffice", BackofficeSettings, settings))


class Backoffice:
    """The back office at an address."""

    def __init__(self, settings: BackofficeSettings) -> None:
        searchable = settings.kind is not ProviderClass.C
        self._promise = Promise(
            settings.kind, settings.window, settings.settle, settings.timeout, searchable=searchable
        )
        self._api = JsonApi(settings.url.rstrip("/"), settings.timeout, {"X-Provider-Class": settings.kind})

    def promise_of(self, kind: str) -> Promise | None:
        """Return the promise: the same for all that is made."""
        return self._promise if kind in PATHS else None

    async def create(self, kind: str, key: str, body: Mapping[str, Any]) -> Receipt:
        """Make one *kind* under *key*."""
        answer = await self._api.post(_path(kind), body, {"Idempotency-Key": key})
        if (receipt := _receipt(answer)) is None:
            raise UnknownOutcomeError(f"the back office answered without an id: {quoted(str(answer))}")
        return receipt

    async def lookup(self, kind: str, key: str) -> Receipt | None:
        """Return what was made under *key*; always None where a provider is played that can't be searched."""
        found = await self._api.find(f"/effects/{key}")
        if found is None or f"/{found['path']}" != _path(kind):
            return None
        receipt = _receipt(found["answer"])
        return replace(receipt, copies=found["copies"]) if receipt else None

    async def read(self, kind: str, query: Mapping[str, Any]) -> Any:
        """Return the rows of *kind* that *query* is about."""
        told = {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in query.items()
            if value is not None
        }
        return await self._api.get(f"/{kind}", told)

    async def check(self) -> str:
        """Look for a key that nobody has: the shortest question it answers."""
        await self._api.find("/effects/check")
        return f"the back office at {self._api.url} answers"

    async def close(self) -> None:
        """Close connections."""
        await self._api.close()


def _path(kind: str) -> str:
    if kind not in PATHS:
        raise RefusedError(f"the back office makes no {kind}, only {', '.join(PATHS)}")
    return PATHS[kind]


def _receipt(answer: Any) -> Receipt | None:
    if not isinstance(answer, dict) or not isinstance(answer.get("id"), str):
        return None
    return Receipt(answer["id"], answer)
