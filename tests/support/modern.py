"""PagerDuty, Slack and Jira as their public documents describe them, each as a local server for the contract suite.

They check what they are sent as strictly as the documents say they do (limits, names, credentials), and answer as they
do, odd answers included; the pages are named at each. What a fault plays is decided by the door in front.
"""

import base64
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from dutyd.core.tool import Provider, ProviderClass
from dutyd.embedded.backoffice.database import Database
from dutyd.embedded.backoffice.door import Do, Door, Fault, Faults
from dutyd.embedded.backoffice.entries import Entries
from dutyd.embedded.loopback import Loopback
from dutyd_tools.providers import jira, pagerduty, slack
from support.providers import TICKET, Break, Kind


class Desk(Protocol):
    """What a system of these does with a request, and what it holds."""

    def answer(self, request: Request, body: bytes) -> Response: ...

    def key_in(self, body: bytes) -> str:
        """The key that a request which makes something carries."""
        ...

    def made(self, key: str) -> int: ...

    def total(self) -> int: ...


ROUTING_KEY = "e93facc04764012d7bfb002500d5d1a6"
REST_TOKEN = "y_NbAkKc66ryYTWUXYEu"
SEVERITIES = {"critical", "error", "warning", "info"}


@dataclass
class Incident:
    key: str
    summary: str
    status: str = "triggered"


@dataclass
class PagerdutyDesk:
    """Events API v2 below ``/events``, and as much of the REST API as finds an incident below ``/rest``.

    https://developer.pagerduty.com/docs/events-api-v2-overview, .../send-alert-event: an event with the key of an open
    alert joins it, one with the key of an ended alert opens another; 202 ``Event processed`` for whatever is
    understood, a ``resolve`` of nothing too; 400 ``Event object is invalid`` with one line for each mistake.
    """

    incidents: list[Incident] = field(default_factory=list)
    calls: int = 0

    def answer(self, request: Request, body: bytes) -> Response:
        if request.url.path == "/events/v2/enqueue" and request.method == "POST":
            return self._enqueue(body)
        if request.headers.get("authorization") != f"Token token={REST_TOKEN}":
            return JSONResponse({"error": {"code": 2006, "message": "You are not authorized", "errors": []}}, 401)
        if request.url.path == "/rest/abilities":
            return JSONResponse({"abilities": ["teams"]})
        key = request.query_params.get("incident_key")
        found = [self._row(at, each) for at, each in enumerate(self.incidents) if each.key == key]
        return JSONResponse({"incidents": found, "limit": 25, "offset": 0, "more": False, "total": None})

    def _enqueue(self, body: bytes) -> Response:
        errors = self._errors(body)
        if errors:
            told = {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
            return JSONResponse(told, 400)
        event = json.loads(body)
        key, action = event["dedup_key"], event["event_action"]
        opened = [each for each in self.incidents if each.key == key and each.status != "resolved"]
        if action == "trigger" and not opened:
            self.incidents.append(Incident(key, event["payload"]["summary"]))
            self.calls += 1
        for each in opened:
            each.status = {"trigger": each.status, "acknowledge": "acknowledged", "resolve": "resolved"}[action]
        return JSONResponse({"status": "success", "message": "Event processed", "dedup_key": key}, 202)

    def _errors(self, body: bytes) -> list[str]:
        if len(body) > 512 * 1024:
            return ["Event exceeds the maximum size of 512 KB"]
        try:
            event = json.loads(body)
        except ValueError:
            return ["JSON parse error"]
        errors = []
        if len(event.get("routing_key", "")) != 32:
            errors.append("Length of 'routing_key' is incorrect (should be 32 characters)")
        if event.get("event_action") not in {"trigger", "acknowledge", "resolve"}:
            errors.append("'event_action' is missing or invalid")
        if len(event.get("dedup_key", "")) > 255:
            errors.append("Length of 'dedup_key' is incorrect (should be at most 255 characters)")
        if event.get("event_action") != "trigger":
            return errors if event.get("dedup_key") else [*errors, "'dedup_key' is missing or blank"]
        payload = event.get("payload", {})
        errors += [f"'payload.{name}' is missing or blank" for name in ("summary", "source") if not payload.get(name)]
        if len(payload.get("summary", "")) > 1024:
            errors.append("Length of 'payload.summary' is incorrect (should be at most 1024 characters)")
        if payload.get("severity") not in SEVERITIES:
            errors.append("'payload.severity' is invalid (must be one of: critical, warning, error, info)")
        return errors

    @staticmethod
    def _row(number: int, incident: Incident) -> dict[str, Any]:
        url = f"https://acme.pagerduty.com/incidents/P{number}"
        return {"id": f"P{number}", "type": "incident", "status": incident.status, "html_url": url}

    def key_in(self, body: bytes) -> str:
        return str(json.loads(body)["dedup_key"])

    def made(self, key: str) -> int:
        return len([each for each in self.incidents if each.key == key])

    def total(self) -> int:
        return len(self.incidents)


@dataclass
class SlackDesk:
    """An incoming webhook at ``/services/T/B/x``; others are unknown.

    https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks: ``ok`` as text, or a status with one
    word. A message has no id; the tests tell them apart by their text.
    """

    texts: list[str] = field(default_factory=list)
    gone: str = ""  # what became of the channel or the webhook
    statuses: Mapping[str, int] = field(
        default_factory=lambda: {"action_prohibited": 403, "channel_is_archived": 410, "rollup_error": 500}
    )

    def answer(self, request: Request, body: bytes) -> Response:
        if request.method != "POST" or request.url.path != "/services/T/B/x":
            return PlainTextResponse("no_service", 404)
        if self.gone:
            return PlainTextResponse(self.gone, self.statuses.get(self.gone, 404))
        try:
            text = json.loads(body)["text"]
        except (ValueError, LookupError, TypeError):
            return PlainTextResponse("invalid_payload", 400)
        if not text:
            return PlainTextResponse("no_text", 400)
        self.texts.append(text)
        return PlainTextResponse("ok")

    def key_in(self, body: bytes) -> str:
        return self._key(str(json.loads(body)["text"]))

    @staticmethod
    def _key(text: str) -> str:
        return text.rpartition(" ")[2]

    def made(self, key: str) -> int:
        return len([text for text in self.texts if self._key(text) == key])

    def total(self) -> int:
        return len(self.texts)


JIRA_LOGIN = base64.b64encode(b"dutyd@example.com:token").decode()
TYPES = {"Task", "Bug", "Story"}
PRIORITIES = {"Highest", "High", "Medium", "Low", "Lowest"}


@dataclass
class Issue:
    name: str
    fields: dict[str, Any]
    found: bool  # by the search
    comments: list[Any] = field(default_factory=list)


@dataclass
class JiraDesk:
    """A site of Jira Cloud below ``/jira`` with the project OPS.

    https://developer.atlassian.com/cloud/jira/platform/rest/v3/intro: errors are ``errorMessages`` and ``errors``; 401
    without a valid login; an issue that is made is not found before the search has caught up (``lags``, ``catch_up``),
    and ``search`` without ``/jql`` is gone (410).
    """

    issues: list[Issue] = field(default_factory=list)
    lags: bool = False

    def catch_up(self) -> None:
        """Let the search find what is there."""
        for issue in self.issues:
            issue.found = True

    def answer(self, request: Request, body: bytes) -> Response:
        if request.headers.get("authorization") != f"Basic {JIRA_LOGIN}":
            return _no(401, "Client must be authenticated to access this resource.")
        _, _, path = request.url.path.partition("/rest/api/")
        version, _, what = path.partition("/")
        if what == "myself":
            return JSONResponse({"accountId": "5b10", "displayName": "Duty", "active": True})
        if what == "search":
            return _no(
                410, "The requested API has been removed. Please use the newer, enhanced search-based API instead."
            )
        if what == "search/jql":
            return self._search(request)
        return self._make(version, what, json.loads(body))

    def _make(self, version: str, what: str, sent: dict[str, Any]) -> Response:
        _, _, name = what.partition("/")
        if not name:
            return self._create(version, sent)
        issue = next((each for each in self.issues if f"{each.name}/comment" == name), None)
        if issue is None:
            return _no(404, "Issue does not exist or you do not have permission to see it.")
        if (version == "3") != isinstance(sent["body"], dict):
            return _no(400, comment="Comment body is not valid!")
        issue.comments.append(sent["body"])
        return JSONResponse({"id": str(10_000 + len(issue.comments)), "body": sent["body"]}, 201)

    def _create(self, version: str, sent: dict[str, Any]) -> Response:
        fields = sent["fields"]
        errors = {}
        if fields["project"].get("key") != "OPS":
            errors["project"] = "valid project is required"
        if fields["issuetype"].get("name") not in TYPES:
            errors["issuetype"] = "Specify a valid issue type"
        if not fields["summary"]:
            errors["summary"] = "You must specify a summary of the issue."
        if "\n" in fields["summary"] or len(fields["summary"]) > 255:
            errors["summary"] = "The summary is invalid."
        if (version == "3") != isinstance(fields["description"], dict):
            errors["description"] = "Operation value must be an Atlassian Document (see the Atlassian Document Format)"
        if any(" " in label for label in fields["labels"]):
            errors["labels"] = "The label contains spaces which is invalid."
        if "priority" in fields and fields["priority"]["name"] not in PRIORITIES:
            errors["priority"] = "The priority selected is invalid."
        if errors:
            return _no(400, **errors)
        name = f"OPS-{len(self.issues) + 1}"
        self.issues.append(Issue(name, {**fields, "status": {"name": "To Do"}}, not self.lags))
        return JSONResponse(
            {"id": str(10_000 + len(self.issues)), "key": name, "self": f"/rest/api/3/issue/{name}"}, 201
        )

    def _search(self, request: Request) -> Response:
        jql, asked = request.query_params["jql"], request.query_params.get("fields", "").split(",")
        terms = re.findall(r'(labels|text|project) [=~] "([^"]*)"', jql)
        if not terms:
            return _no(
                400, "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
            )
        rows = [each for each in self.issues if each.found and all(_fits(each, *term) for term in terms)]
        rows = rows if "ASC" in jql else rows[::-1]
        found = [
            {"key": each.name, "fields": {name: value for name, value in each.fields.items() if name in asked}}
            for each in rows
        ]
        return JSONResponse({"issues": found, "isLast": True})

    def key_in(self, body: bytes) -> str:
        return str(json.loads(body).get("fields", {}).get("labels", [""])[-1])

    def made(self, key: str) -> int:
        return len([each for each in self.issues if key in each.fields["labels"]])

    def total(self) -> int:
        return len(self.issues)


def _no(status: int, *messages: str, **errors: str) -> Response:
    return JSONResponse({"errorMessages": messages, "errors": errors}, status)


def _fits(issue: Issue, of: str, wanted: str) -> bool:
    if of == "labels":
        return wanted in issue.fields["labels"]
    if of == "project":
        return bool(wanted == issue.fields["project"]["key"])
    text = json.dumps([issue.fields["summary"], issue.fields["description"]]).casefold()
    return all(word in text for word in wanted.casefold().split())


A, B, C = ProviderClass
PAGERDUTY = Kind("pagerduty", A, pagerduty.connect, {}, "/events", "/rest", reads=False, repeats_body=False)
SLACK = Kind("slack", C, slack.connect, {"text": "{{ text }} {{ key }}"}, "/services/T/B/x", reads=False)
JIRA = Kind("jira", B, jira.connect, {"username": "dutyd@example.com"}, "/jira", "/jira")
MODERN = [PAGERDUTY, SLACK, JIRA]


class ModernSystem:
    """One of these systems, behind a door that plays faults and counts."""

    other_body: Mapping[str, Any]
    wrong_body: Mapping[str, Any] | None = None

    def __init__(self, kind: Kind, desk: Desk, folder: Path) -> None:
        self.kind = kind
        self.desk = desk
        self.makes, self.body = _BODIES[kind.name]
        self.other_body = {**self.body, "summary": "Other"}
        self.counts: Counter[str] = Counter()
        self.url = ""
        self._folder = folder
        self._faults = Faults()
        self._door = Door(self._app, self._faults, Entries(Database(folder / "door.db")))
        self._server = Loopback(self)

    def __enter__(self) -> Self:
        self._server.__enter__()
        self.url = self._server.url
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = await Request(scope, receive).body()
        if scope["method"] == "POST":
            self.counts[self.desk.key_in(body)] += 1

        async def again() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        await self._door(scope, again, send)

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        await self.desk.answer(request, await request.body())(scope, receive, send)

    def connect(self, timeout: float = 10.0, **settings: Any) -> Provider:
        url = f"{self.url}{self.kind.path}"
        return self.kind.connect({**self.kind.settings, **self._own(), "url": url, "timeout": timeout, **settings})

    def _own(self) -> Mapping[str, Any]:
        if self.kind.name == "jira":
            (self._folder / "password").write_text("token\n")
            return {"password_file": self._folder / "password"}
        if self.kind.name != "pagerduty":
            return {}
        (self._folder / "routing-key").write_text(f"{ROUTING_KEY}\n")
        (self._folder / "rest-token").write_text(f"{REST_TOKEN}\n")
        return {
            "routing_key_file": self._folder / "routing-key",
            "api_token_file": self._folder / "rest-token",
            "api_url": f"{self.url}/rest",
        }

    def made(self, key: str) -> int:
        return self.desk.made(key)

    def total(self) -> int:
        return self.desk.total()

    def requests(self, key: str) -> int:
        return self.counts[key]

    def order(self, **fault: Any) -> None:
        """Play a fault at the next request that makes something."""
        self._faults.order(Fault(**{"path": "/" + self.kind.path.split("/")[1], **fault}))

    def break_next(self, how: Break) -> None:
        self.order(**how.at("/" + self.kind.path.split("/")[1]))

    def break_lookup(self) -> None:
        self._faults.order(Fault(path=self.kind.searched, method="GET", do=Do.FAIL, status=503))

    def mend(self) -> None:
        self._faults.forget()

    def stop(self) -> None:
        self._server.stop()


PAGE = {"severity": "critical", "summary": "checkout fails"}
TOLD = {"to": "ops", "text": "checkout fails"}
_BODIES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "pagerduty": ("alert", PAGE),
    "slack": ("message", TOLD),
    "jira": ("ticket", TICKET),
}
_DESKS = {"pagerduty": PagerdutyDesk, "slack": SlackDesk, "jira": JiraDesk}


@contextmanager
def modern_system(folder: Path, kind: Kind) -> Iterator[ModernSystem]:
    """Serve a new system of *kind*."""
    desk: Desk = _DESKS[kind.name]()
    with ModernSystem(kind, desk, folder) as system:
        yield system
