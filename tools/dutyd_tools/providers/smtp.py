"""Mail: the provider behind ``notify`` and ``alerting`` where people read mail.

Settings: ``host``; ``tls``, how the connection is encrypted (``starttls``, ``tls`` from the first byte, ``none``);
``port`` (587, 465 or 25, by ``tls``); ``ca_file``; ``username`` with ``password_file`` or ``password_env``; ``from``;
``to``, who gets what comes this way; ``domains``, within which ``notify`` may name an address itself; ``timeout`` in
seconds. Others than ``to`` are reached by routes.

No mail server can be asked whether it took a message, or told that it had it already: class C. What can be done for
people is done: a message that is sent again has the same Message-ID, which many mailboxes keep once only.
"""

import asyncio
import os
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from email.message import EmailMessage
from email.utils import formatdate
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

from aiosmtplib import (
    SMTP,
    SMTPConnectError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
    SMTPResponseException,
)
from pydantic import BeforeValidator, Field, model_validator

from dutyd.core.errors import SettingsError
from dutyd.core.tool import (
    NotSentError,
    Promise,
    Provider,
    ProviderClass,
    ProviderError,
    Receipt,
    RefusedError,
    UnknownOutcomeError,
)
from dutyd_tools.providers.letters import ADDRESS, Letters
from dutyd_tools.providers.secrets import read_secret
from dutyd_tools.providers.settings import ProviderSettings, Seconds, read_settings

GOODBYE_SECONDS = 2.0  # for QUIT, after the message was taken


class Tls(StrEnum):
    """How the connection is encrypted."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


PORTS = {Tls.STARTTLS: 587, Tls.TLS: 465, Tls.NONE: 25}

Address = Annotated[str, Field(pattern=f"^{ADDRESS}$")]
Addresses = Annotated[
    tuple[Address, ...],
    BeforeValidator(lambda given: (given,) if isinstance(given, str) else given),
    Field(min_length=1),
]


class SmtpSettings(ProviderSettings):
    """Settings of the kind ``smtp``."""

    host: str = Field(min_length=1)
    tls: Tls = Tls.STARTTLS
    port: int | None = Field(None, ge=1, le=65535)
    ca_file: Path | None = None
    username: str | None = None
    password_file: Path | None = None
    password_env: str | None = None
    sender: Address = Field(alias="from")
    to: Addresses
    domains: tuple[str, ...] = ()
    timeout: Seconds = Field(20.0, gt=0, le=120)

    @model_validator(mode="after")
    def _complete(self) -> "SmtpSettings":
        if bool(self.username) != bool(self.password_file or self.password_env):
            raise ValueError("username and password_file (or password_env) belong together: set both")
        if self.username and self.tls is Tls.NONE:
            raise ValueError("a password is never sent in the clear: set tls to starttls or tls")
        return self


def connect(settings: Mapping[str, Any]) -> Provider:
    """Return the provider for *settings*.

    Raises:
        SettingsError: they are wrong.

    """
    return Smtp(read_settings("smtp", SmtpSettings, settings))


class Smtp:
    """The mail server at an address."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._promise = Promise(ProviderClass.C, timeout=settings.timeout + GOODBYE_SECONDS)
        self._settings = settings
        self._port = settings.port or PORTS[settings.tls]
        self._password = read_secret("password", file=settings.password_file, env=settings.password_env)
        self._context = None if settings.tls is Tls.NONE else _trust(settings.ca_file)
        self._letters = Letters(settings.sender, settings.to, settings.domains)

    def promise_of(self, kind: str) -> Promise | None:
        """Return the promise: the same for all that is made."""
        return self._promise if self._letters.writes(kind) else None

    async def create(self, kind: str, key: str, body: Mapping[str, Any]) -> Receipt:
        """Send one ``alert``, ``alert_resolution`` or ``message``; its id is the Message-ID.

        Raises:
            RefusedError: the server said no for good (5xx), or the body is wrong.
            NotSentError: the server can't be reached or said not now (4xx), before or instead of taking it.
            UnknownOutcomeError: nothing came back after the whole message had been sent.

        """
        letter = self._letters.write(kind, key, body)
        letter.message["Date"] = formatdate(usegmt=True)
        refused = await self._deliver(letter.message, letter.to)
        taken = [address for address in letter.to if address not in refused]
        return Receipt(letter.id, {"to": taken, "refused": dict(refused)})

    async def lookup(self, kind: str, key: str) -> None:
        """Return None: a mail server can't be asked."""

    async def read(self, kind: str, query: Mapping[str, Any]) -> NoReturn:
        """Refuse: there is nothing to read."""
        raise RefusedError(f"a mail server knows no {kind} ({len(query)} members)")

    async def check(self) -> str:
        """Connect, encrypt and log in; send nothing."""
        client = self._client()
        try:
            async with asyncio.timeout(self._settings.timeout):
                await client.connect()
        except (SMTPException, OSError) as error:
            raise self._outcome(error, doubtful=False) from error
        await _leave(client)
        who = f"knows {self._settings.username}" if self._settings.username else "answers without a login"
        return f"mail server {self._place} {who}, encryption: {self._settings.tls}"

    async def close(self) -> None:
        """Do nothing: every message has a connection of its own."""

    @property
    def _place(self) -> str:
        return f"{self._settings.host}:{self._port}"

    def _client(self) -> SMTP:
        return SMTP(
            hostname=self._settings.host,
            port=self._port,
            username=self._settings.username,
            password=self._password,
            timeout=self._settings.timeout,
            use_tls=self._settings.tls is Tls.TLS,
            start_tls=self._settings.tls is Tls.STARTTLS,
            tls_context=self._context,
            # Never the machine's own name: finding it out asks the network, and nobody needs to know it.
            local_hostname=self._letters.domain,
        )

    async def _deliver(self, message: EmailMessage, to: Sequence[str]) -> Mapping[str, str]:
        """Hand *message* over; return which of the addresses were refused, and why."""
        client, handed_over = self._client(), False
        try:
            async with asyncio.timeout(self._settings.timeout):
                await client.connect()
                await client.mail(self._settings.sender)
                refused = await _name_recipients(client, to)
                # A server answers for a message from its final dot on (RFC 5321, 4.2.5). When exactly that leaves this
                # machine the client doesn't say, so all silence from here on is doubtful.
                handed_over = True
                await client.data(message.as_bytes())
        except (SMTPException, OSError) as error:
            client.close()
            raise self._outcome(error, doubtful=handed_over) from error
        await _leave(client)
        return refused

    def _outcome(self, error: Exception, *, doubtful: bool) -> ProviderError:
        """Return what *error* means for the message: a reply is a reply at any time, silence is not."""
        said = f"mail server {self._place}: {_words(error)}"
        if code := _reply(error):
            return RefusedError(said) if code >= 500 else NotSentError(said)
        return UnknownOutcomeError(said) if doubtful else NotSentError(said)


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SettingsError(f"ca_file: can't read {ca_file}: {reason}") from error


async def _name_recipients(client: SMTP, to: Sequence[str]) -> Mapping[str, str]:
    """Name everybody; return who was refused. One dead mailbox must not keep a page from the others.

    Raises:
        SMTPRecipientsRefused: nobody is left.

    """
    refused: list[SMTPRecipientRefused] = []
    for address in to:
        try:
            await client.rcpt(address)
        except SMTPRecipientRefused as error:
            refused.append(error)
    if len(refused) == len(to):
        raise SMTPRecipientsRefused(refused)
    return {error.recipient: f"{error.code} {error.message}" for error in refused}


async def _leave(client: SMTP) -> None:
    with suppress(SMTPException, OSError):
        async with asyncio.timeout(GOODBYE_SECONDS):
            await client.quit()
    client.close()


def _reply(error: Exception) -> int:
    """Return the code with which the server said no, 0 where it did not; of several the mildest counts."""
    if isinstance(error, SMTPRecipientsRefused):
        return min(each.code for each in error.recipients)
    if isinstance(error, SMTPResponseException) and error.code >= 400:
        return error.code
    return 0


def _words(error: Exception) -> str:
    if isinstance(error, SMTPRecipientsRefused):
        return "; ".join(f"{each.recipient}: {each.code} {each.message}" for each in error.recipients)
    if isinstance(error, SMTPResponseException):
        return f"{error.code} {error.message}"
    cause = error.__cause__
    if isinstance(error, SMTPConnectError) and isinstance(cause, OSError) and cause.errno:
        plain = os.strerror(cause.errno) if isinstance(cause, ConnectionError) else cause.strerror
        return f"no connection: {plain}"
    return str(error) or "no answer in time"
