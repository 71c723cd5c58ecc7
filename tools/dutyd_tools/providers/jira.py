"""Jira Cloud: the provider behind ``ticketing``.

Jira knows no key, so our key is a label of the issue and it is class B: it is searched before an issue is made. Its
search lags behind what was written, by seconds, sometimes minutes, so nothing is taken for missing before ``settle``.
A comment can't be searched for without its issue: class C.

Facts: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues (create issue: 201 with ``id``,
``key``, ``self``; errors are ``{"errorMessages": [...], "errors": {field: text}}``; 3 takes rich text as a document, 2
takes text); .../api-group-issue-search (``search/jql``; the older ``search`` answers 410);
https://developer.atlassian.com/cloud/jira/platform/search-and-reconcile (no read-after-write: seconds to minutes);
https://developer.atlassian.com/cloud/jira/platform/rate-limiting (429 with ``Retry-After``). Labels hold no blanks; a
summary is one line of at most 255 characters, a text field 32,767.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import httpx2
from pydantic import Field

from dutyd.core.expr import look_in
from dutyd.core.secrets import cut, quoted
from dutyd.core.tool import NotSentError, Promise, Provider, ProviderClass, Receipt, RefusedError, UnknownOutcomeError
from dutyd_tools.providers.adf import document, plain_text
from dutyd_tools.providers.connection import HttpSettings, open_api
from dutyd_tools.providers.http import JSON, Manners, Request
from dutyd_tools.providers.rows import checked
from dutyd_tools.providers.settings import Seconds, read_settings
from dutyd_tools.providers.shape import AnyShape, check_names, names_for

MOST_SUMMARY = 255
MOST_TEXT = 32_767
MOST_FOUND = 50
BUSY_SECONDS = 60.0  # after a 429 that does not say for how long


class JiraSettings(HttpSettings):
    """Settings of the kind ``jira``.

    Attributes:
        api: 3 sends texts as documents, 2 as text with Jira's own marks.
        kinds: what a rule calls a kind, and the issue type that it is; others are called alike.
        priorities: what a rule calls a priority, and Jira's name; others are called alike.
        labels: of every issue, besides our key.
        fields: more fields of every issue, as Jira names them.
        settle: how long Jira's search may take to find what is new.

    """

    api: Literal[2, 3] = 3
    kinds: Mapping[str, str] = Field({"incident": "Task", "task": "Task"})
    priorities: Mapping[str, str] = Field({})
    labels: tuple[str, ...] = ("dutyd",)
    fields: AnyShape | None = None
    settle: Seconds = Field(120.0, ge=0)


def connect(settings: Mapping[str, Any]) -> Provider:
    """Return the provider for *settings*.

    Raises:
        SettingsError: they are wrong.

    """
    return Jira(read_settings("jira", JiraSettings, settings, _problems))


class Jira:
    """One site of Jira Cloud."""

    def __init__(self, settings: JiraSettings) -> None:
        self._settings = settings
        self._api = open_api(settings, Manners(_words, BUSY_SECONDS))
        self._root = f"/rest/api/{settings.api}"

    def promise_of(self, kind: str) -> Promise | None:
        """Return class B for a ticket, C for a comment."""
        settings = self._settings
        if kind == "ticket":
            return Promise(ProviderClass.B, settle=settings.settle, timeout=settings.timeout)
        is_comment = kind == "comment"
        return Promise(ProviderClass.C, timeout=settings.timeout, searchable=False) if is_comment else None

    async def create(self, kind: str, key: str, body: Mapping[str, Any]) -> Receipt:
        """Open a ``ticket``, or add a ``comment`` to one.

        Raises:
            RefusedError: Jira said no, in its words.
            NotSentError: it never left, or there are too many now.
            UnknownOutcomeError: it may have been made.

        """
        if kind == "ticket":
            path, content = f"{self._root}/issue", self._issue(key, body)
        elif kind == "comment":
            issue = str(body.get("ticket"))
            if not re.fullmatch(r"[A-Za-z0-9_-]+", issue):
                raise RefusedError(f"'{issue[:100]}' is no issue of Jira's: give its key, such as OPS-12")
            path, content = f"{self._root}/issue/{issue}/comment", self._comment(key, body)
        else:
            raise RefusedError(f"Jira makes no {kind}, only ticket and comment")
        response = await self._api.send(Request("POST", path, json.dumps(content).encode(), JSON))
        try:
            made = response.json()
            return self._receipt(made) if kind == "ticket" else Receipt(str(made["id"]), {})
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            raise UnknownOutcomeError(f"{self._api.url}: an answer without a key: {quoted(response.text)}") from error

    async def lookup(self, kind: str, key: str) -> Receipt | None:
        """Return the issue that has *key* as a label, the oldest of several."""
        if kind != "ticket":
            return None
        query = {"jql": f'labels = "{key}" ORDER BY created ASC', "fields": "labels", "maxResults": str(MOST_FOUND)}
        ours = [each for each in await self._search(query) if key in (each["fields"].get("labels") or ())]
        if not ours:
            return None
        first = self._receipt(ours[0])
        return Receipt(first.id, first.data, len(ours))

    async def read(self, kind: str, query: Mapping[str, Any]) -> Any:
        """Return the ``tickets`` that hold every word of the query, oldest first."""
        if kind != "tickets":
            raise RefusedError(f"Jira can't be asked for {kind}, only for tickets")
        wanted = [f'text ~ "{words}"'] if (words := _words_of(str(query.get("query") or ""))) else []
        wanted += [f'project = "{project}"'] if (project := _words_of(str(query.get("project") or ""))) else []
        if not wanted:
            return []  # Jira answers no question without a restriction
        fields = "project,issuetype,summary,description,priority,status"
        jql = f"{' AND '.join(wanted)} ORDER BY created DESC"
        found = await self._search({"jql": jql, "fields": fields, "maxResults": str(MOST_FOUND)})
        return checked("tickets", [_row(each) for each in reversed(found)])

    async def check(self) -> str:
        """Ask who we are there."""
        myself = await self._api.get(f"{self._root}/myself", {})
        try:
            return f"{self._api.url} knows us as {myself['displayName']}"
        except (TypeError, LookupError) as error:
            raise RefusedError(f"{self._api.url} does not answer as Jira: {quoted(str(myself))}") from error

    async def close(self) -> None:
        """Close connections."""
        await self._api.close()

    def _issue(self, key: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        settings = self._settings
        more = settings.fields.render(look_in({**body, "key": key})) if settings.fields is not None else {}
        fields = {
            "project": {"key": body.get("project")},
            "issuetype": {"name": settings.kinds.get(kind := str(body.get("kind")), kind)},
            "summary": cut(" ".join(str(body.get("title", "")).split()), MOST_SUMMARY),
            "description": self._text(str(body.get("body", ""))),
            **more,
            "labels": [*settings.labels, *(more.get("labels") or ()), key],
        }
        if priority := body.get("priority"):
            fields["priority"] = {"name": settings.priorities.get(priority, priority)}
        return {"fields": fields}

    def _comment(self, key: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        mark = {"key": "dutyd", "value": {"key": key}}
        return {"body": self._text(str(body.get("text", ""))), "properties": [mark]}

    def _text(self, text: str) -> Any:
        short = cut(text, MOST_TEXT)
        return document(short) if self._settings.api == 3 else short

    def _receipt(self, issue: Mapping[str, Any]) -> Receipt:
        name = str(issue["key"])
        return Receipt(name, {"url": f"{self._api.url.rstrip('/')}/browse/{name}"})

    async def _search(self, query: Mapping[str, str]) -> list[Mapping[str, Any]]:
        answer = await self._api.get(f"{self._root}/search/jql", query)
        found = answer.get("issues") if isinstance(answer, dict) else None
        known = isinstance(found, list) and all(isinstance(each, dict) and "fields" in each for each in found)
        if not known:
            raise NotSentError(f"{self._api.url} does not answer with issues: {quoted(json.dumps(answer))}")
        return list(found or ())


def _row(issue: Mapping[str, Any]) -> dict[str, Any]:
    fields = issue["fields"]

    def name(of: str, part: str = "name") -> str:
        return str((fields.get(of) or {}).get(part) or "")

    described = fields.get("description") or ""
    return {
        "id": issue["key"],
        "project": name("project", "key"),
        "kind": name("issuetype"),
        "title": str(fields.get("summary") or ""),
        "body": described if isinstance(described, str) else plain_text(described),
        "priority": name("priority"),
        "status": name("status"),
    }


def _words_of(text: str) -> str:
    """Return *text* without what JQL's text search takes for marks of its own, quotes first."""
    return " ".join(re.findall(r"\w+", text))


def _words(response: httpx2.Response) -> str:
    """Return the messages and ``field: text`` of a failing answer."""
    try:
        answer = response.json()
        named = [f"{field}: {said}" for field, said in (answer.get("errors") or {}).items()]
        return "; ".join([*map(str, answer.get("errorMessages") or ()), *named])
    except (ValueError, TypeError, AttributeError, RecursionError):
        return ""


def _problems(settings: JiraSettings) -> Iterator[str]:
    for label in settings.labels:
        if re.search(r"\s", label):
            yield f"labels: '{label}' holds a blank, which no label of Jira's may"
    if settings.fields is not None:
        if not isinstance(settings.fields.root, Mapping):
            yield "fields: holds fields, one `name: value` a line below it"
        scope = names_for("ticket", ())
        for template in settings.fields.templates():
            yield from check_names("fields", template, scope)
