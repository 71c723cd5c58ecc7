"""A real SMTP server that keeps what it took, and goes wrong as it is told."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from enum import Enum
from typing import Any, NamedTuple

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from support.broker import free_port
from support.tls import Certificate

PASSWORD = "s3cret-of-the-mailer"
SILENCE = 5.0  # seconds: longer than any patience in tests


class Fault(Enum):
    """How the next message goes wrong."""

    LATER = "451 4.3.0 try again later"
    NEVER = "550 5.7.1 not from you"
    CUT_BEFORE = "cut before the message"
    CUT_AFTERWARDS = "cut after the message was taken"
    SILENT_BEFORE = "silent before the message"
    SILENT_AFTERWARDS = "silent after the message was taken"
    CUT_UNTAKEN = "cut after the message, which was not taken"
    SILENT_UNTAKEN = "silent after the message, which was not taken"
    BABBLE_AFTERWARDS = "299 what nobody understands"
    LATER_AFTERWARDS = "452 4.3.1 disk full"
    NEVER_AFTERWARDS = "554 5.6.0 looks like spam"


UNTAKEN = (Fault.CUT_UNTAKEN, Fault.SILENT_UNTAKEN, Fault.LATER_AFTERWARDS, Fault.NEVER_AFTERWARDS)
REPLIES = (Fault.BABBLE_AFTERWARDS, Fault.LATER_AFTERWARDS, Fault.NEVER_AFTERWARDS)


class Taken(NamedTuple):
    """A message as it arrived: from whom and to whom the envelope says, what it says, who had logged in."""

    sender: str
    to: list[str]
    message: EmailMessage
    raw: bytes
    encrypted: bool
    user: str | None

    @property
    def text(self) -> str:
        """What it says, with plain line ends."""
        return str(self.message.get_content()).replace("\r\n", "\n")


class MailServer:
    """The server; *certificate* makes it offer encryption, and then nobody gets in without the password.

    Attributes:
        port: on 127.0.0.1.
        taken: every message that it took, in order.
        offered: the Message-ID of every message that reached it whole.
        unknown: mailboxes that it does not have.

    """

    def __init__(self, certificate: Certificate | None = None, *, from_the_first_byte: bool = False) -> None:
        self.port = free_port()
        self.taken: list[Taken] = []
        self.offered: list[str] = []
        self.unknown: set[str] = set()
        self._faults: list[Fault] = []
        self._context: ssl.SSLContext | None = None
        if certificate is not None:
            self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self._context.load_cert_chain(certificate.key_and_certificate)
        about: dict[str, Any] = {"authenticator": _authenticate}
        if from_the_first_byte:
            about |= {"ssl_context": self._context, "auth_require_tls": False}
        elif certificate is not None:
            about |= {"tls_context": self._context, "require_starttls": True, "auth_required": True}
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, **about)

    def start(self) -> None:
        self._controller.start()

    def stop(self) -> None:
        """Stop listening; once is enough."""
        if self._controller.server is not None:
            self._controller.stop(no_assert=True)

    def break_next(self, how: Fault, messages: int = 1) -> None:
        self._faults = [how] * messages

    def mend(self) -> None:
        self._faults = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's names
        self, server: SMTP, _: Session, envelope: Envelope, address: str, __: list[str]
    ) -> str:
        if address in self.unknown:
            return f"550 5.1.1 no mailbox {address}"
        if (fault := self._next(Fault.LATER, Fault.NEVER)) is not None:
            return str(fault.value)
        if self._next(Fault.CUT_BEFORE):
            _cut(server)
        if self._next(Fault.SILENT_BEFORE):
            await asyncio.sleep(SILENCE)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name for it
        fault = self._next(*Fault)
        message = BytesParser(policy=default).parsebytes(envelope.original_content or b"")
        assert isinstance(message, EmailMessage)
        self.offered.append(message["Message-ID"])
        if fault not in UNTAKEN:
            self._take(server, session, envelope, message)
        if fault in (Fault.CUT_AFTERWARDS, Fault.CUT_UNTAKEN):
            _cut(server)
        if fault in (Fault.SILENT_AFTERWARDS, Fault.SILENT_UNTAKEN):
            await asyncio.sleep(SILENCE)
        return str(fault.value) if fault in REPLIES else "250 OK"

    def _take(self, server: SMTP, session: Session, envelope: Envelope, message: EmailMessage) -> None:
        assert server.transport is not None
        encrypted = server.transport.get_extra_info("sslcontext") is not None
        user = getattr(session, "auth_data", None)
        raw = envelope.original_content or b""
        self.taken.append(Taken(envelope.mail_from or "", envelope.rcpt_tos, message, raw, encrypted, user))

    def _next(self, *kinds: Fault) -> Fault | None:
        """Take the next fault if it is one of *kinds*."""
        return self._faults.pop(0) if self._faults and self._faults[0] in kinds else None


def _cut(server: SMTP) -> None:
    assert isinstance(server.transport, asyncio.Transport)
    server.transport.abort()


def _authenticate(_: SMTP, __: Session, ___: Envelope, ____: str, given: LoginPassword) -> AuthResult:
    fits = given.password == PASSWORD.encode()
    return AuthResult(success=fits, handled=False, auth_data=given.login.decode())


@contextmanager
def running_mail(certificate: Certificate | None = None, *, from_the_first_byte: bool = False) -> Iterator[MailServer]:
    """Start a server and end it afterwards."""
    server = MailServer(certificate, from_the_first_byte=from_the_first_byte)
    server.start()
    try:
        yield server
    finally:
        server.stop()
