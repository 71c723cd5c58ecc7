"""Roundup's REST interface: which headers it wants, and what its answers mean.

Lists and new items of its classes go through here, for ``roundup``. Its status codes can't be trusted alone: 409 is the
answer to every wrong value (``roundup.rest``, ``_data_decorator``: any ValueError), 400 also that to an exception in
the server; its words tell them apart.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx2

from dutyd.core.expr import look_in
from dutyd.core.secrets import quoted
from dutyd.core.tool import KeyKnownError, NotSentError, RefusedError, UnknownOutcomeError
from dutyd_tools.providers.connection import HttpSettings, address_of, open_api, secrets_of
from dutyd_tools.providers.http import JSON, Request
from dutyd_tools.providers.shape import headers_of

DATA = "/rest/data"
KNOWN = "node with key"  # roundup.backends: the only 409 that is about the key
CRASHED = "An error occurred. Please check the server log"  # roundup.rest: an exception that nobody expected, as 400
FOREIGN = "not allowed to use Rest Interface"  # roundup.client: a wrong Origin, or an account without the right


class RoundupApi:
    """The REST interface of the tracker that *settings* name."""

    def __init__(self, settings: HttpSettings) -> None:
        self._api = open_api(settings)
        self.url = self._api.url.rstrip("/")
        at = urlsplit(address_of(settings))
        ours = {"Origin": f"{at.scheme}://{at.netloc}", "X-Requested-With": "dutyd"}
        self._headers = {**ours, **headers_of(settings.headers, look_in({"secret": secrets_of(settings)}))}

    async def items(self, of: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return the items of the class *of* that *query* (properties, and ``@`` words of REST's own) is about.

        Raises:
            RefusedError: the question is wrong, or we may not ask it.
            NotSentError: there is no answer now.

        """
        answer = await self.get(f"/{of}", query)
        try:
            return [{**item, "id": str(item["id"])} for item in answer["data"]["collection"]]
        except (KeyError, TypeError) as error:
            raise NotSentError(f"{self.url}{DATA}/{of} does not answer as Roundup: {quoted(str(answer))}") from error

    async def get(self, path: str, query: Mapping[str, str]) -> Any:
        """Return what is at *path*; raises as ``items`` does."""
        try:
            return await self._api.get(f"{DATA}{path}", query, self._headers)
        except RefusedError as error:
            if CRASHED in str(error):
                raise NotSentError(str(error)) from error
            raise

    async def add(self, to: str, properties: Mapping[str, Any]) -> str:
        """Make an item of the class *to*; return its id.

        Raises:
            RefusedError: nothing was made.
            NotSentError: the request never left, or was turned away unread.
            KeyKnownError: there is one with this key.
            UnknownOutcomeError: it may have been made.

        """
        response = await self._change("POST", f"/{to}", properties)
        try:
            return str(response.json()["data"]["id"])
        except (ValueError, RecursionError, KeyError, TypeError) as error:
            raise UnknownOutcomeError(f"no id in the answer: {_words(response)}") from error

    async def attach(self, issue: str, message: str) -> None:
        """Give *issue* the *message*; one that it has already is no mistake. Raises as ``add`` does."""
        etag = (await self.get(f"/issue/{issue}", {"@fields": "messages"}))["data"]["@etag"]
        change = {"@op": "add", "messages": [message]}
        try:
            await self._change("PATCH", f"/issue/{issue}", change, {"If-Match": str(etag)})
        except KeyKnownError as error:  # 412: whoever changed it since, we did not
            raise NotSentError(f"issue {issue} was changed at the same time", retry_after=1.0) from error

    async def close(self) -> None:
        """Close connections."""
        await self._api.close()

    async def _change(
        self, method: str, path: str, properties: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        request = Request(
            method, f"{DATA}{path}", json.dumps(dict(properties)).encode(), JSON, {**self._headers, **(headers or {})}
        )
        try:
            response = await self._api.send(request, known=True)
        except RefusedError as error:
            if CRASHED in str(error):
                raise UnknownOutcomeError(str(error)) from error
            raise
        if response.is_success:
            return response
        said = f"{self.url}{request.path} answered {response.status_code}: {_words(response)}"
        changed = response.status_code == httpx2.codes.PRECONDITION_FAILED
        raise KeyKnownError(said) if changed or KNOWN in response.text else RefusedError(said)


def _words(response: httpx2.Response) -> str:
    return quoted(response.text)
