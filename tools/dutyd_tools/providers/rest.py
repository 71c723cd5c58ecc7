"""Any JSON API over HTTP, by settings alone: the provider for an in-house ticketing or ordering system.

``make`` says, for each thing that can be made, which request makes it, what of our members goes where, where the new
thing's id stands in the answer, how our key travels, and what the system promises; ``read`` says the same for
questions. ``rest_settings`` reads them; this module sends. Bodies of tools and keys of effects come in, receipts and
rows go out.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dutyd.core.expr import Look, Template, evaluate, look_in
from dutyd.core.expr.evaluate import find
from dutyd.core.secrets import quoted
from dutyd.core.tool import (
    KeyKnownError,
    NotSentError,
    Promise,
    Provider,
    Receipt,
    RefusedError,
    UnknownOutcomeError,
)
from dutyd_tools.providers.connection import open_api, secrets_of
from dutyd_tools.providers.http import Request, answer_of
from dutyd_tools.providers.rest_settings import WHOLE, Question, RestSettings, Search, Thing, problems_of
from dutyd_tools.providers.rows import checked
from dutyd_tools.providers.settings import read_settings
from dutyd_tools.providers.shape import Shape, content_of, headers_of, path_of, texts_of


def connect(settings: Mapping[str, Any]) -> Provider:
    """Return the provider for *settings*.

    Raises:
        SettingsError: they are wrong, or promise what they can't keep.

    """
    return Rest(read_settings("rest", RestSettings, settings, problems_of))


class Rest:
    """The system that *settings* describe."""

    def __init__(self, settings: RestSettings) -> None:
        self._settings = settings
        self._api = open_api(settings)
        self._secrets = secrets_of(settings)

    def promise_of(self, kind: str) -> Promise | None:
        """Return what the settings declare for *kind*; None for what they don't speak of."""
        thing = self._settings.make.get(kind)
        return thing.promise(self._settings.timeout) if thing else None

    async def create(self, kind: str, key: str, body: Mapping[str, Any]) -> Receipt:
        """Make one *kind* under *key*.

        Raises:
            RefusedError: nothing was made: ``make`` has no such thing, a value is missing, or the system said no.
            NotSentError: it never left, or was turned away unread.
            KeyKnownError: the system has this key already.
            UnknownOutcomeError: it may have been made.

        """
        if (thing := self._settings.make.get(kind)) is None:
            raise RefusedError(f"the settings say nothing of {kind} under `make`")
        names = {**body, "key": key, "makes": kind, "secret": self._secrets}
        request = self._request(thing, key, body, look_in(names))
        response = await self._api.send(request, known=thing.known_id is not None)
        seen = look_in({**answer_of(response), "headers": dict(response.headers), "request": names})
        if thing.known_id is not None and not response.is_success:
            if (receipt := _receipt(thing.known_id, None, seen)) is None:
                raise KeyKnownError(f"the key is known, and the answer does not say for what: {quoted(response.text)}")
            return receipt
        if thing.refused_if is not None and evaluate(thing.refused_if, seen) is True:
            raise RefusedError(f"{self._api.url}: {thing.refused_if.text}: {quoted(response.text)}")
        if (receipt := _receipt(thing.id, thing.url, seen)) is None:
            said = f"'{thing.id.source}' is not in the answer: {quoted(response.text)}"
            raise UnknownOutcomeError(f"{self._api.url}: {said}")
        return receipt

    async def lookup(self, kind: str, key: str) -> Receipt | None:
        """Return what was made under *key*, the first of several.

        Raises:
            NotSentError: there is no answer now, or none that the settings fit.

        """
        thing = self._settings.make.get(kind)
        if thing is None or (search := thing.lookup) is None:
            return None
        names = {"key": key, "makes": kind, "secret": self._secrets}
        found = await self._found(search, look_in(names))
        seen = [look_in({**each, "request": names}) for each in found]
        ours = [each for each in seen if search.match is None or _holds(search.match.render(each), key)]
        if not ours:
            return None
        if (receipt := _receipt(search.id or thing.id, search.url or thing.url, ours[0])) is None:
            raise NotSentError(f"what was found has no id: {quoted(json.dumps(found))}")
        return replace(receipt, copies=len(ours))

    async def read(self, kind: str, query: Mapping[str, Any]) -> Any:
        """Return the rows of *kind* that *query* is about, oldest first.

        Raises:
            RefusedError: ``read`` has no such question, or the answer is not what it says.
            NotSentError: there is no answer now.

        """
        if (question := self._settings.read.get(kind)) is None:
            raise RefusedError(f"the settings say nothing of {kind} under `read`")
        known = {name: value for name, value in query.items() if value is not None}
        look = look_in({**known, "secret": self._secrets})
        found = await self._found(question, look)
        rows = [_row(question.fields, each) if question.fields else each for each in found]
        return checked(kind, rows[::-1] if question.newest_first else rows)

    async def check(self) -> str:
        """Ask for ``check``, where the settings name such a path; else see whether a connection is taken."""
        if self._settings.check is None:
            await self._api.reach()
            return f"{self._api.url} takes connections; name a path in `check` to see that it takes the credentials"
        await self._api.see(self._settings.check, self._headers(look_in({"secret": self._secrets})))
        return f"{self._api.url}{self._settings.check} answers"

    async def close(self) -> None:
        """Close connections."""
        await self._api.close()

    def _headers(self, look: Look) -> dict[str, str]:
        return headers_of(self._settings.headers, look)

    def _request(self, thing: Thing, key: str, body: Mapping[str, Any], look: Look) -> Request:
        content, form = content_of(thing.body, body, look, as_form=thing.encoding == "form")
        headers = self._headers(look) | headers_of(thing.headers, look)
        if thing.key_header:
            headers[thing.key_header] = key
        return Request(thing.method, path_of(thing.path, look), content, form, headers, texts_of(thing.query, look))

    async def _found(self, asked: Search | Question, look: Look) -> list[Mapping[str, Any]]:
        """Ask, and return the things in the answer."""
        path, query = path_of(asked.path, look), texts_of(asked.query, look)
        headers, found = self._headers(look), None
        if asked.list is None:
            one = await self._api.find(path, query, headers)
            found = [] if one is None else [one]
        else:
            answer = await self._api.get(path, query, headers)
            found = answer if asked.list == WHOLE else _member(answer, asked.list)
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            wanted = "a thing" if asked.list is None else f"a list of things at '{asked.list}'"
            raise NotSentError(f"{self._api.url}{path} does not answer with {wanted}: {quoted(json.dumps(found))}")
        return found


def _member(answer: Any, name: str) -> Any:
    return find(answer, name) if isinstance(answer, dict) else None


def _receipt(id_: Template, url: Template | None, seen: Look) -> Receipt | None:
    """Return the receipt that an answer holds; None where its id is not there."""
    if not (found := id_.text(seen)):
        return None
    address = url.text(seen) if url is not None else None
    return Receipt(found, {"url": address} if address else {})


def _holds(value: object, key: str) -> bool:
    return key in value if isinstance(value, str | list | tuple) else False


def _row(fields: Mapping[str, Shape], thing: Mapping[str, Any]) -> dict[str, Any]:
    seen = look_in(thing)
    return {name: shape.render(seen) for name, shape in fields.items()}
