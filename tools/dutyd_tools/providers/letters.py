"""What a mail says: from what a tool makes to one message, safe to be sent.

Pure. ``smtp`` gives it the body of an alert, its end or a message and gets an ``EmailMessage`` and who is to get it.
Events and models wrote the texts: nothing in them can add a header or a recipient, or break a line where none was.
The headers say that a program sent it (RFC 3834), so that no answering machine answers.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from dutyd.core.secrets import cut
from dutyd.core.tool import RefusedError

ADDRESS = r"[A-Za-z0-9.!#$%&'*+/=^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?"
"""Addresses without quotes, comments, question marks (they would make encoded words) or anything beyond ASCII."""

LONGEST_SUBJECT = 250  # characters

_WIRE = SMTP.clone(cte_type="7bit")  # not every server takes more

_ADDRESS = re.compile(ADDRESS)
_MESSAGE_ID = re.compile(rf"<{ADDRESS}>")


@dataclass(frozen=True, slots=True)
class Letter:
    """A message, its Message-ID as plain text, and the addresses that it goes to."""

    message: EmailMessage
    id: str
    to: Sequence[str]


class Letters:
    """Writes messages from *sender* to *to*; a message may name another address that is in one of *domains*."""

    def __init__(self, sender: str, to: Sequence[str], domains: Sequence[str]) -> None:
        self.domain = sender.rpartition("@")[2]
        self._sender = sender
        self._to = to
        self._domains = frozenset(name.lower() for name in domains)
        self._writers: Mapping[str, Callable[[str, Mapping[str, Any]], Letter]] = {
            "alert": self._alert,
            "alert_resolution": self._resolution,
            "message": self._message,
        }

    def writes(self, kind: str) -> bool:
        """Return whether mail is a place for that *kind*."""
        return kind in self._writers

    def write(self, kind: str, key: str, body: Mapping[str, Any]) -> Letter:
        """Return the letter for one *kind*; the same *key* gives the same Message-ID.

        Raises:
            RefusedError: mail is no place for that kind, something is missing in *body*, or it may not go there.

        """
        if kind not in self._writers:
            raise RefusedError(f"mail makes no {kind}, only {', '.join(self._writers)}")
        return self._writers[kind](key, body)

    def _alert(self, key: str, body: Mapping[str, Any]) -> Letter:
        summary, severity = line(_needed(body, "summary")), line(_needed(body, "severity"))
        text = "\n\n".join(filter(None, [summary, str(body.get("details") or "")]))
        letter = self._letter(key, self._to, f"[{severity.upper()}] {summary}", text)
        if severity in ("critical", "error"):
            letter.message["Importance"] = "high"
        return letter

    def _resolution(self, key: str, body: Mapping[str, Any]) -> Letter:
        alert = line(_needed(body, "alert"))
        over = line(str(body.get("summary") or "")) or alert.strip("<>")
        letter = self._letter(key, self._to, f"[RESOLVED] {over}", f"This is over: {over}")
        if _MESSAGE_ID.fullmatch(alert):  # what send_alert gave: mail readers show the two together
            letter.message["In-Reply-To"] = alert
            letter.message["References"] = alert
        return letter

    def _message(self, key: str, body: Mapping[str, Any]) -> Letter:
        to, text = line(_needed(body, "to")), _needed(body, "text")
        subject = str(body.get("subject") or text.strip().partition("\n")[0])
        return self._letter(key, self._recipients(to), subject, text)

    def _recipients(self, to: str) -> Sequence[str]:
        """Return who gets a message to *to*: an address is taken as it is, the name of a route has led here."""
        if "@" not in to:
            return self._to
        if to in self._to:
            return (to,)
        if not _ADDRESS.fullmatch(to):
            raise RefusedError(f"'{to}' is no mail address")
        if to.rpartition("@")[2].lower() not in self._domains:
            allowed = ", ".join(sorted(self._domains)) or "none"
            raise RefusedError(f"'{to}' is outside the provider's 'domains' ({allowed})")
        return (to,)

    def _letter(self, key: str, to: Sequence[str], subject: str, text: str) -> Letter:
        message = EmailMessage(policy=_WIRE)
        message["From"] = self._sender
        message["To"] = ", ".join(to)
        message["Subject"] = cut(line(subject), LONGEST_SUBJECT)
        message["Message-ID"] = name = f"<{key}@{self.domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message["X-Auto-Response-Suppress"] = "All"
        message.set_content(f"{lines(text)}\n\n-- \nSent by dutyd. Doubles have the same key: {key}\n")
        return Letter(message, name, to)


def line(text: str) -> str:
    """Return *text* on one line, fit for a header.

    An encoded word (RFC 2047) is broken up: Python reads one in a header that it is given, line ends and all.
    """
    return " ".join(_printable(text, "").split()).replace("=?", "= ?")


def lines(text: str) -> str:
    """Return *text* with plain line ends and nothing that a terminal or a mail reader would obey."""
    return _printable("\n".join(text.splitlines()), "\n\t").strip()


def _printable(text: str, kept: str) -> str:
    """Blank what is no character of a text: controls (line ends, escapes), and halves of characters."""
    return "".join(
        " " if unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") and each not in kept else each for each in text
    )


def _needed(body: Mapping[str, Any], name: str) -> str:
    if not isinstance(found := body.get(name), str) or not found.strip():
        raise RefusedError(f"'{name}' is missing: a mail needs it")
    return found
