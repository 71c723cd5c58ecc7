"""What a mail says, whatever events and models wrote: its headers and recipients are ours alone."""

import json
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from dutyd.core.tool import RefusedError
from dutyd_tools.providers.letters import Letters, line, lines
from support.needs import data

HEADERS = [
    "From", "To", "Subject", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress",
    "Content-Type", "Content-Transfer-Encoding", "MIME-Version",
]  # fmt: skip
LETTERS = Letters("dutyd@example.com", ("oncall@example.com",), ("example.com",))

texts = st.text(st.characters(), max_size=300)  # halves of characters among them


def arrived(body: dict[str, Any], kind: str = "message") -> EmailMessage:
    """Return what a mail server gets of it."""
    raw = LETTERS.write(kind, "dutyd-key", body).message.as_bytes()
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    message = BytesParser(policy=default).parsebytes(raw)
    assert isinstance(message, EmailMessage)
    return message


@given(texts, texts)
@example("a\r\nBcc: thief@evil.example", "\r\n.\r\nMAIL FROM:<x>")
@example("=?utf-8?q?a=0D=0ABcc=3A_x=40evil=2Eexample?=", "x")
@example("\u2028Bcc: x", "\x00\x1b]0;title\x07")
def test_no_text_changes_the_headers(subject: str, text: str) -> None:
    try:
        message = arrived({"to": "default", "text": text, "subject": subject})
    except RefusedError as error:
        assert not line(text), error  # noqa: PT017 - nothing to say is the only reason to refuse
        return
    assert message.keys() == HEADERS
    assert (message["From"], message["To"]) == ("dutyd@example.com", "oncall@example.com")
    told = message.get_content().replace("\r\n", "\n")
    assert told.startswith(lines(text))
    assert "\x1b" not in told


@given(texts)
@example("=?utf-8?q?a=0D=0ABcc=3A_x=40evil=2Eexample?=@example.com")
@example("a@example.com\r\nBcc: thief@evil.example")
@example("<a@evil.example>a@example.com")
def test_no_address_gets_around_the_domains(to: str) -> None:
    try:
        letter = LETTERS.write("message", "dutyd-key", {"to": to, "text": "x"})
    except RefusedError:
        return
    assert all(address.endswith("@example.com") for address in letter.to)
    assert BytesParser(policy=default).parsebytes(letter.message.as_bytes()).keys() == HEADERS


def test_hostile_texts_are_told_or_refused() -> None:
    for text in json.loads(data("hostile/naughty_strings.json").read_text(encoding="utf-8")):
        body = {"severity": "info", "summary": text, "details": text}
        if line(text):
            assert arrived(body, "alert")["Subject"].strip().startswith("[INFO]")


def test_a_subject_is_one_line_of_bounded_length() -> None:
    message = arrived({"to": "default", "text": "first line\nsecond", "subject": "x " * 400})
    assert len(message["Subject"]) <= 250
    assert arrived({"to": "default", "text": "first line\nsecond"})["Subject"] == "first line"
