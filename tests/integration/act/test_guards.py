"""A provider or a model that is down is found out once, not by every incident: on real HTTP."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dutyd.act.agent.client import Client, Endpoint
from dutyd.act.agent.model import Answer, ModelRejected, Question
from dutyd.act.agent.trial import FUNCTION, MESSAGES, TOKENS
from dutyd.act.guard import REJECTED_SECONDS, GuardedModel, GuardedProvider
from dutyd.act.worker import Worker
from dutyd.core.route import Routes
from dutyd.embedded.loopback import Loopback
from dutyd.embedded.standin import Standin
from dutyd.embedded.standin.script import Script
from support.acting import Office, office, running
from support.agent_run import Instant, playing

RULES = """
language: 1
rules:
  - id: errors
    from: metrics
    per: [service]
    when: error_count > 10
    group: off
    mode: act
    agent: {goal: Decide.}
    steps:
      page: {tool: send_alert, with: {severity: critical, summary: "{{ service }}"}}
      ticket:
        tool: create_ticket
        with: {project: OPS, kind: incident}
        decide: {title: {text: 120}, body: {text: 400}}
        fallback: {title: "{{ service }}", body: x}
"""
INCIDENTS = 30


@pytest.fixture
async def desk(valkey_url: str, unique: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(valkey_url, unique, tmp_path, RULES, settings={"timeout": 1.0}) as opened:
        for number in range(INCIDENTS):
            name = f"s{number}"
            opened.open_(opened.trigger("errors", {"service": name, "error_count": 12}, {"service": name}, number))
        yield opened


def guarded(worker: Worker) -> Worker:
    def around(family: str, routes: Routes) -> Routes:
        return Routes(GuardedProvider(family, routes.default))

    providers = {family: around(family, routes) for family, routes in worker.means.providers.items()}
    return replace(worker, means=replace(worker.means, providers=providers))


async def test_a_key_that_is_refused_is_tried_once_and_every_incident_falls_back(desk: Office) -> None:
    standin = Standin(Script(wrong_key="wrong"))
    with Loopback(standin.app) as server:
        client = Client(Endpoint(base_url=f"{server.url}/v1", key="wrong"))
        async with running(desk.worker(model=GuardedModel(client))):
            await desk.settled(INCIDENTS, seconds=60.0)
        await client.close()
    rows = await desk.ledger.queries.effects()
    assert sum(row["step"] == "ticket" and row["by"] == "fallback" for row in rows) == INCIDENTS
    assert {row["state"] for row in rows} == {"DONE"}
    assert standin.requests <= 10


async def test_a_model_that_is_held_is_asked_again_once_the_time_is_over() -> None:
    with playing() as served:
        client, clock = Client(Endpoint(base_url=served.url)), Instant()
        model = GuardedModel(client, clock=clock.now)
        model.hold("it is not there")
        held = await model.ask(Question(MESSAGES, (FUNCTION,), TOKENS, 5.0))
        asked = served.standin.requests
        clock.at += REJECTED_SECONDS
        later = await model.ask(Question(MESSAGES, (FUNCTION,), TOKENS, 5.0))
        await client.close()
    assert (held, asked) == (ModelRejected("it is not there"), 0)
    assert isinstance(later, Answer)
    assert not model.breaker.is_open


@pytest.mark.parametrize(
    ("script", "endpoint", "asked", "rests"),
    [
        ({"wrong_key": "sk-wrong"}, {"key": "sk-wrong"}, 1, REJECTED_SECONDS),
        ({}, {"name": "kimi-k2.5"}, 1, REJECTED_SECONDS),
        ({"faults": [{"kind": "quota", "times": 0}]}, {}, 1, REJECTED_SECONDS),
        ({"faults": [{"kind": "rate_limit", "retry_after": 30, "times": 0}]}, {}, 1, 30.0),
        ({"faults": [{"kind": "overloaded", "times": 0}]}, {}, 5, None),
        ({"faults": [{"kind": "down", "times": 0}]}, {}, 5, None),
        ({"faults": [{"kind": "filter", "times": 0}]}, {}, 9, 0.0),
    ],
    ids=["key", "model", "balance", "rate", "overload", "down", "moderation"],
)
async def test_each_fault_leaves_the_model_alone_for_as_long_as_it_needs(
    script: dict[str, Any], endpoint: dict[str, Any], asked: int, rests: float | None
) -> None:
    with playing(script) as served:
        client = Client(Endpoint(base_url=served.url, **endpoint))
        model = GuardedModel(client, clock=lambda: 100.0)
        for _ in range(9):
            await model.ask(Question(MESSAGES, (FUNCTION,), TOKENS, 5.0))
        await client.close()
    assert served.standin.requests == asked
    wait = model.breaker.wait(100.0)
    assert wait > 0 if rests is None else wait == rests


async def test_a_provider_that_is_down_is_left_alone_and_everything_is_done_once_it_is_back(desk: Office) -> None:
    await desk.fault(path="/alerts", do="fail", status=503, times=8)
    async with running(guarded(desk.worker())):
        await desk.settled(INCIDENTS, seconds=90.0)
    assert len(await desk.listed("/alerts")) == INCIDENTS
    keys = [row["key"] for row in await desk.listed("/executions")]
    assert len(keys) == len(set(keys)) == 2 * INCIDENTS
