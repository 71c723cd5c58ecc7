"""What the generic providers send and understand, seen by a receiver that takes down every request."""

import base64
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dutyd.core.tool import KeyKnownError, NotSentError, Provider, RefusedError, UnknownOutcomeError
from dutyd.embedded.loopback import Loopback
from dutyd_tools import TOOLS
from dutyd_tools.providers import rest, webhook
from support.tls import make_certificate

KEY = "dutyd-0123456789abcdef0123456789abcdef"
TICKET = {"project": "OPS", "kind": "incident", "title": "Errors", "body": "checkout fails"}
BY_NAME = {tool.name: tool for tool in TOOLS}


@dataclass
class Taken:
    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """Answers every request with the next of *answers*, the last of them for ever."""

    url: str = ""
    taken: list[Taken] = field(default_factory=list)
    answers: list[Response] = field(default_factory=lambda: [JSONResponse({"id": "T-1"}, 201)])

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        path, query = scope["raw_path"].decode(), parse_qs(scope["query_string"].decode())
        self.taken.append(Taken(request.method, path, query, request.headers, await request.body()))
        await (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])(scope, receive, send)

    def answer(self, *answers: object) -> None:
        self.answers = [one if isinstance(one, Response) else JSONResponse(one) for one in answers]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    taking = Receiver()
    with Loopback(taking) as server:
        taking.url = server.url
        yield taking


class Desk:
    """Connects providers and closes them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.open: list[Provider] = []

    def rest(self, thing: Mapping[str, Any] | None = None, makes: str = "ticket", **settings: Any) -> Provider:
        make = {makes: {"path": "/issues", "class": "C", **thing}} if thing is not None else {}
        self.open.append(rest.connect({"url": self.url, "make": make, **settings}))
        return self.open[-1]

    def webhook(self, **settings: Any) -> Provider:
        self.open.append(webhook.connect({"url": self.url, **settings}))
        return self.open[-1]


@pytest.fixture
async def desk(receiver: Receiver) -> AsyncIterator[Desk]:
    opened = Desk(receiver.url)
    yield opened
    for provider in opened.open:
        await provider.close()


async def ask(provider: Provider, tool: str, **args: object) -> Any:
    question = BY_NAME[tool].ask
    assert question is not None
    return await question(provider, BY_NAME[tool].args.model_validate(args))


async def test_members_go_where_the_settings_say_and_what_is_not_there_is_left_out(
    receiver: Receiver, desk: Desk
) -> None:
    body = {
        "subject": "{{ title }}",
        "text": "{{ body }} ({{ project }})",
        "urgency": "{{ priority }}",
        "total": "{{ size(priority) + 1 }}",
        "fields": {"ref": "{{ key }}", "labels": ["dutyd", "{{ priority }}"], "notify": True},
    }
    receiver.answer({"issue": {"number": 2**60 + 1}})
    provider = desk.rest(
        {"body": body, "id": "{{ issue.number }}", "url": "http://issues/{{ issue.number }}?by={{ request.project }}"}
    )
    receipt = await provider.create("ticket", KEY, TICKET)
    (taken,) = receiver.taken
    assert taken.json == {
        "subject": "Errors",
        "text": "checkout fails (OPS)",
        "fields": {"ref": KEY, "labels": ["dutyd"], "notify": True},
    }
    assert taken.headers["idempotency-key"] == KEY
    assert receipt.id == "1152921504606846977"
    assert receipt.data == {"url": "http://issues/1152921504606846977?by=OPS"}


async def test_without_a_body_the_members_go_as_they_are(receiver: Receiver, desk: Desk) -> None:
    await desk.rest({}).create("ticket", KEY, TICKET)
    assert receiver.taken[0].json == TICKET


@pytest.mark.parametrize(
    ("ticket", "path"),
    [
        ("T-1", "/issues/T-1/comments"),
        ("../../admin?x=1#", "/issues/..%2F..%2Fadmin%3Fx%3D1%23/comments"),
        ("a/b c", "/issues/a%2Fb%20c/comments"),
    ],
)
async def test_text_stays_inside_its_segment_of_a_path(receiver: Receiver, desk: Desk, ticket: str, path: str) -> None:
    thing = {"path": "/issues/{{ ticket }}/comments", "query": {"by": "{{ text }}", "none": "{{ key == 1 }}"}}
    await desk.rest(thing, "comment").create("comment", KEY, {"ticket": ticket, "text": "a&b=c"})
    assert receiver.taken[0].path == path
    assert receiver.taken[0].query["by"] == ["a&b=c"]


@pytest.mark.parametrize("ticket", ["..", ".", ""])
async def test_a_path_that_would_lead_elsewhere_is_refused(receiver: Receiver, desk: Desk, ticket: str) -> None:
    with pytest.raises(RefusedError, match="leads elsewhere"):
        await desk.rest({"path": "/t/{{ ticket }}/c"}, "comment").create("comment", KEY, {"ticket": ticket})
    assert receiver.taken == []


async def test_a_path_without_its_value_is_refused(receiver: Receiver, desk: Desk) -> None:
    with pytest.raises(RefusedError, match="a value is missing"):
        await desk.rest({"path": "/t/{{ ticket }}/c"}, "comment").create("comment", KEY, {"text": "x"})
    assert receiver.taken == []


async def test_a_header_holds_one_line_whatever_the_text_was(receiver: Receiver, desk: Desk) -> None:
    hostile = "down\r\nX-Evil: 1\x00 Größe 数"
    await desk.rest({"headers": {"X-Title": "! {{ title }}"}}).create("ticket", KEY, {**TICKET, "title": hostile})
    assert receiver.taken[0].headers["x-title"] == "! down X-Evil: 1 Gr??e ?"
    assert "x-evil" not in receiver.taken[0].headers


async def test_a_form_is_sent_where_the_system_takes_forms(receiver: Receiver, desk: Desk) -> None:
    body = {"subject": "{{ title }}", "urgency": "{{ priority }}", "n": 2, "ok": True}
    await desk.rest({"encoding": "form", "body": body, "method": "PUT"}).create(
        "ticket", KEY, {**TICKET, "title": "a&b"}
    )
    (taken,) = receiver.taken
    assert (taken.method, taken.headers["content-type"]) == ("PUT", "application/x-www-form-urlencoded")
    assert parse_qs(taken.body.decode()) == {"subject": ["a&b"], "n": ["2"], "ok": ["true"]}


async def test_secrets_come_from_files_and_variables_and_stand_where_templates_put_them(
    receiver: Receiver, desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text("s3cret\n")
    monkeypatch.setenv("TEAM_TOKEN", "t0ken")
    provider = desk.rest(
        {"body": {"auth": "{{ secret.api }}"}},
        token_env="TEAM_TOKEN",
        secrets={"api_file": str(tmp_path / "key")},
        headers={"X-Api-Key": "{{ secret.api }}"},
        read={"stock": {"path": "/stock"}},
        check="/me",
    )
    await provider.create("ticket", KEY, TICKET)
    receiver.answer([])
    await provider.read("stock", {"sku": "a", "location": None})
    await provider.check()
    assert receiver.taken[0].json == {"auth": "s3cret"}
    assert [(one.method, one.path) for one in receiver.taken] == [
        ("POST", "/issues"),
        ("GET", "/stock"),
        ("GET", "/me"),
    ]
    for taken in receiver.taken:
        assert (taken.headers["authorization"], taken.headers["x-api-key"]) == ("Bearer t0ken", "s3cret")


async def test_a_user_logs_in_with_a_password(receiver: Receiver, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "a:b")
    await desk.rest({}, username="ana", password_env="PASSWORD").create("ticket", KEY, TICKET)
    login = receiver.taken[0].headers["authorization"].removeprefix("Basic ")
    assert base64.b64decode(login) == b"ana:a:b"


async def test_a_check_that_is_turned_away_says_why(receiver: Receiver, desk: Desk) -> None:
    receiver.answer(JSONResponse({"error": "token expired"}, 401))
    with pytest.raises(RefusedError, match=r"/me answered 401: .*token expired"):
        await desk.rest(check="/me").check()


async def test_an_answer_of_2xx_can_be_a_no(receiver: Receiver, desk: Desk) -> None:
    receiver.answer({"ok": False, "error": "queue is closed"}, {"ok": True, "id": 7})
    provider = desk.rest({"refused_if": "!ok"})
    with pytest.raises(RefusedError, match="queue is closed"):
        await provider.create("ticket", KEY, TICKET)
    assert (await provider.create("ticket", KEY, TICKET)).id == "7"


async def test_a_conflict_can_name_what_was_made_the_first_time(receiver: Receiver, desk: Desk) -> None:
    receiver.answer(JSONResponse({"duplicate_of": "T-7"}, 409), JSONResponse({"error": "busy"}, 409))
    provider = desk.rest({"class": "A", "known_id": "{{ duplicate_of }}"})
    assert (await provider.create("ticket", KEY, TICKET)).id == "T-7"
    with pytest.raises(KeyKnownError, match="busy"):
        await provider.create("ticket", KEY, TICKET)


async def test_an_answer_without_the_id_says_nothing(receiver: Receiver, desk: Desk) -> None:
    receiver.answer({"number": 7}, Response(status_code=204), Response("thanks"))
    for _ in range(3):
        with pytest.raises(UnknownOutcomeError, match=r"'\{\{ id \}\}' is not in the answer"):
            await desk.rest({}).create("ticket", KEY, TICKET)


async def test_an_id_can_come_from_a_header_or_be_the_whole_answer(receiver: Receiver, desk: Desk) -> None:
    receiver.answer(Response(status_code=201, headers={"Location": "/issues/7"}), JSONResponse(8))
    assert (await desk.rest({"id": "{{ headers.location }}"}).create("ticket", KEY, TICKET)).id == "/issues/7"
    assert (await desk.rest({"id": "{{ answer }}"}).create("ticket", KEY, TICKET)).id == "8"


SEARCH = {"path": "/search", "query": {"q": "{{ key }}"}, "list": "found.items", "match": "{{ labels }}"}
SEARCHED = {"class": "B", "body": {"labels": ["{{ key }}"]}, "lookup": SEARCH}


async def test_a_search_takes_what_holds_our_key_and_nothing_else(receiver: Receiver, desk: Desk) -> None:
    other, ours = {"id": 1, "labels": ["dutyd-other"]}, {"id": 2, "labels": ["x", KEY]}
    receiver.answer({"found": {"items": [other, ours, {**ours, "id": 3}]}}, {"found": {"items": [other]}})
    provider = desk.rest(SEARCHED)
    found = await provider.lookup("ticket", KEY)
    assert found is not None
    assert found.id == "2"
    assert await provider.lookup("ticket", KEY) is None
    assert receiver.taken[0].query == {"q": [KEY]}


@pytest.mark.parametrize(
    "answer",
    [{"found": []}, {"found": {"items": [7]}}, [], JSONResponse({}, 404), JSONResponse({}, 500), Response("<p>")],
)
async def test_an_answer_that_is_no_list_of_things_is_not_a_miss(
    receiver: Receiver, desk: Desk, answer: object
) -> None:
    receiver.answer(answer)
    with pytest.raises((NotSentError, RefusedError)):
        await desk.rest(SEARCHED).lookup("ticket", KEY)


async def test_a_thing_at_an_address_made_of_the_key_is_there_or_not(receiver: Receiver, desk: Desk) -> None:
    receiver.answer({"id": 7}, JSONResponse({"error": "none"}, 404), [{"id": 7}])
    provider = desk.rest({"class": "A", "lookup": {"path": "/issues/by-ref/{{ key }}"}})
    found = await provider.lookup("ticket", KEY)
    assert found is not None
    assert found.id == "7"
    assert await provider.lookup("ticket", KEY) is None
    with pytest.raises(NotSentError, match="does not answer with a thing"):
        await provider.lookup("ticket", KEY)


async def test_rows_become_ours_and_numbers_in_texts_are_numbers(receiver: Receiver, desk: Desk) -> None:
    stock = {
        "path": "/inventory/{{ sku }}",
        "query": {"site": "{{ location }}"},
        "list": "rows",
        "fields": {
            "sku": "{{ article }}",
            "location": "{{ site.code }}",
            "inventory_level": "{{ free }}",
            "on_order": "{{ has(open) ? open : 0 }}",
        },
    }
    receiver.answer({"rows": [{"article": "a", "site": {"code": "M"}, "free": "12.50"}, {"article": "a", "free": 3}]})
    told = await ask(desk.rest(read={"stock": stock}), "check_stock_levels", sku="a")
    assert (told["inventory_level"], told["on_order"]) == (15.5, 0)
    assert receiver.taken[0].path == "/inventory/a"
    assert receiver.taken[0].query == {}


async def test_rows_that_lack_what_a_tool_counts_with_are_refused(receiver: Receiver, desk: Desk) -> None:
    provider = desk.rest(read={"stock": {"path": "/s"}})
    receiver.answer(
        [{"inventory_level": 1, "on_order": 2}, {"inventory_level": 1}], [{"inventory_level": "?", "on_order": 0}]
    )
    with pytest.raises(RefusedError, match="stock, row 2: on_order missing"):
        await provider.read("stock", {"sku": "a"})
    with pytest.raises(RefusedError, match="inventory_level is no number: '\\?'"):
        await provider.read("stock", {"sku": "a"})


async def test_a_list_with_the_newest_first_is_turned_round(receiver: Receiver, desk: Desk) -> None:
    fields = {"id": "{{ n }}", "title": "{{ name }}", "status": '{{ open ? "open" : "closed" }}'}
    receiver.answer([{"n": number, "name": "x", "open": number > 1} for number in (3, 2, 1)])
    provider = desk.rest(read={"tickets": {"path": "/t", "fields": fields, "newest_first": True}})
    told = await ask(provider, "search_tickets", query="x")
    assert [(ticket["id"], ticket["status"]) for ticket in told["tickets"]] == [(3, "open"), (2, "open"), (1, "closed")]


async def test_what_the_settings_do_not_speak_of_is_refused(desk: Desk) -> None:
    with pytest.raises(RefusedError, match="nothing of comment under `make`"):
        await desk.rest({}).create("comment", KEY, {})
    with pytest.raises(RefusedError, match="nothing of stock under `read`"):
        await desk.rest({}).read("stock", {})


async def test_a_webhook_sends_all_it_knows_unless_it_is_told_a_body(receiver: Receiver, desk: Desk) -> None:
    receiver.answer(Response("ok"))
    assert (await desk.webhook().create("message", KEY, {"to": "ops", "text": "hi"})).id == KEY
    await desk.webhook(body={"text": "*{{ subject }}* {{ text }}", "who": "{{ to }}"}).create(
        "message", KEY, {"to": "ops", "text": "hi"}
    )
    await desk.webhook(body='{{ makes == "alert" ? summary : "over" }}', id="{{ n }}").create(
        "alert", KEY, {"severity": "info", "summary": "Größe"}
    )
    whole, mapped, plain = receiver.taken
    assert whole.json == {"to": "ops", "text": "hi", "key": KEY, "makes": "message"}
    assert mapped.json == {"who": "ops", "text": "** hi"}
    assert (plain.body.decode(), plain.headers["content-type"]) == ("Größe", "text/plain; charset=utf-8")
    assert {one.headers["idempotency-key"] for one in receiver.taken} == {KEY}


async def test_the_type_of_a_body_is_what_the_settings_say(receiver: Receiver, desk: Desk) -> None:
    ticket = desk.rest({"headers": {"content-type": "application/vnd.shop+json"}})
    await ticket.create("ticket", KEY, TICKET)
    hook = desk.webhook(headers={"Content-Type": "application/xml"}, body="<page>{{ text }}</page>")
    await hook.create("message", KEY, {"to": "ops", "text": "hi"})
    assert [one.headers["content-type"] for one in receiver.taken] == ["application/vnd.shop+json", "application/xml"]


async def test_a_webhook_is_found_at_its_very_address_and_never_shown_where_that_is_secret(
    receiver: Receiver, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", f"{receiver.url}/hooks/s3cret/?sig=abc")
    hook = desk.webhook(url=None, url_env="HOOK")
    receiver.answer(JSONResponse({}, 403))
    with pytest.raises(RefusedError) as told:
        await hook.create("message", KEY, {"to": "ops", "text": "hi"})
    assert (receiver.taken[0].path, receiver.taken[0].query) == ("/hooks/s3cret/", {"sig": ["abc"]})
    for said in (str(told.value), await hook.check()):
        assert "127.0.0.1" in said
        assert "s3cret" not in said
        assert "abc" not in said


async def test_a_certificate_of_ones_own_authority_is_trusted_where_the_settings_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_certificate(tmp_path)
    receiver = Receiver()
    server = Loopback(receiver)
    config = server._server.config
    monkeypatch.setattr(config, "ssl_certfile", made.certificate)
    monkeypatch.setattr(config, "ssl_keyfile", made.key)
    assert isinstance(config, uvicorn.Config)
    assert not config.loaded
    with server:
        url = server.url.replace("http://", "https://")
        for settings, error in (({"ca_file": str(made.certificate)}, None), ({}, NotSentError)):
            provider = webhook.connect({"url": url, **settings})
            if error is None:
                assert (await provider.create("message", KEY, {"to": "ops", "text": "hi"})).id == KEY
                assert await provider.check() == f"{url} takes connections"
            else:
                with pytest.raises(error, match="certificate"):
                    await provider.create("message", KEY, {"to": "ops", "text": "hi"})
                with pytest.raises(error, match="certificate"):
                    await provider.check()
            await provider.close()
    assert len(receiver.taken) == 1
