"""Tryton's REST protocol (8.2 and later): records of its models, and what its answers mean.

Domains and values go out as Tryton's JSON, rows come in, for ``tryton`` and ``tryton_stock``. A request runs in one
transaction, which an error rolls back. What bites: a field or a model that it does not know is a 500 with a page of
HTML, as a crash is; its words tell them apart. Without a company in the context its rules hide records, or forbid them.
"""

import html
import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import httpx2
from pydantic import Field, model_validator

from dutyd.core.expr import look_in
from dutyd.core.secrets import quoted
from dutyd.core.tool import NotSentError, ProviderError, RefusedError, UnknownOutcomeError
from dutyd_tools.providers.connection import HttpSettings, open_api, secrets_of
from dutyd_tools.providers.http import JSON, Manners, Request
from dutyd_tools.providers.shape import headers_of

PAGE = 1000  # records in one answer
MOST = 10_000  # records in all
UNKNOWN_NAME = "knows no field or model of the name"
_NAME = re.compile(r"<p>'([\w.]+)'</p>")  # a KeyError of trytond's pool or of a model's fields

Domain = Sequence[Any]


class TrytonApiSettings(HttpSettings):
    """What reaches a Tryton.

    Attributes:
        database: the name of its database.
        company: by name, where the account sees several.

    """

    database: str = Field(min_length=1, pattern="^[A-Za-z0-9_.-]+$")
    company: str = ""

    @model_validator(mode="after")
    def _has_key(self) -> "TrytonApiSettings":
        if self.username is not None or not (self.token_file or self.token_env):
            raise ValueError("set token_file or token_env: the key of a user application, `rest`")
        return self


class TrytonApi:
    """The database of the Tryton that *settings* name."""

    def __init__(self, settings: TrytonApiSettings) -> None:
        self._api = open_api(settings, Manners(words=words_of))
        self.url = self._api.url.rstrip("/")
        self._path = f"/{settings.database}/rest/model"
        self._headers = headers_of(settings.headers, look_in({"secret": secrets_of(settings)}))
        self._wanted = settings.company
        self._company: int | None = None

    async def company(self) -> int:
        """Return the id of the company that everything is about; raises as ``search`` does."""
        if self._company is None:
            found = {
                each["party"]["rec_name"]: each["id"]
                for each in await self._ask("company.company", {"f": "party.rec_name"}, {})
            }
            named = ", ".join(sorted(found)) or "none"
            if self._wanted and self._wanted not in found:
                raise RefusedError(f"{self.url}: the account sees no company '{self._wanted}', but: {named}")
            if not self._wanted and len(found) != 1:
                raise RefusedError(f"{self.url}: say under `company` which one; the account sees: {named}")
            self._company = int(found[self._wanted] if self._wanted else next(iter(found.values())))
        return self._company

    async def search(
        self,
        model: str,
        domain: Domain,
        fields: Sequence[str],
        context: Mapping[str, Any] | None = None,
        *,
        newest: str = "",
    ) -> list[dict[str, Any]]:
        """Return the records of *model* in *domain*, oldest first; at most MOST, and then by the field *newest*.

        Raises:
            RefusedError: the question is wrong, or we may not ask it.
            NotSentError: there is no answer now.

        """
        order = [[newest, "DESC"], ["id", "DESC"]] if newest else [["id", "ASC"]]
        context = {"company": await self.company(), **(context or {})}
        query = {"f": [*fields], "d": packed(domain), "o": packed(order), "s": str(PAGE)}
        found: list[dict[str, Any]] = []
        for start in range(0, MOST, PAGE):
            found += await self._ask(model, {**query, "p": str(start)}, context)
            if len(found) < start + PAGE:
                break
        return found

    async def create(self, model: str, values: Mapping[str, Any]) -> int:
        """Make a record of *model*; return its id.

        Raises:
            RefusedError: nothing was made.
            NotSentError: the request never left, or was turned away unread.
            UnknownOutcomeError: it may have been made.

        """
        response = await self._post(f"/{model}", values)
        try:
            return int(response.json()["id"])
        except (ValueError, RecursionError, KeyError, TypeError) as error:
            raise UnknownOutcomeError(f"no id in the answer: {quoted(response.text)}") from error

    async def press(self, model: str, record: int, button: str) -> None:
        """Press *button* of a record; raises as ``create`` does."""
        await self._post(f"/{model}/{record}/{button}", {})

    async def close(self) -> None:
        """Close connections."""
        await self._api.close()

    async def _ask(
        self, model: str, query: Mapping[str, str | Sequence[str]], context: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        try:
            answer = await self._api.get(f"{self._path}/{model}", query, self._with(context))
        except ProviderError as error:
            if UNKNOWN_NAME in str(error):
                raise RefusedError(str(error)) from error
            raise
        if not isinstance(answer, list):
            raise NotSentError(f"{self.url} does not answer as Tryton: {quoted(str(answer))}")
        return answer

    async def _post(self, path: str, values: Mapping[str, Any]) -> httpx2.Response:
        content = json.dumps(dict(values), default=_written).encode()
        headers = self._with({"company": await self.company()})
        try:
            return await self._api.send(Request("POST", f"{self._path}{path}", content, JSON, headers))
        except UnknownOutcomeError as error:
            if UNKNOWN_NAME in str(error):
                raise RefusedError(str(error)) from error
            raise

    def _with(self, context: Mapping[str, Any]) -> dict[str, str]:
        return {**self._headers, "X-Tryton-Context": packed(context)}


def words_of(response: httpx2.Response) -> str:
    """Return what a failing answer says: the message of a JSON one, the text of a page."""
    text = html.unescape(response.text)
    if response.status_code == httpx2.codes.INTERNAL_SERVER_ERROR and (name := _NAME.search(text)):
        return f"Tryton {UNKNOWN_NAME} {name[1]}"
    try:
        told = response.json()
        return " ".join(f"{told['message']} {told.get('description') or ''}".split())
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return " ".join(re.sub("<[^>]*>", " ", text).split())


def packed(value: Any) -> str:
    """Return *value* as Tryton takes it in a query and in the header of its context."""
    return urlsafe_b64encode(json.dumps(value, default=_written).encode()).decode()


def _written(value: Any) -> Any:
    if isinstance(value, Decimal):
        return {"__class__": "Decimal", "decimal": str(value)}
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"Tryton's JSON has no {type(value).__name__}")
