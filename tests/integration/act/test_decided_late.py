"""What the model was to decide and could not, because what it needs waits for a person: it waits, and ends by name."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from dutyd.act.agent.client import Client, Endpoint
from dutyd.act.steps import TOO_LATE
from dutyd.embedded.loopback import Loopback
from dutyd.embedded.standin import Standin
from dutyd.embedded.standin.script import parse_script
from support.acting import Office, office, running

RULE = """
language: 1
rules:
  - id: errors
    from: metrics
    per: [service]
    when: error_count > 10
    mode: act
    agent: {goal: Decide.}
    steps:
      first:
        tool: create_ticket
        with: {project: OPS, kind: incident, body: b}
        decide: {title: {text: 120}}
        approval_if: APPROVAL_1
      between:
        needs: [first]
        tool: create_ticket
        with: {project: OPS, kind: incident, title: between, body: b}
        approval_if: APPROVAL_2
      last:
        needs: [NEEDED]
        tool: create_ticket
        with: {project: OPS, kind: incident, body: b}
        decide: {title: {text: 120}}
      left:
        tool: create_ticket
        with: {project: OPS, kind: incident, body: b}
        decide: {title: {text: 120}}
"""
FIRST = (
    RULE.replace("APPROVAL_1", "error_count > 10").replace("APPROVAL_2", "error_count > 99").replace("NEEDED", "first")
)
BETWEEN = (
    RULE.replace("APPROVAL_1", "error_count > 99")
    .replace("APPROVAL_2", "error_count > 10")
    .replace("NEEDED", "between")
)
BACK = "        fallback: {title: late}\n      left:"


@asynccontextmanager
async def desk_of(url: str, name: str, folder: Path, rules: str) -> AsyncIterator[Office]:
    """Have a worker work one incident whose model decides ``first``, tries ``last``, and leaves ``left`` alone."""
    said = [
        {"turn": 0, "calls": [{"name": "first", "arguments": {"title": "first"}}]},
        {"turn": 1, "calls": [{"name": "last", "arguments": {"title": "last"}}]},
        *({"turn": turn, "text": "That is all."} for turn in (2, 3)),  # it is reminded once of what is left
    ]
    standin = Standin(parse_script({"answers": said}))
    async with office(url, name, folder, rules) as desk:
        with Loopback(standin.app) as server:
            client = Client(Endpoint(base_url=f"{server.url}/v1", key="any"))
            desk.open_(desk.trigger("errors", {"service": "a", "error_count": 12}, {"service": "a"}))
            async with running(desk.worker(model=client)):
                yield desk
            await client.close()


async def rows_of(desk: Office) -> dict[str, dict[str, Any]]:
    return {row["step"]: row for row in await desk.ledger.queries.effects()}


@pytest.mark.parametrize(("back", "end"), [("", ("REFUSED", TOO_LATE)), (BACK, ("DONE", ""))], ids=["without", "with"])
@pytest.mark.parametrize("waits", ["first", "between"])
async def test_what_the_model_could_not_decide_yet_waits_and_then_takes_its_fallback_or_says_why_not(
    valkey_url: str, unique: str, tmp_path: Path, waits: str, back: str, end: tuple[str, str]
) -> None:
    rules = FIRST if waits == "first" else BETWEEN
    async with desk_of(valkey_url, unique, tmp_path, rules.replace("      left:", back) if back else rules) as desk:
        await desk.until(lambda: step_of(desk, waits), ("AWAITING_APPROVAL", "approval_if: error_count > 10"))
        await desk.settled(1)
        assert "last" not in await rows_of(desk)
        row = (await rows_of(desk))[waits]
        (shown,) = await desk.ledger.queries.approvals()
        await desk.ledger.decisions.approve(row["key"], shown["hash"], "ana")
        await desk.until(lambda: step_of(desk, "last"), end)
        await desk.settled(1)
        (incident,) = await desk.ledger.queries.named("")
        answers = (await desk.ledger.queries.whole(incident))["answers"]
    assert [(row["step"], row["state"], row["reason"]) for row in answers] == [
        ("left", "skipped", "the model chose not to")
    ]


async def step_of(desk: Office, step: str) -> tuple[str, str]:
    row = (await rows_of(desk)).get(step)
    return (row["state"], row["reason"]) if row else ("", "")
