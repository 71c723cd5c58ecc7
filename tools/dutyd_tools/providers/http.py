"""HTTP for providers: every way that a request can end, as the one error that tells the ledger what to do next.

A path and a body come in, JSON goes out. Nothing is ever sent twice from here, and no connection is used twice: on a
kept one, a server that has just closed it can't be told from one that has just done the work. Adapters that are
configured in full (headers, login, certificates) get theirs from ``connection``.
"""

import asyncio
import json
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import httpx2

from dutyd.core.secrets import quoted
from dutyd.core.tool import KeyKnownError, NotSentError, ProviderError, RefusedError, UnknownOutcomeError

_MOST = 16 << 20  # bytes of an answer, unpacked
_UNPACKED = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})
_LONGEST_DELAY = 86_400.0  # seconds: what a server asks for beyond that is a mistake
_UNSURE = frozenset({408, 425})
_KNOWN = frozenset({409, 412})

_PORTS = {"http": 80, "https": 443}

JSON = "application/json"

Query = Mapping[str, str | Sequence[str]]
"""The part of an address behind ``?``; of several texts each is told."""

NEVER_LEFT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


@dataclass(frozen=True, slots=True)
class Request:
    """One request that is to make something.

    Attributes:
        path: what is put behind the address, with its first slash; empty: the address itself.
        content: the body.
        form: its type, unless *headers* say another.

    """

    method: str
    path: str
    content: bytes
    form: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manners:
    """How a system says no.

    Attributes:
        words: reads what a failing answer says, for messages; an empty text where it can't.
        busy: seconds to wait after a 429 that does not say for how long.

    """

    words: Callable[[httpx2.Response], str] | None = None
    busy: float | None = None


class JsonApi:
    """A JSON API at *url*; one request takes at most *timeout* seconds.

    Args:
        tls: whom to trust and how to show who we are; None: the certificates that the machine trusts.
        shown: what stands for *url* in messages, where it is a secret.
        manners: how the system says no.

    """

    def __init__(
        self,
        url: str,
        timeout: float,
        headers: Mapping[str, str],
        *,
        tls: ssl.SSLContext | None = None,
        shown: str = "",
        manners: Manners = Manners(),
    ) -> None:
        self.url = shown or url
        self._base = url
        self._timeout = timeout
        self._tls = tls or trusted()
        self._manners = manners
        self._client = httpx2.AsyncClient(
            headers=dict(headers),
            # Half for the way there: a connection that does not come about is known never to have carried anything.
            timeout=httpx2.Timeout(timeout, connect=timeout / 2, pool=timeout / 2),
            limits=httpx2.Limits(max_keepalive_connections=0),
            follow_redirects=False,
            trust_env=False,
            verify=self._tls,
        )

    async def post(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Any:
        """Send *body*; return the answer.

        Raises:
            NotSentError: it never left, or was turned away unread.
            RefusedError: nothing was done.
            KeyKnownError: the key in *headers* is known there.
            UnknownOutcomeError: it may have been done.

        """
        content = json.dumps(dict(body)).encode()
        response = await self.send(Request("POST", path, content, JSON, headers))
        try:
            return response.json()
        except (ValueError, RecursionError) as error:
            raise UnknownOutcomeError(f"an answer that is no JSON: {self._said(path, response)}") from error

    async def send(self, request: Request, *, known: bool = False) -> httpx2.Response:
        """Send *request*; return an answer that says yes; raises as ``post`` does.

        With *known*, an answer that says that the key is known comes back, too, for who can read it.
        """
        headers = httpx2.Headers(dict(request.headers))
        headers.setdefault("Content-Type", request.form)
        response = await self._request(
            request.method,
            request.path,
            content=request.content,
            headers=headers,
            params=dict(request.query) or None,
        )
        if response.is_success or (known and response.status_code in _KNOWN):
            return response
        delay = retry_after(response.headers)
        said = self._said(request.path, response)
        raise outcome(response.status_code, said, self._manners.busy if delay is None else delay)

    async def get(self, path: str, query: Query, headers: Mapping[str, str] | None = None) -> Any:
        """Ask; return the answer.

        Raises:
            NotSentError: there is no answer now.
            RefusedError: the question is wrong, or we may not ask it.

        """
        return self._answer(path, await self._ask(path, query, headers))

    async def find(self, path: str, query: Query | None = None, headers: Mapping[str, str] | None = None) -> Any | None:
        """Ask for one thing; return None where it is not there (404). Raises as ``get`` does."""
        response = await self._ask(path, query or {}, headers)
        return None if response.status_code == httpx2.codes.NOT_FOUND else self._answer(path, response)

    async def see(self, path: str, headers: Mapping[str, str]) -> None:
        """Ask, and look at nothing but whether the answer says yes. Raises as ``get`` does."""
        response = await self._ask(path, {}, headers)
        if not response.is_success:
            self._answer(path, response)

    async def reach(self) -> None:
        """Open a connection and close it again.

        Raises:
            NotSentError: nobody takes it.

        """
        at = httpx2.URL(self._base)
        tls = self._tls if at.scheme == "https" else None
        try:
            async with asyncio.timeout(self._timeout):
                _, writer = await asyncio.open_connection(at.host, at.port or _PORTS[at.scheme], ssl=tls)
                writer.close()
        except (OSError, TimeoutError) as error:
            raise NotSentError(f"no connection to {self.url}: {error!r}") from error

    async def close(self) -> None:
        """Close the client."""
        await self._client.aclose()

    async def _request(self, method: str, path: str, **request: Any) -> httpx2.Response:
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._client.stream(method, self._address(path), **request) as response,
            ):
                return await _whole(response)
        except NEVER_LEFT as error:
            raise NotSentError(f"no connection to {self.url}: {error!r}") from error
        except (httpx2.RequestError, TimeoutError) as error:
            raise UnknownOutcomeError(f"{method} {self.url}{path} broke off: {error!r}") from error

    def _address(self, path: str) -> str:
        return f"{self._base.rstrip('/')}{path}" if path else self._base

    async def _ask(self, path: str, query: Query, headers: Mapping[str, str] | None) -> httpx2.Response:
        try:
            return await self._request("GET", path, params=dict(query) or None, headers=dict(headers or {}))
        except UnknownOutcomeError as error:
            raise NotSentError(str(error)) from error  # a question can always be asked again

    def _answer(self, path: str, response: httpx2.Response) -> Any:
        said = self._said(path, response)
        if not response.is_success:
            failed = outcome(response.status_code, said, retry_after(response.headers))
            raise failed if isinstance(failed, NotSentError | RefusedError) else NotSentError(said)
        try:
            return response.json()
        except (ValueError, RecursionError) as error:
            raise NotSentError(f"an answer that is no JSON: {said}") from error

    def _said(self, path: str, response: httpx2.Response) -> str:
        read = self._manners.words
        said = (read(response) if read else "") or response.text
        return f"{self.url}{path} answered {response.status_code}: {quoted(said)}"


async def _whole(response: httpx2.Response) -> httpx2.Response:
    """Return *response* with its body read, unless that has no end."""
    content = bytearray()
    async for part in response.aiter_bytes():
        content += part
        if len(content) > _MOST:
            raise httpx2.ReadError(f"an answer of more than {_MOST >> 20} MiB")
    headers = [(name, value) for name, value in response.headers.raw if name.lower() not in _UNPACKED]
    return httpx2.Response(response.status_code, headers=headers, content=bytes(content), request=response.request)


def answer_of(response: httpx2.Response) -> Mapping[str, Any]:
    """Return the members of an answer; one that is no object has the member ``answer``."""
    try:
        answer = response.json()
    except (ValueError, RecursionError):
        answer = response.text.strip() or None
    return answer if isinstance(answer, dict) else {"answer": answer}


def outcome(status: int, said: str, delay: float | None) -> ProviderError:
    """Return what an HTTP status other than 2xx means for a request that was to make something."""
    if status == httpx2.codes.TOO_MANY_REQUESTS:
        return NotSentError(said, retry_after=delay)
    if status in _KNOWN:
        return KeyKnownError(said)
    if 400 <= status < 500 and status not in _UNSURE:
        return RefusedError(said)
    return UnknownOutcomeError(said)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a ``Retry-After`` asks for: a number, or a date held against the answer's own."""
    told = headers.get("Retry-After", "")
    if told.strip().isascii() and told.strip().isdigit():
        return min(float(told), _LONGEST_DELAY)
    try:
        delay = parsedate_to_datetime(told) - parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError):  # no date, or only one of them has a zone
        return None
    return min(max(delay.total_seconds(), 0.0), _LONGEST_DELAY)


@cache
def trusted() -> ssl.SSLContext:
    """Return a context that trusts what the machine trusts."""
    return httpx2.create_ssl_context()  # reading the trusted certificates takes its time: once
