"""A webhook: one address that takes a POST for whatever is made, with a body and headers by template.

For chats, paging services and bridges: there is nothing to ask, so it reads nothing and can't be searched. Our key goes
along in ``Idempotency-Key`` and is there for the body as ``{{ key }}``; whether the receiver honours it, so that a
repeat is no second message, only its owner knows and declares: class A, for ``window``; else class C.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NoReturn, Self

from pydantic import Field, model_validator

from dutyd.core.expr import Scope, evaluate, look_in
from dutyd.core.secrets import quoted
from dutyd.core.tool import Promise, Provider, ProviderClass, Receipt, RefusedError
from dutyd_tools.providers.connection import HttpSettings, open_api, secrets_of
from dutyd_tools.providers.http import Request, answer_of
from dutyd_tools.providers.settings import Seconds, read_settings
from dutyd_tools.providers.shape import (
    AnyShape,
    Condition,
    Text,
    check_names,
    content_of,
    headers_of,
    names_for,
)


class WebhookSettings(HttpSettings):
    """Settings of the kind ``webhook``.

    Attributes:
        method: of the request.
        body: a mapping is sent as JSON, a text as plain text; not set: ``key``, ``makes`` and our members.
        id: of what was made, from the answer; not set or not there: our key.
        refused_if: a condition on an answer of 2xx under which nothing was made.
        key_header: the header that carries our key.
        class, window: what the receiver promises; C, unless it honours the key.

    """

    method: Literal["POST", "PUT"] = "POST"
    body: AnyShape | None = None
    id: Text | None = None
    refused_if: Condition | None = None
    key_header: str = Field("Idempotency-Key", pattern="^[A-Za-z0-9-]+$")
    kind: Literal[ProviderClass.A, ProviderClass.C] = Field(ProviderClass.C, alias="class")
    window: Seconds | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _keeps_its_promise(self) -> Self:
        if self.window is not None and self.kind is ProviderClass.C:
            raise ValueError("`window` is for class A, which recognises a key for so long")
        return self


def connect(settings: Mapping[str, Any]) -> Provider:
    """Return the provider for *settings*.

    Raises:
        SettingsError: they are wrong.

    """
    return Webhook(read_settings("webhook", WebhookSettings, settings, _problems))


class Webhook:
    """The receiver at an address."""

    def __init__(self, settings: WebhookSettings) -> None:
        self._settings = settings
        self._promise = Promise(settings.kind, settings.window, timeout=settings.timeout, searchable=False)
        self._api = open_api(settings)
        self._secrets = secrets_of(settings)

    def promise_of(self, kind: str) -> Promise:
        """Return the promise: the same for all that is made."""
        return self._promise

    async def create(self, kind: str, key: str, body: Mapping[str, Any]) -> Receipt:
        """Send one *kind* under *key*; its id is what the answer says, else the key.

        Raises:
            RefusedError: the receiver said no, or the body can't be put together.
            NotSentError: it never left, or was turned away unread.
            KeyKnownError: the receiver has this key already.
            UnknownOutcomeError: it may have arrived.

        """
        settings, members = self._settings, {**body, "key": key, "makes": kind}
        look = look_in({**members, "secret": self._secrets})
        content, form = content_of(settings.body, members, look)
        headers = headers_of(settings.headers, look) | {settings.key_header: key}
        response = await self._api.send(Request(settings.method, "", content, form, headers))
        seen = look_in(answer_of(response))
        if settings.refused_if is not None and evaluate(settings.refused_if, seen) is True:
            raise RefusedError(f"{self._api.url}: {settings.refused_if.text}: {quoted(response.text)}")
        return Receipt((settings.id.text(seen) if settings.id else None) or key, {})

    async def lookup(self, kind: str, key: str) -> None:
        """Return None: a receiver can't be asked."""

    async def read(self, kind: str, query: Mapping[str, Any]) -> NoReturn:
        """Refuse: there is nothing to read."""
        raise RefusedError(f"a webhook can't be asked for {kind}")

    async def check(self) -> str:
        """See whether a connection is taken; what the receiver makes of a message only a message could show."""
        await self._api.reach()
        return f"{self._api.url} takes connections"

    async def close(self) -> None:
        """Close connections."""
        await self._api.close()


def _problems(settings: WebhookSettings) -> Iterator[str]:
    # One body serves every kind of its family: which members there are depends on what is made.
    scope = names_for("", [name.rpartition("_")[0] for name in settings.secrets])
    for name, template in settings.headers.items():
        yield from check_names(f"headers.{name}", template, scope)
    for template in settings.body.templates() if settings.body else ():
        yield from check_names("body", template, scope)
    if settings.id is not None:
        yield from check_names("id", settings.id, Scope(windows=False))
