"""Roundup (2.x, by REST): the provider behind ``ticketing`` where issues have a key property.

``issue.setkey("dutyd_key")`` in the tracker's schema makes Roundup refuse a second issue with our key: class A. Bodies
of ``create_ticket`` and ``comment_ticket`` come in, issues and messages are made. What bites, and what is done:

* The text of an issue is a message, made before the issue. Our key is its ``messageid``, so that a second try finds it
  and makes no other; a message that no issue has is seen by nobody. A comment is the same, and class B: it is there
  when an issue has its message.
* A wrong value and a known key, a wrong request and a crash have the same status codes: ``roundup_api`` reads them.
* REST has no search in texts. ``tickets`` looks in all titles, and in the texts of the newest issues.
* An issue whose title, or anything else, is missing is taken as it is: only the tools see to it that it is there.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from dutyd.core.expr import look_in
from dutyd.core.secrets import cut
from dutyd.core.tool import (
    KeyKnownError,
    NotSentError,
    Promise,
    Provider,
    ProviderClass,
    Receipt,
    RefusedError,
    UnknownOutcomeError,
)
from dutyd_tools.providers.connection import HttpSettings, secrets_of
from dutyd_tools.providers.roundup_api import FOREIGN, RoundupApi
from dutyd_tools.providers.settings import read_settings
from dutyd_tools.providers.shape import Texts, check_names, names_for, texts_of

MEMBERS = ("project", "kind", "priority", "status")
PROPERTIES: Mapping[str, str] = {"priority": "priority", "status": "status"}
PRIORITIES: Mapping[str, str] = {"P1": "critical", "P2": "urgent", "P3": "bug", "P4": "wish"}
"""What the tracker that Roundup comes with (``classic``) calls them."""

NEWEST = 100  # issues, and messages, whose texts are searched; also how many older ones are found by their title
SUMMARY = 75  # characters of a text's first line, as Roundup's own
OWN = frozenset({"title", "messages"})


def _property(name: str) -> str:
    if name and not (name.isascii() and name.replace("_", "").isalnum()):
        raise ValueError(f"{name!r} is no name of a property in a tracker's schema")
    return name


Property = Annotated[str, AfterValidator(_property)]


class RoundupSettings(HttpSettings):
    """Settings of the kind ``roundup``; ``url`` is the tracker's own address, as its config.ini has it.

    Attributes:
        key_property: of issues, made their key in the schema: it holds our key.
        properties: where project, kind and priority go, and where the status is; ``""``: nowhere.
        priorities: what the tracker calls ours; one that is not here is passed on as it is.
        fields: more properties of a new issue.
        author: the account that writes, where it is not ``username``: without one the tracker's nosy list breaks.

    """

    key_property: Property = "dutyd_key"
    properties: Mapping[str, Property] = PROPERTIES
    priorities: Mapping[str, str] = PRIORITIES
    fields: Texts = Field({})
    author: str = ""

    @model_validator(mode="before")
    @classmethod
    def _with_ours(cls, told: Any) -> Any:
        given = told.get("properties")
        return {**told, "properties": {**PROPERTIES, **given}} if isinstance(given, Mapping) else told


def connect(settings: Mapping[str, Any]) -> Provider:
    """Return the provider for *settings*.

    Raises:
        SettingsError: they are wrong.

    """
    return Roundup(read_settings("roundup", RoundupSettings, settings, _problems))


class Roundup:
    """The tracker that *settings* name."""

    def __init__(self, settings: RoundupSettings) -> None:
        self._key = settings.key_property
        self._places = {member: name for member, name in settings.properties.items() if name}
        self._priorities = settings.priorities
        self._fields = settings.fields
        self._author = settings.author or settings.username
        self._secrets = secrets_of(settings)
        self._api = RoundupApi(settings)
        # One ticket is three requests, one comment is four: the last may begin late.
        self._timeout = 2 * settings.timeout

    def promise_of(self, kind: str) -> Promise | None:
        """Return class A for tickets, whose key the tracker knows for ever, and class B for comments."""
        kinds = {"ticket": ProviderClass.A, "comment": ProviderClass.B}
        return Promise(kinds[kind], timeout=self._timeout) if kind in kinds else None

    async def create(self, kind: str, key: str, body: Mapping[str, Any]) -> Receipt:
        """Make a ``ticket``, or a ``comment`` on one.

        Raises:
            RefusedError: Roundup said no.
            NotSentError: it can't be asked now; nothing that anybody sees was made.
            KeyKnownError: it has the key, on an issue that we may not see.
            UnknownOutcomeError: it may have been made.

        """
        if kind == "ticket":
            message = await self._message(key, self._text(body))
            return await self._issue(key, {**self._properties(key, body), "messages": [message]})
        if kind == "comment":
            issue = str(body.get("ticket"))
            if not (issue.isascii() and issue.isdigit()):
                raise RefusedError(
                    f"'{issue[:100]}' is no issue of this tracker's: give the id that create_ticket gave"
                )
            message = await self._message(key, str(body.get("text", "")))
            await self._api.attach(issue, message)
            return self._commented(message, issue)
        raise RefusedError(f"Roundup makes no {kind}, only ticket and comment")

    async def lookup(self, kind: str, key: str) -> Receipt | None:
        """Return the issue that has *key*; or the message that has it, once an issue has that."""
        if kind == "ticket" and (found := await self._api.items("issue", {f"{self._key}:": key, "@sort": "id"})):
            return replace(self._ticket(found[0]["id"]), copies=len(found))
        if kind == "comment" and (messages := await self._find_messages(key)):
            query = {"messages": ",".join(messages), "@fields": "messages"}
            issues = await self._api.items("issue", query)
            seen = [(message, issue["id"]) for issue in issues for message in _messages(issue) if message in messages]
            return replace(self._commented(*seen[0]), copies=len(seen)) if seen else None
        return None

    async def read(self, kind: str, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the ``tickets`` that hold every word of the query, oldest first.

        Raises:
            RefusedError: a tracker knows no such thing, or we may not ask.
            NotSentError: there is no answer now.

        """
        if kind != "tickets":
            raise RefusedError(f"Roundup can't be asked for {kind}, only for tickets")
        words = str(query.get("query") or "").casefold().split()
        last = {"@sort": "-id", "@page_size": str(NEWEST)}
        shown = {**last, "@verbose": "2", "@fields": ",".join(["title", "messages", *self._places.values()])}
        newest, titled, messages = await asyncio.gather(
            self._api.items("issue", shown),
            self._api.items("issue", {**shown, "title": max(words, key=len, default="")}),
            self._api.items("msg", {**last, "@verbose": "3", "@fields": "content"}),
        )
        texts = {message["id"]: str(message.get("content") or "") for message in messages}
        issues = {int(issue["id"]): issue for issue in (*titled, *newest)}
        project = query.get("project") if "project" in self._places else None
        return [
            self._row(issue, texts)
            for _, issue in sorted(issues.items())
            if _holds(issue, texts, words) and project in (None, _named(issue.get(self._places.get("project", ""))))
        ]

    async def check(self) -> str:
        """See that the key property is the key, and that there are the priorities that the settings name.

        Raises:
            RefusedError: it is not, they are not, or the tracker does not take us.
            NotSentError: it does not answer.

        """
        try:
            await self._api.get(f"/issue/{self._key}=dutyd", {})
        except RefusedError as error:
            if FOREIGN in str(error):
                hint = "is `url` the tracker's own, and may the account use REST?"
                raise RefusedError(f"{error} ({hint})") from error
            if f"No key ({self._key})" not in str(error):
                hint = f'in its schema, give issues {self._key}=String() and say issue.setkey("{self._key}")'
                raise RefusedError(f"{self._key} is not the key of the tracker's issues ({hint}): {error}") from error
        if (place := self._places.get("priority")) and self._priorities:
            there = {str(item.get("name")) for item in await self._api.items(place, {"@fields": "name"})}
            if missing := [name for name in self._priorities.values() if name not in there]:
                raise RefusedError(
                    f"{self._api.url} has no {place} {', '.join(missing)}, only {', '.join(sorted(there))}:"
                    " say under `priorities` what it calls ours"
                )
        return f"Roundup at {self._api.url} answers, {self._key} is the key of its issues"

    async def close(self) -> None:
        """Close connections."""
        await self._api.close()

    async def _issue(self, key: str, properties: Mapping[str, Any]) -> Receipt:
        try:
            return self._ticket(await self._api.add("issue", properties))
        except KeyKnownError as error:
            try:
                found = await self.lookup("ticket", key)
            except (NotSentError, RefusedError):
                found = None
            if found is None:
                raise KeyKnownError(f"{error}; its issue can't be seen now") from error
            return found

    async def _message(self, key: str, text: str) -> str:
        """Return the id of the message with our key, which is made now if it is not there; nobody sees it yet."""
        if found := await self._find_messages(key):
            return found[0]
        try:
            first = next(iter(text.strip().splitlines()), "")
            short = cut(first, SUMMARY)
            message = {"content": text, "summary": short, "author": self._author, "date": "."}  # now, there
            return await self._api.add("msg", {**message, "messageid": _message_id(key)})
        except UnknownOutcomeError as error:
            raise NotSentError(f"the text may have been taken, the rest was not sent: {error}") from error

    async def _find_messages(self, key: str) -> list[str]:
        return [str(each["id"]) for each in await self._api.items("msg", {"messageid:": _message_id(key)})]

    def _properties(self, key: str, body: Mapping[str, Any]) -> dict[str, Any]:
        look = look_in({**body, "key": key, "makes": "ticket", "secret": self._secrets})
        placed = {self._places[name]: str(body[name]) for name in MEMBERS if name in self._places and body.get(name)}
        if (place := self._places.get("priority")) in placed:
            placed[str(place)] = self._priorities.get(placed[str(place)], placed[str(place)])
        return {"title": body.get("title"), **placed, **texts_of(self._fields, look), self._key: key}

    def _text(self, body: Mapping[str, Any]) -> str:
        """Return the issue's text: with what has no property of its own at its end."""
        rest = [f"{name}: {body[name]}" for name in MEMBERS if name not in self._places and body.get(name)]
        return "\n\n".join(filter(None, [str(body.get("body", "")), "\n".join(rest)]))

    def _row(self, issue: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
        named = {member: _named(issue.get(name)) for member, name in self._places.items()}
        body = next((texts[message] for message in _messages(issue) if message in texts), "")
        return {"id": issue["id"], "title": issue.get("title") or "", "body": body, **named}

    def _ticket(self, issue: str) -> Receipt:
        return Receipt(issue, {"id": issue, "url": f"{self._api.url}/issue{issue}"})

    def _commented(self, message: str, issue: str) -> Receipt:
        return Receipt(message, {"id": message, "url": f"{self._api.url}/issue{issue}#msg{message}"})


def _message_id(key: str) -> str:
    return f"<{key}@dutyd>"


def _messages(issue: Mapping[str, Any]) -> Sequence[str]:
    return sorted((str(message["id"]) for message in issue.get("messages") or ()), key=int)


def _named(value: Any) -> str | None:
    """Return a property as a text: an item by its name, several by theirs."""
    if isinstance(value, list):
        return ", ".join(filter(None, map(_named, value))) or None
    if isinstance(value, Mapping):
        return str(value.get("name") or value.get("id"))
    return None if value is None else str(value)


def _holds(issue: Mapping[str, Any], texts: Mapping[str, str], words: Sequence[str]) -> bool:
    text = "\n".join([str(issue.get("title")), *(texts.get(message, "") for message in _messages(issue))]).casefold()
    return all(word in text for word in words)


def _problems(settings: RoundupSettings) -> Iterator[str]:
    if not (settings.username or settings.author):
        yield "set username, or author beside a token: a text without an author breaks the tracker's nosy list"
    scope = names_for("ticket", [name.rpartition("_")[0] for name in settings.secrets])
    for member in settings.properties:
        if member not in MEMBERS:
            yield f"properties.{member}: a ticket has {', '.join(MEMBERS)}"
    for name, template in settings.fields.items():
        yield from check_names(f"fields.{name}", template, scope)
        if name in OWN or name == settings.key_property:
            yield f"fields.{name} is ours"
