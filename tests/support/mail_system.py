"""The real mail server as a system of the contract suite."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

from dutyd.core.tool import Provider
from support.mail import Fault, MailServer, running_mail
from support.providers import SMTP, Break

FAULTS = {
    Break.BUSY: Fault.LATER,
    Break.BABBLE: Fault.BABBLE_AFTERWARDS,
    Break.CUT: Fault.CUT_UNTAKEN,
    Break.CUT_AFTERWARDS: Fault.CUT_AFTERWARDS,
    Break.SILENT: Fault.SILENT_UNTAKEN,
    Break.SILENT_AFTERWARDS: Fault.SILENT_AFTERWARDS,
}


class MailSystem:
    """A mail server; what is made are messages."""

    kind = SMTP
    makes = "message"
    body: Mapping[str, Any] = {"to": "default", "text": "checkout fails"}
    other_body: Mapping[str, Any] = {**body, "text": "other"}
    wrong_body: Mapping[str, Any] | None = None

    def __init__(self, server: MailServer) -> None:
        self.url = f"127.0.0.1:{server.port}"
        self._server = server

    def connect(self, timeout: float = 10.0) -> Provider:
        addresses = {"from": "dutyd@example.com", "to": "oncall@example.com"}
        place = {"host": "127.0.0.1", "port": self._server.port, "tls": "none"}
        return self.kind.connect({**place, **addresses, "timeout": timeout})

    def made(self, key: str) -> int:
        return len([taken for taken in self._server.taken if key in taken.message["Message-ID"]])

    def total(self) -> int:
        return len(self._server.taken)

    def requests(self, key: str) -> int:
        return len([name for name in self._server.offered if key in name])

    def break_next(self, how: Break) -> None:
        self._server.break_next(FAULTS[how])

    def break_lookup(self) -> NoReturn:
        raise AssertionError("nobody can look anything up at a mail server: no test may try")

    def mend(self) -> None:
        self._server.mend()

    def stop(self) -> None:
        self._server.stop()


@contextmanager
def mail_system() -> Iterator[MailSystem]:
    """Start a mail server."""
    with running_mail() as server:
        yield MailSystem(server)
