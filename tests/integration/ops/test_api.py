"""The HTTP API on a real ledger: who may look, who may decide, and that a decision is for one exact call."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from dutyd.core.policy import MoneyLimits, Policy
from dutyd.ops.api import Api, May, Token
from dutyd.ops.http import HttpServer, probes
from support.acting import CATALOGUE, Office, office, running

RULES = """
language: 1
rules:
  - id: stock
    from: stock
    per: [sku]
    when: level < 5
    mode: act
    steps:
      order:
        tool: draft_purchase_order
        with: {sku: "{{ sku }}", supplier: S, quantity: 40, unit_price: 30}
        approval_if: quantity * unit_price > 1000
        refuse_if: quantity > 100
"""
TOKENS = {"ana": (May.VIEW, "view-token"), "carla": (May.DECIDE, "decide-token"), "bob": (May.DECIDE, "bobs-token")}
POLICY = Policy(
    approvers={"draft_purchase_order": ("carla",)},
    money=MoneyLimits(per_effect=Decimal(30_000), per_day=Decimal(20_000)),
)
NOW = 1_780_000_000.0


class Client:
    """Asks the API under a token."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def __call__(self, method: str, path: str, body: Any = None, token: str = "decide-token") -> tuple[int, Any]:
        async with httpx2.AsyncClient() as client:
            content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            answer = await client.request(method, f"{self.url}{path}", content=content, headers=headers)
            return answer.status_code, answer.json()


@pytest.fixture
async def desk(valkey_url: str, unique: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(valkey_url, unique, tmp_path, RULES) as opened:
        yield opened


@pytest.fixture
async def api(desk: Office) -> AsyncIterator[Client]:
    loop = asyncio.get_running_loop()
    tokens = tuple(
        Token(name, may, hashlib.sha256(token.encode()).hexdigest()) for name, (may, token) in TOKENS.items()
    )
    served = Api(
        desk.ledger,
        POLICY,
        CATALOGUE,
        tokens,
        ask=lambda question: asyncio.run_coroutine_threadsafe(question, loop),
        now=lambda: NOW,
    )
    server = HttpServer(probes({}, {}, {}, served.routes()), "127.0.0.1", 0)
    with server:
        yield Client(server.url)


async def waiting(desk: Office, api: Client) -> dict[str, Any]:
    desk.open_(desk.trigger("stock", {"sku": "A", "level": 1}, {"sku": "A"}))
    async with running(desk.worker(POLICY)):
        await desk.until(lambda: states(desk), ["AWAITING_APPROVAL"])
    (row,) = (await api("GET", "/api/approvals", token="view-token"))[1]
    return dict(row)


async def states(desk: Office) -> list[str]:
    return [row["state"] for row in await desk.ledger.queries.effects()]


async def test_what_was_shown_is_approved_and_sent_once(desk: Office, api: Client) -> None:
    row = await waiting(desk, api)
    decision = {"decision": "approve", "hash": row["hash"], "why": "checked"}
    assert await api("POST", f"/api/approvals/{row['key']}", decision) == (
        200,
        {"key": row["key"], "done": "approve", "by": "carla"},
    )
    status, answer = await api("POST", f"/api/approvals/{row['key']}", decision)
    assert (status, answer["error"]) == (409, "too late: it waits for nobody (it is RESERVED)")
    async with running(desk.worker(POLICY)):
        await desk.until(lambda: states(desk), ["DONE"])
    assert len(await desk.listed("/purchase-orders")) == 1


async def test_an_edit_makes_another_call_that_needs_an_approval_of_its_own(desk: Office, api: Client) -> None:
    row = await waiting(desk, api)
    path = f"/api/approvals/{row['key']}"
    status, edited = await api("POST", path, {"decision": "edit", "hash": row["hash"], "set": {"quantity": 50}})
    assert (status, edited["args"]["quantity"]) == (200, 50)
    assert (await api("POST", path, {"decision": "approve", "hash": row["hash"]}))[0] == 409
    assert await states(desk) == ["AWAITING_APPROVAL"]
    assert (await api("POST", path, {"decision": "approve", "hash": edited["hash"]}))[0] == 200
    async with running(desk.worker(POLICY)):
        await desk.until(lambda: states(desk), ["DONE"])
    (order,) = await desk.listed("/purchase-orders")
    assert order["quantity"] == 50


async def test_an_edit_beyond_the_rules_refusal_is_refused_before_it_is_sent(desk: Office, api: Client) -> None:
    row = await waiting(desk, api)
    path = f"/api/approvals/{row['key']}"
    _, edited = await api("POST", path, {"decision": "edit", "hash": row["hash"], "set": {"quantity": 500}})
    await api("POST", path, {"decision": "approve", "hash": edited["hash"]})
    async with running(desk.worker(POLICY)):
        await desk.until(lambda: states(desk), ["REFUSED"])
    assert await desk.listed("/purchase-orders") == []


@pytest.mark.parametrize(("quantity", "status", "words"), [(700, 409, "per_day"), (1001, 422, "more than 30000")])
async def test_an_edit_that_spends_more_than_the_policy_allows_changes_nothing(
    desk: Office, api: Client, quantity: int, status: int, words: str
) -> None:
    row = await waiting(desk, api)
    edit = {"decision": "edit", "hash": row["hash"], "set": {"quantity": quantity}}
    refused, why = await api("POST", f"/api/approvals/{row['key']}", edit)
    assert (refused, words in str(why)) == (status, True), why
    assert await api("GET", "/api/approvals") == (200, [row])


@pytest.mark.parametrize(
    ("asked", "body", "token", "status", "words"),
    [
        ("GET /api/incidents", None, "", 401, "Authorization: Bearer TOKEN"),
        ("GET /api/incidents", None, "wrong", 401, "send a token of the settings"),
        ("GET /api/incidents/zzz", None, "view-token", 404, "there is no incident 'zzz'"),
        ("GET /api/effects?state=lost", None, "view-token", 422, "state is one of RESERVED"),
        ("GET /api/effects?limit=0", None, "view-token", 422, "limit is a number from 1 to 200"),
        ("POST /api/approvals/x", {"decision": "approve", "hash": "h"}, "view-token", 403, "ana may only view"),
        ("POST /api/approvals/x", {"decision": "approve", "hash": "h"}, "decide-token", 404, "no call 'x' waits"),
        ("GET /api/orders", None, "view-token", 404, "GET /api/orders: not found"),
        ("DELETE /api/effects", None, "decide-token", 405, "DELETE /api/effects: method not allowed"),
        ("POST /api/approvals/x", b"{", "decide-token", 400, "the body is no JSON"),
        ("POST /api/approvals/x", b"[]", "decide-token", 400, "the body is a JSON object"),
        ("POST /api/approvals/x", b"x" * 70_000, "decide-token", 413, "at most 65536 bytes"),
    ],
)
async def test_who_may_not_or_asks_wrongly_is_told_why(
    api: Client, asked: str, body: Any, token: str, status: int, words: str
) -> None:
    method, _, path = asked.partition(" ")
    found, answer = await api(method, path, body, token)
    assert found == status
    assert words in answer["error"]


@pytest.mark.parametrize(
    ("body", "token", "status", "words"),
    [
        ({"decision": "approve"}, "decide-token", 422, "'hash' is missing"),
        ({"decision": "maybe", "hash": "HASH"}, "decide-token", 422, "approve, deny or edit"),
        ({"decision": "approve", "hash": "another"}, "decide-token", 409, "not the one with this hash"),
        ({"decision": "approve", "hash": "HASH"}, "bobs-token", 403, "bob may not decide draft_purchase_order"),
        ({"decision": "edit", "hash": "HASH"}, "decide-token", 422, "edit needs 'set'"),
        ({"decision": "edit", "hash": "HASH", "set": {"qantity": 1}}, "decide-token", 422, "did you mean 'quantity'?"),
        ({"decision": "edit", "hash": "HASH", "set": {"quantity": "x"}}, "decide-token", 422, "quantity"),
    ],
)
async def test_a_wrong_decision_decides_nothing(
    desk: Office, api: Client, body: dict[str, Any], token: str, status: int, words: str
) -> None:
    row = await waiting(desk, api)
    said = {name: row["hash"] if value == "HASH" else value for name, value in body.items()}
    found, answer = await api("POST", f"/api/approvals/{row['key']}", said, token)
    assert found == status
    assert words in answer["error"]
    assert await states(desk) == ["AWAITING_APPROVAL"]


async def test_an_incident_is_handled_by_name_and_everything_is_audited(desk: Office, api: Client) -> None:
    row = await waiting(desk, api)
    incident = row["incident"]
    for did in ("note", "ack", "close"):
        assert (await api("POST", f"/api/incidents/{incident}/{did}", {"because": f"to {did}"}))[0] == 200
    assert (await api("POST", f"/api/incidents/{incident}/close", {"because": "again"}))[0] == 409
    assert (await api("POST", f"/api/incidents/{incident}/burn", {"because": "x"}))[0] == 404
    _, shown = await api("GET", f"/api/incidents/{incident}", token="view-token")
    assert [(note["who"], note["did"]) for note in shown["notes"]] == [
        ("carla", did) for did in ("note", "ack", "close")
    ]
    async with running(desk.worker(POLICY)):
        await desk.until(lambda: states(desk), ["REFUSED"])  # withdrawn on clear
        await desk.until(pending(desk), {})
    records = [json.loads(value) for value in desk.produced("audit")]
    assert [(record["who"], record["did"], record["what"], record["rule"]) for record in records] == [
        ("carla", did, incident, "stock") for did in ("note", "ack", "close")
    ]


async def test_an_approval_is_audited_with_its_call_and_rule_digest(desk: Office, api: Client) -> None:
    row = await waiting(desk, api)
    await api("POST", f"/api/approvals/{row['key']}", {"decision": "deny", "hash": row["hash"], "why": "too dear"})
    async with running(desk.worker(POLICY)):
        await desk.until(pending(desk), {})
    (record,) = [json.loads(value) for value in desk.produced("audit")]
    assert (record["who"], record["did"], record["why"]) == ("carla", "deny", "too dear")
    assert (record["hash"], record["digest"]) == (row["hash"], desk.book.rules.digest)


def pending(desk: Office) -> Any:
    async def look() -> dict[bytes, bytes]:
        return await desk.ledger.audit.pending()

    return look


async def test_a_parked_effect_is_settled_by_who_may_decide(desk: Office, api: Client) -> None:
    row = await waiting(desk, api)
    effect = desk.ledger.scripts.key("effect", row["key"])
    path, said = f"/api/effects/{row['key']}", {"decision": "not done", "because": "asked the supplier"}
    assert (await api("POST", path, said))[0] == 409  # nobody is asked about it
    await desk.ledger.scripts.client.hset(effect, "state", "PARKED")
    assert (await api("POST", path, said, "view-token"))[0] == 403
    assert (await api("POST", path, said, "bobs-token"))[0] == 403
    assert (await api("POST", "/api/effects/zz", said))[0] == 404
    assert (await api("POST", path, {**said, "decision": "maybe"}))[0] == 422
    status, told = await api("POST", path, {"decision": "done", "because": "there"})
    assert (status, told["error"]) == (422, "'receipt' is missing: a text")
    assert await api("POST", path, said) == (200, {"key": row["key"], "done": "not done", "by": "carla"})
    assert await states(desk) == ["REFUSED"]


async def test_what_a_later_look_found_is_listed(desk: Office, api: Client) -> None:
    row = await waiting(desk, api)
    assert (await api("GET", "/api/effects?breaches"))[1] == []
    effect = desk.ledger.scripts.key("effect", row["key"])
    await desk.ledger.scripts.client.hset(effect, "breach", "missing: PO-1 is not there")
    (found,) = (await api("GET", "/api/effects?breaches", token="view-token"))[1]
    assert (found["key"], found["breach"]) == (row["key"], "missing: PO-1 is not there")
    assert "make it by hand" in found["what_to_do"]
