"""Mail over a real SMTP server: what arrives, and what every way to fail means for the ledger."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dutyd.core.errors import SettingsError
from dutyd.core.incident import provider_key
from dutyd.core.tool import NotSentError, Provider, ProviderClass, ProviderError, RefusedError, UnknownOutcomeError
from dutyd_tools.providers import smtp
from support.mail import PASSWORD, Fault, MailServer, running_mail
from support.providers import promise
from support.tls import Certificate, make_certificate

KEY = provider_key("incident/page")
ALERT = {"severity": "critical", "summary": "checkout: 42 errors", "details": "Roll back the last deploy."}
MESSAGE = {"to": "default", "text": "Stock of 4711 is low.\nOne order was drafted.", "subject": "Low stock"}

Connect = Callable[..., Provider]


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with running_mail() as server:
        yield server


@pytest.fixture
async def connect(mail: MailServer) -> AsyncIterator[Connect]:
    made: list[Provider] = []

    def connected(**settings: Any) -> Provider:
        always = {"host": "127.0.0.1", "port": mail.port, "tls": "none", "from": "dutyd@example.com"}
        made.append(smtp.connect({**always, "to": ["oncall@example.com", "boss@example.com"], **settings}))
        return made[-1]

    yield connected
    for provider in made:
        await provider.close()


async def test_a_page_arrives_with_its_key_and_no_answering_machine_answers(mail: MailServer, connect: Connect) -> None:
    receipt = await connect().create("alert", KEY, ALERT)
    (taken,) = mail.taken
    headers = taken.message
    assert (taken.sender, taken.to) == ("dutyd@example.com", ["oncall@example.com", "boss@example.com"])
    assert headers["Subject"] == "[CRITICAL] checkout: 42 errors"
    assert headers["Message-ID"] == receipt.id == f"<{KEY}@example.com>"
    assert (headers["Auto-Submitted"], headers["Importance"]) == ("auto-generated", "high")
    assert headers["Date"].datetime.tzinfo is not None
    assert "Roll back the last deploy." in taken.text
    assert KEY in taken.text
    assert receipt.data == {"to": ["oncall@example.com", "boss@example.com"], "refused": {}}
    assert type(receipt.id) is str  # the ledger writes it down: no object of a mail library


async def test_the_end_of_a_page_hangs_on_the_page(mail: MailServer, connect: Connect) -> None:
    page = await connect().create("alert", KEY, ALERT)
    await connect().create("alert_resolution", provider_key("incident/clear/resolve"), {"alert": page.id})
    ended = mail.taken[-1].message
    assert ended["In-Reply-To"] == ended["References"] == page.id
    assert ended["Subject"].startswith(f"[RESOLVED] {KEY}")
    told = {"alert": page.id, "summary": "checkout: 0 errors"}
    await connect().create("alert_resolution", provider_key("incident/clear/again"), told)
    assert mail.taken[-1].message["Subject"] == "[RESOLVED] checkout: 0 errors"


async def test_a_repeated_key_gives_the_same_message_id_and_so_a_double_shows(
    mail: MailServer, connect: Connect
) -> None:
    await connect().create("message", KEY, MESSAGE)
    await connect().create("message", KEY, MESSAGE)
    assert len({taken.message["Message-ID"] for taken in mail.taken}) == 1
    assert promise(connect(), "message").kind is ProviderClass.C
    assert await connect().lookup("message", KEY) is None


async def test_no_text_of_an_event_becomes_a_header_or_a_recipient(mail: MailServer, connect: Connect) -> None:
    hostile = "down\r\nBcc: thief@evil.example\r\n\r\nbody\n.\nQUIT\x1b[31m\u2028X-Evil: 1"
    await connect().create("alert", KEY, {"severity": "info", "summary": hostile, "details": f"{hostile}\ud800"})
    await connect().create("message", KEY, {"to": "default", "text": hostile, "subject": hostile})
    assert len(mail.taken) == 2
    for taken in mail.taken:
        assert not {"Bcc", "X-Evil"} & set(taken.message.keys())
        assert taken.to == ["oncall@example.com", "boss@example.com"]
        assert "body\n.\nQUIT [31m\nX-Evil: 1\n" in taken.text
        assert "\x1b" not in taken.text


async def test_long_lines_and_other_alphabets_arrive_whole(mail: MailServer, connect: Connect) -> None:
    text = f"Größe übertroffen: 数\n{'x' * 3000}"
    await connect().create("message", KEY, {"to": "default", "text": text, "subject": "Größe 数"})
    (taken,) = mail.taken
    assert taken.message["Subject"] == "Größe 数"
    assert taken.text.startswith(text)
    assert max(map(len, taken.raw.splitlines())) <= 998
    assert taken.raw.isascii()


async def test_a_message_goes_to_an_address_only_inside_the_domains(mail: MailServer, connect: Connect) -> None:
    provider = connect(domains=["example.com"])
    await provider.create("message", KEY, {**MESSAGE, "to": "buyer@Example.com"})
    assert mail.taken[-1].to == ["buyer@Example.com"]
    await connect().create("message", KEY, {**MESSAGE, "to": "boss@example.com"})
    assert mail.taken[-1].to == ["boss@example.com"]
    for to in ("a@evil.example", "a@example.com.evil.example", "a@example.com, b@evil.example", "a@b@example.com"):
        with pytest.raises(RefusedError, match=r"outside the provider's 'domains' \(example.com\)|is no mail address"):
            await provider.create("message", KEY, {**MESSAGE, "to": to})
    assert len(mail.taken) == 2


async def test_one_dead_mailbox_does_not_keep_a_page_from_the_others(mail: MailServer, connect: Connect) -> None:
    mail.unknown = {"boss@example.com"}
    receipt = await connect().create("alert", KEY, ALERT)
    assert mail.taken[-1].to == ["oncall@example.com"]
    refused = {"boss@example.com": "550 5.1.1 no mailbox boss@example.com"}
    assert receipt.data == {"to": ["oncall@example.com"], "refused": refused}


async def test_nobody_there_is_a_refusal(mail: MailServer, connect: Connect) -> None:
    mail.unknown = {"boss@example.com", "oncall@example.com"}
    with pytest.raises(RefusedError, match=r"oncall@example.com: 550 .*; boss@example.com: 550"):
        await connect().create("alert", KEY, ALERT)


@pytest.mark.parametrize(
    ("fault", "means", "taken"),
    [
        (Fault.NEVER, RefusedError, 0),
        (Fault.NEVER_AFTERWARDS, RefusedError, 0),
        (Fault.CUT_BEFORE, NotSentError, 0),
        (Fault.LATER_AFTERWARDS, NotSentError, 0),
        (Fault.CUT_AFTERWARDS, UnknownOutcomeError, 1),
    ],
)
async def test_a_reply_is_a_reply_and_silence_after_the_message_is_unknown(
    mail: MailServer, connect: Connect, fault: Fault, means: type[ProviderError], taken: int
) -> None:
    mail.break_next(fault)
    with pytest.raises(means, match=f"mail server 127.0.0.1:{mail.port}"):
        await connect(to="oncall@example.com").create("alert", KEY, ALERT)
    assert len(mail.taken) == taken


@pytest.mark.parametrize(
    ("fault", "means", "taken"),
    [(Fault.SILENT_BEFORE, NotSentError, 0), (Fault.SILENT_AFTERWARDS, UnknownOutcomeError, 1)],
)
async def test_patience_ends_as_what_was_said_so_far(
    mail: MailServer, connect: Connect, fault: Fault, means: type[ProviderError], taken: int
) -> None:
    mail.break_next(fault)
    with pytest.raises(means):
        await connect(timeout=0.3).create("alert", KEY, ALERT)
    assert len(mail.taken) == taken


async def test_a_greylisted_mail_is_sent_again_by_the_ledger(mail: MailServer, connect: Connect) -> None:
    provider = connect(to="oncall@example.com")
    mail.break_next(Fault.LATER)
    with pytest.raises(NotSentError, match=r"451 4.3.0 try again later"):
        await provider.create("alert", KEY, ALERT)
    await provider.create("alert", KEY, ALERT)
    assert len(mail.taken) == 1


async def test_a_server_that_is_gone_was_not_asked(mail: MailServer, connect: Connect) -> None:
    mail.stop()
    with pytest.raises(NotSentError):
        await connect().create("alert", KEY, ALERT)
    with pytest.raises(NotSentError):
        await connect().check()


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("ticket", {}, "mail makes no ticket, only alert, alert_resolution, message"),
        ("alert", {"severity": "info"}, "'summary' is missing"),
        ("message", {"to": "default", "text": " "}, "'text' is missing"),
    ],
)
async def test_what_is_no_mail_is_refused(connect: Connect, kind: str, body: dict[str, Any], said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        await connect().create(kind, KEY, body)
    with pytest.raises(RefusedError, match="knows no tickets"):
        await connect().read("tickets", {})


# Encryption and login.


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(params=["starttls", "tls"])
def secured(request: pytest.FixtureRequest, certificate: Certificate, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Settings for a server that wants encryption and a login."""
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    with running_mail(certificate, from_the_first_byte=request.param == "tls") as server:
        yield {
            "host": "localhost",
            "port": server.port,
            "tls": request.param,
            "ca_file": str(certificate.certificate),
            "username": "dutyd",
            "password_file": str(tmp_path / "password"),
            "from": "dutyd@example.com",
            "to": "oncall@example.com",
            "server": server,
        }


async def test_it_encrypts_and_logs_in(secured: dict[str, Any]) -> None:
    server = secured.pop("server")
    provider = smtp.connect(secured)
    said = await provider.check()
    assert said == f"mail server localhost:{server.port} knows dutyd, encryption: {secured['tls']}"
    assert not server.taken
    await provider.create("alert", KEY, ALERT)
    assert (server.taken[0].encrypted, server.taken[0].user) == (True, "dutyd")


async def test_a_wrong_password_is_told_without_the_password(
    secured: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    del secured["server"], secured["password_file"]
    monkeypatch.setenv("MAIL_PASSWORD", "a-wrong-one")
    provider = smtp.connect({**secured, "password_env": "MAIL_PASSWORD"})
    with pytest.raises(RefusedError, match="535") as told:
        await provider.check()
    assert "a-wrong-one" not in str(told.value)


async def test_a_certificate_that_nobody_vouches_for_gets_no_password(secured: dict[str, Any]) -> None:
    server = secured.pop("server")
    del secured["ca_file"]
    with pytest.raises(NotSentError, match="certificate"):
        await smtp.connect(secured).create("alert", KEY, ALERT)
    assert not server.taken


async def test_a_server_without_encryption_gets_nothing(connect: Connect, mail: MailServer) -> None:
    with pytest.raises(NotSentError, match="STARTTLS"):
        await connect(tls="starttls").create("alert", KEY, ALERT)
    assert not mail.taken


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"username": "dutyd"}, "username and password_file"),
        ({"username": "dutyd", "password_env": "HOME", "tls": "none"}, "never sent in the clear"),
        ({"from": "dutyd"}, "from: "),
        ({"to": []}, "to: "),
        ({"to": "a@b.example\r\nBcc: c@d.example"}, "to.0: "),
        ({"tls": "ssl"}, "tls: "),
        ({"hostname": "x"}, "unknown setting 'hostname'; did you mean 'host'"),
        ({"ca_file": "/nowhere.pem"}, "ca_file: can't read /nowhere.pem"),
    ],
)
def test_wrong_settings_are_told(wrong: dict[str, Any], said: str) -> None:
    right = {"host": "localhost", "from": "dutyd@example.com", "to": ["oncall@example.com"]}
    with pytest.raises(SettingsError, match=said):
        smtp.connect({**right, **wrong})
