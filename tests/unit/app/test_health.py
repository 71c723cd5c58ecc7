"""What each role's probes look at, and what is no reason to restart a process."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
import redis

from dutyd.app.health import STUCK_SECONDS, Health
from dutyd.evaluate.status import Status
from dutyd.stream.base import Partition

TURNED = Status(joined=True, turned=1000.0)


def health(
    *, status: Status | None = None, turned: float | None = None, joined: bool = True, away: bool = False
) -> Health:
    """Make the health of a process at the time 1000 + ``STUCK_SECONDS`` + 1, with the roles that are given."""

    def ping() -> None:
        if away:
            raise redis.ConnectionError("refused")

    now = 1000.0 + STUCK_SECONDS + 1
    evaluator = None if status is None else SimpleNamespace(status=status)
    acceptor = None if turned is None else SimpleNamespace(turned=turned, joined=joined, clock=lambda: now)
    return Health(
        cast(Any, SimpleNamespace(ping=ping)),
        evaluator=cast(Any, evaluator),
        acceptor=cast(Any, acceptor),
        clock=lambda: now,
    )


def wrong(checks: Any) -> dict[str, str]:
    return {name: what for name, check in checks.items() if (what := check())}


def test_a_process_has_started_once_its_rules_and_the_topics_are_known() -> None:
    new = health()
    assert set(wrong(new.started())) == {"rules", "broker"}
    new.rules = lambda: ""
    assert set(wrong(new.started())) == {"broker"}
    new.broker = ""
    assert not wrong(new.started())


@pytest.mark.parametrize("name", ["evaluator loop", "worker loop"])
def test_a_loop_that_stands_still_is_not_alive(name: str) -> None:
    stuck = health(status=TURNED) if name == "evaluator loop" else health(turned=1000.0)
    assert wrong(stuck.alive()) == {name: "no turn for 121 s"}


@pytest.mark.parametrize(
    "fine",
    [
        health(status=replace(TURNED, turned=1100.0), turned=1100.0, away=True),
        health(status=replace(TURNED, trouble="Kafka does not answer")),
        health(status=Status()),
        health(),
    ],
    ids=["Redis away", "the broker away", "before the first turn", "while it starts"],
)
def test_what_a_restart_would_not_mend_is_alive(fine: Health) -> None:
    assert not wrong(fine.alive())


def test_a_process_that_stops_is_alive_and_not_ready() -> None:
    stopping = replace(health(status=TURNED, turned=1000.0), stopping=lambda: True)
    assert not wrong(stopping.alive())
    assert wrong(stopping.ready()) == {"groups": "leaving them: this process is stopping"}


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (health(), {"groups": "not joined yet"}),
        (health(status=Status()), {"groups": "no partitions yet"}),
        (health(turned=1000.0, joined=False), {"groups": "no partitions yet"}),
        (health(status=TURNED, turned=1000.0, joined=False), {"groups": "no partitions yet"}),
        (health(status=replace(TURNED, waiting=frozenset({Partition("t", 0)}))), {"groups": "no partitions yet"}),
        (health(turned=1000.0, away=True), {"redis": "refused"}),
        (health(status=replace(TURNED, trouble="Kafka does not answer")), {"redis": "Kafka does not answer"}),
        (health(status=TURNED, turned=1000.0), {}),
        (health(turned=1000.0), {}),
        (health(status=TURNED), {}),
    ],
)
def test_readiness_asks_the_groups_of_the_roles_and_redis(asked: Health, says: dict[str, str]) -> None:
    assert wrong(asked.ready()) == says


def test_topics_that_are_waited_for_are_told_and_nothing_fails() -> None:
    waiting = health(status=replace(TURNED, missing=("orders", "stock")))
    assert waiting.waits_for() == "to be created: orders, stock"
    assert not wrong(waiting.ready())
    assert health(status=TURNED).waits_for() == health(turned=1000.0).waits_for() == ""
