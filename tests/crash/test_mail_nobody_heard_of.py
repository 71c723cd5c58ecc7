"""Class C on its real server: the worker is killed after a mail server took its mails and before it could hear so."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.daemon import Installation, installation
from support.mail import Fault, MailServer, running_mail

RULES = """
language: 1
rules:
  - id: errors
    from: metrics
    per: [service]
    when: error_count > 10
    mode: act
    steps:
      parked: {tool: send_alert, with: {severity: error, summary: parked}}
      skipped: {tool: send_alert, with: {severity: error, summary: skipped}, if_unsure: skip}
      repeated: {tool: send_alert, with: {severity: error, summary: repeated}, if_unsure: repeat}
"""
PATIENCE = 30.0


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with running_mail() as server:
        yield server


@pytest.fixture
def made(tmp_path: Path, unique: str, valkey_url: str, mail: MailServer) -> Iterator[Installation]:
    smtp = {
        "kind": "smtp",
        "host": "127.0.0.1",
        "port": mail.port,
        "tls": "none",
        "from": "dutyd@example.com",
        "to": "oncall@example.com",
        "timeout": 1,
    }
    servers = {"redis": valkey_url, "stream": valkey_url}
    with installation(tmp_path, unique, RULES, topics={"metrics": {}}, providers={"alerting": smtp}, **servers) as one:
        yield one


def test_what_nobody_heard_of_is_parked_skipped_or_repeated_as_the_rule_says(
    made: Installation, mail: MailServer
) -> None:
    mail.break_next(Fault.SILENT_AFTERWARDS, messages=3)
    file = made.settings.parent / "events.jsonl"
    file.write_text('{"id": "1", "time": "2026-01-31T09:00:00Z", "service": "pay", "error_count": 12}\n')
    made.publish("metrics", file)
    first = made.start()
    wait_for(made, lambda: len(mail.taken) == 3)
    first.kill()
    first.wait()
    made.start()
    wait_for(made, lambda: states(made) == {"parked": "PARKED", "skipped": "REFUSED", "repeated": "DONE"})
    subjects = Counter(taken.message["Subject"] for taken in mail.taken)
    assert subjects == {"[ERROR] parked": 1, "[ERROR] skipped": 1, "[ERROR] repeated": 2}
    assert len({taken.message["Message-ID"] for taken in mail.taken}) == 3


def states(one: Installation) -> dict[str, str]:
    return {each["key"].rpartition("/")[2]: each["state"] for each in one.command("effects", "list")}


def wait_for(one: Installation, reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, f"{states(one)}\n{one.log()}"
        time.sleep(0.05)
