"""PagerDuty (Events API v2): the provider behind ``alerting`` that calls people by phone.

Our key is the ``dedup_key``. While an alert with it is open, a repeated ``trigger`` joins it; after its end the same
event opens a new one and calls people again. So it is class A inside a window, and the window is a judgement: how soon
people may resolve a page that we still wait to hear of. With a REST token (read-only is enough) it can be searched too.

Facts, from https://developer.pagerduty.com/docs/events-api-v2-overview (PagerDuty/developer-docs,
docs/events-API-v2/01-Overview.md; PagerDuty/api-schema, reference/events-v2/openapiv3.json): 202 means taken, not done;
400 is a wrong event; after 429 wait a few minutes; 5xx and network errors may be sent again; an event has at most
512 KB, a ``dedup_key`` 255 characters, a summary 1,024. ``GET /incidents?incident_key=`` finds the incidents of an
alert, from the REST reference (https://developer.pagerduty.com/api-reference: List incidents).
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn, Self

import httpx2
from pydantic import Field, model_validator

from dutyd.core.errors import SettingsError
from dutyd.core.expr import look_in
from dutyd.core.secrets import cut, quoted
from dutyd.core.tool import NotSentError, Promise, Provider, ProviderClass, Receipt, RefusedError, UnknownOutcomeError
from dutyd_tools.providers.connection import HttpSettings, open_api
from dutyd_tools.providers.http import JSON, JsonApi, Manners, Request
from dutyd_tools.providers.secrets import read_secret
from dutyd_tools.providers.settings import Seconds, WebAddress, read_settings
from dutyd_tools.providers.shape import Text, check_names, names_for, whole_text

EVENTS = "https://events.pagerduty.com"
REST = "https://api.pagerduty.com"
PATH = "/v2/enqueue"

ACTIONS: Mapping[str, str] = {
    "alert": "trigger",
    "alert_acknowledgement": "acknowledge",
    "alert_resolution": "resolve",
}
"""What can be made, and the event that makes it."""

MOST_BYTES = 512 * 1024
MOST_SUMMARY = 1024
KEY_LENGTH = 32  # characters of a routing key
BUSY_SECONDS = 60.0  # after a 429 that does not say for how long
TEXTS = ("source", "component", "group", "class")


class PagerdutySettings(HttpSettings):
    """Settings of the kind ``pagerduty``.

    Attributes:
        routing_key_file: the integration key of a service or an event orchestration; or ``routing_key_env``.
        source, component, group, class: of the event, as templates.
        client, client_url: who sends, for people who read it.
        window: how long a page is taken for open: a resend joins it that long.
        api_token_file: a REST token: then pages can be looked up; or ``api_token_env``.
        api_url: of the REST API.
        settle: how long an event that was taken needs to be found there.

    """

    routing_key_file: Path | None = None
    routing_key_env: str | None = None
    source: Text = Field("dutyd", validate_default=True)
    component: Text | None = None
    group: Text | None = None
    class_: Text | None = Field(None, alias="class")
    client: str = "dutyd"
    client_url: WebAddress | None = None
    window: Seconds = Field(3600.0, gt=0)
    api_token_file: Path | None = None
    api_token_env: str | None = None
    api_url: WebAddress = REST
    settle: Seconds = Field(60.0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _at_home(cls, told: Any) -> Any:
        return told if {"url", "url_file", "url_env"} & told.keys() else {**told, "url": EVENTS}

    @model_validator(mode="after")
    def _has_a_key(self) -> Self:
        if not (self.routing_key_file or self.routing_key_env):
            raise ValueError("routing_key_file (or routing_key_env) is missing: an integration's key")
        return self


def connect(settings: Mapping[str, Any]) -> Provider:
    """Return the provider for *settings*.

    Raises:
        SettingsError: they are wrong.

    """
    read = read_settings("pagerduty", PagerdutySettings, settings, _problems)
    key = read_secret("routing_key", file=read.routing_key_file, env=read.routing_key_env) or ""
    if len(key) != KEY_LENGTH:
        raise SettingsError(f"provider pagerduty: routing_key: it has {len(key)} characters, not {KEY_LENGTH}")
    token = read_secret("api_token", file=read.api_token_file, env=read.api_token_env)
    return Pagerduty(read, key, token)


class Pagerduty:
    """One integration of a PagerDuty account, and the account's REST API where there is a token for it."""

    def __init__(self, settings: PagerdutySettings, routing_key: str, token: str | None) -> None:
        self._settings = settings
        self._routing_key = routing_key
        self._events = open_api(settings, Manners(_words, BUSY_SECONDS))
        self._rest = _rest(settings, token) if token else None

    def promise_of(self, kind: str) -> Promise | None:
        """Return class A, inside the window for a page; acknowledging or ending it twice changes nothing."""
        settings = self._settings
        if kind == "alert":
            searchable = self._rest is not None
            return Promise(ProviderClass.A, settings.window, settings.settle, settings.timeout, searchable=searchable)
        known = kind in ACTIONS
        return Promise(ProviderClass.A, timeout=settings.timeout, searchable=False) if known else None

    async def create(self, kind: str, key: str, body: Mapping[str, Any]) -> Receipt:
        """Raise an ``alert``, or acknowledge or end the one that *body* names.

        Raises:
            RefusedError: the event is wrong, or too large.
            NotSentError: it never left, or there are too many now.
            UnknownOutcomeError: it may have been taken.

        """
        if kind not in ACTIONS:
            raise RefusedError(f"PagerDuty makes no {kind}, only {', '.join(ACTIONS)}")
        about = key if kind == "alert" else str(body.get("alert"))
        event: dict[str, Any] = {
            "routing_key": self._routing_key,
            "event_action": ACTIONS[kind],
            "dedup_key": about,
        }
        if kind == "alert":
            event |= self._page(key, body)
        content = json.dumps(event).encode()
        if len(content) > MOST_BYTES:
            raise RefusedError(f"an event of {len(content):,} bytes: PagerDuty takes at most {MOST_BYTES:,}")
        response = await self._events.send(Request("POST", PATH, content, JSON))
        return Receipt(_taken(response, about), {})

    async def lookup(self, kind: str, key: str) -> Receipt | None:
        """Return the page that has *key*, open or not, oldest first; None without a REST token."""
        if self._rest is None or kind != "alert":
            return None
        query = {"incident_key": key, "date_range": "all", "sort_by": "created_at:asc"}
        answer = await self._rest.get("/incidents", query)
        try:
            found = answer["incidents"]
            return Receipt(key, {"url": found[0].get("html_url", "")}, len(found)) if found else None
        except (TypeError, LookupError, AttributeError) as error:
            raise NotSentError(f"{self._rest.url}/incidents answered no incidents: {quoted(str(answer))}") from error

    async def read(self, kind: str, query: Mapping[str, Any]) -> NoReturn:
        """Refuse: no tool asks it anything."""
        raise RefusedError(f"PagerDuty can't be asked for {kind}")

    async def check(self) -> str:
        """See whether connections are taken, and the token; whether it knows the routing key only a page could show."""
        await self._events.reach()
        seen = f"{self._events.url} takes connections"
        if self._rest is None:
            return f"{seen}; whether it knows the routing key only a page could show"
        await self._rest.get("/abilities", {})
        return f"{seen}; {self._rest.url} takes the token"

    async def close(self) -> None:
        """Close connections."""
        await self._events.close()
        if self._rest is not None:
            await self._rest.close()

    def _page(self, key: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        settings, look = self._settings, look_in({**body, "key": key})
        told = {"source": settings.source, "component": settings.component}
        told |= {"group": settings.group, "class": settings.class_}
        texts = {name: whole_text(template, look) for name, template in told.items() if template is not None}
        payload = {name: text for name, text in texts.items() if text} | {
            "summary": cut(str(body.get("summary", "")), MOST_SUMMARY),
            "severity": body.get("severity"),
            "custom_details": {"details": body["details"]} if body.get("details") else {},
        }
        client = {"client": settings.client} | ({"client_url": settings.client_url} if settings.client_url else {})
        return {"payload": {"source": "dutyd", **payload}, **client}


def _rest(settings: PagerdutySettings, token: str) -> JsonApi:
    asked = {"Authorization": f"Token token={token}", "Accept": "application/vnd.pagerduty+json;version=2"}
    return JsonApi(settings.api_url.rstrip("/"), settings.timeout, asked)


def _taken(response: httpx2.Response, about: str) -> str:
    """Return the key of what was taken; the API says it back."""
    try:
        answer = response.json()
        if answer["status"] == "success" and answer["dedup_key"] == about:
            return about
    except (ValueError, TypeError, LookupError, RecursionError):
        pass
    raise UnknownOutcomeError(f"PagerDuty answered {response.status_code} without our key: {quoted(response.text)}")


def _words(response: httpx2.Response) -> str:
    """Return ``message: error; error`` of a failing answer."""
    try:
        answer = response.json()
        errors = "; ".join(map(str, answer.get("errors") or ()))
        return f"{answer['message']}: {errors}" if errors else str(answer["message"])
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return ""


def _problems(settings: PagerdutySettings) -> Iterator[str]:
    scope = names_for("alert", ())
    for name, template in zip(
        TEXTS, (settings.source, settings.component, settings.group, settings.class_), strict=True
    ):
        if template is not None:
            yield from check_names(name, template, scope)
