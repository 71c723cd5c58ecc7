"""A later no never makes an earlier send unheard of: who can be asked is asked, for the rest a person looks."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from dutyd.act import means
from dutyd.core.tool import Provider
from dutyd.ledger.effects import Effects
from dutyd_tools.providers import backoffice, webhook
from support.acting import Office, office, running

RULES = """
language: 1
rules:
  - id: errors
    from: metrics
    per: [service]
    when: error_count > 10
    mode: act
    steps:
      page: {tool: send_alert, with: {severity: critical, summary: "{{ service }}"}}
"""


@pytest.fixture
async def desk(valkey_url: str, unique: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Office]:
    monkeypatch.setattr(means, "FIRST_SECONDS", 0.05)  # the pauses are shown elsewhere
    async with office(valkey_url, unique, tmp_path, RULES) as opened:
        yield opened


def unsearchable(desk: Office) -> Provider:
    """Class A that recognises keys and can't be searched."""
    body = {"severity": "{{ severity }}", "summary": "{{ summary }}"}
    return webhook.connect({"url": f"{desk.url}/alerts", "class": "A", "body": body, "id": "{{ id }}"})


async def outcome(desk: Office, provider: Provider, *faults: dict[str, Any]) -> tuple[str, str, int]:
    """Return how the page ended: its state, why, and how often it is there."""
    for fault in faults:
        await desk.fault(**{"path": "/alerts", **fault})
    desk.open_(desk.trigger("errors", {"service": "checkout", "error_count": 12}, {"service": "checkout"}))
    async with running(desk.worker(provider=provider)):
        await desk.settled(1)
    (effect,) = await desk.ledger.queries.effects()
    return effect["state"], effect["reason"], len(await desk.listed("/alerts"))


EXECUTED = {"do": "execute-then-cut"}
TURNED_AWAY = {"do": "fail", "status": 401}


async def test_a_no_after_a_doubt_needs_a_person_where_nobody_can_be_asked(desk: Office) -> None:
    state, reason, there = await outcome(desk, unsearchable(desk), EXECUTED, TURNED_AWAY)
    assert (state, there) == ("PARKED", 1)
    assert reason.startswith("an earlier try may have got through: ")
    assert "401" in reason


async def test_a_no_without_a_doubt_is_a_no(desk: Office) -> None:
    state, _, there = await outcome(desk, unsearchable(desk), TURNED_AWAY)
    assert (state, there) == ("REFUSED", 0)


async def test_a_no_after_a_doubt_is_settled_by_a_look_up(desk: Office) -> None:
    state, _, there = await outcome(desk, backoffice.connect({"url": desk.url}), EXECUTED, TURNED_AWAY)
    assert (state, there) == ("DONE", 1)


async def test_a_no_after_a_doubt_is_believed_only_when_the_look_up_answers(desk: Office) -> None:
    failing = {"path": "/effects", "method": "GET", "do": "fail", "status": 503, "times": 2}
    state, _, there = await outcome(
        desk, backoffice.connect({"url": desk.url}), EXECUTED, {**TURNED_AWAY, "times": 2}, failing
    )
    assert (state, there) == ("DONE", 1)


async def test_a_key_that_stays_known_needs_a_person_where_nobody_can_be_asked(desk: Office) -> None:
    known = {"do": "fail", "status": 409, "times": 100}
    state, reason, _ = await outcome(desk, unsearchable(desk), known)
    assert state == "PARKED"
    assert "409" in reason


async def test_a_key_that_was_only_in_work_is_done_in_the_end(desk: Office) -> None:
    state, _, there = await outcome(desk, unsearchable(desk), {"do": "fail", "status": 409, "times": 3})
    assert (state, there) == ("DONE", 1)


@dataclass
class Slow:
    """A ledger whose first answers to SENDING take *seconds* each, by a clock that it moves."""

    effects: Effects
    seconds: list[float]
    time: float = 0.0

    def clock(self) -> float:
        return self.time

    def __getattr__(self, name: str) -> Any:
        return getattr(self.effects, name)

    async def sending(self, *given: Any) -> Any:
        self.time += self.seconds.pop() if self.seconds else 0.0
        return await self.effects.sending(*given)


@pytest.mark.parametrize(("kind", "seconds", "attempts"), [("B", 1.0, 1), ("B", 3.0, 2), ("A", 3.0, 1)])
async def test_bytes_leave_soon_after_the_ledger_says_so_or_another_time_but_where_a_key_is_recognised(
    valkey_url: str, unique: str, tmp_path: Path, kind: str, seconds: float, attempts: int
) -> None:
    async with office(valkey_url, unique, tmp_path, RULES, settings={"class": kind}) as desk:
        assert await sent_slowly(desk, seconds) == ("DONE", attempts)
        assert len(await desk.listed("/requests")) == 1


async def sent_slowly(desk: Office, seconds: float) -> tuple[str, int]:
    """Send a page when the ledger's word takes *seconds*; return its state and the number of its sends."""
    worker = desk.worker()
    slow = Slow(worker.means.ledger.effects, [seconds])
    effects: Any = slow
    worker.means, worker.clock = replace(worker.means, ledger=replace(worker.means.ledger, effects=effects)), slow.clock
    desk.open_(desk.trigger("errors", {"service": "checkout", "error_count": 12}, {"service": "checkout"}))
    async with running(worker):
        await desk.settled(1)
    (effect,) = await desk.ledger.queries.effects()
    return effect["state"], int(effect["attempts"])
