"""The bridge for systems that post instead of producing: HTTP in, records out. ``dutyd publish --listen`` serves it.

A post's body becomes one record, keyed by the topic's ``partitioned_by`` values, as ``publish`` does with a line; one
whose events belong under several keys becomes as many records. The sender is told the truth, so that it can do its
part: 200 once the broker has acknowledged everything, 4xx with the reason for what holds no event (sending that again
is of no use), 503 while the broker is away (sending it again is right; an event that comes twice is known by its id).
"""

import asyncio
import hmac
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import unquote_to_bytes

import structlog
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dutyd.app.publish import Keys, SeveralKeysError, ensure_topic
from dutyd.app.writer import Keyed, Writer
from dutyd.core.errors import BadInputError, NotReadyError
from dutyd.core.metrics import POSTS
from dutyd.core.topic import Topic
from dutyd.ops.http import HttpServer, probes
from dutyd.stream.base import Stream
from dutyd.stream.formats.parts import apart

log = structlog.get_logger()

ANSWER_SECONDS = 10.0
"""A broker that takes longer is away: senders have a patience of their own, often this one."""

MOST_WAITING = 100
"""Posts that may wait for the broker together; each holds its body."""

MOST_BYTES = 1_000_000
"""Bytes of a body: brokers take 1 MiB, with what goes around it."""

Headers = tuple[tuple[str, bytes], ...]


class Refusal(Exception):  # noqa: N818 - an answer, no defect
    """A post that is not taken: the status and why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def serve_bridge(
    stream: Stream, topic: Topic, token: str | None, at: tuple[str, int], say: Callable[[str], None]
) -> None:
    """Serve the bridge at host and port *at* until SIGTERM or SIGINT; *say* is told the address.

    Raises:
        NotReadyError: the broker can't be reached at the start.
        SettingsError: the port can't be had.

    """
    ensure_topic(stream, topic)
    bridge = Bridge(stream, topic, token)
    try:
        with HttpServer(bridge.app(), *at) as server, _asked_to_end() as stop:
            say(server.url)
            stop.wait()
    finally:
        bridge.close()


@contextmanager
def _asked_to_end() -> Iterator[threading.Event]:
    """Give an event that SIGTERM and SIGINT set."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Bridge:
    """Takes posts for *topic*; with a *token* only from those who know it."""

    def __init__(self, stream: Stream, topic: Topic, token: str | None) -> None:
        self._stream = stream
        self._topic = topic
        self._token = token
        self._keys = Keys(topic)
        self._writer = Writer(stream.producer(), topic.topic)
        self._waiting = 0

    def app(self) -> Starlette:
        """Return the application: posts to ``/``, probes and metrics beside it."""
        others = probes(alive={}, ready={"topic": self._reachable}, started={})
        return Starlette(routes=[Route("/", self._post, methods=["POST"]), *others.routes])

    def close(self) -> None:
        """Stop writing; whatever was answered with 200 is there."""
        self._writer.close(ANSWER_SECONDS)

    async def _post(self, request: Request) -> Response:
        try:
            answer = await self._take(request)
        except Refusal as refusal:
            sender = request.client.host if request.client else ""
            log.warning("post not taken", status=refusal.status, reason=str(refusal), sender=sender)
            answer = JSONResponse({"error": str(refusal)}, refusal.status)
        except ClientDisconnect:  # nobody is there to be answered, and nothing was taken
            return Response(status_code=400)
        POSTS.labels(answer.status_code).inc()
        return answer

    async def _take(self, request: Request) -> Response:
        self._admit(request)
        body, headers = await _body(request), cloudevent_headers(request)
        try:
            records = keyed(self._keys, body, headers)
        except BadInputError as error:
            raise Refusal(400, str(error)) from error
        if self._waiting >= MOST_WAITING:
            raise Refusal(503, "the broker is slow, and too many posts wait for it: send this one again")
        self._waiting += 1
        try:
            await asyncio.wait_for(asyncio.wrap_future(self._writer.write(records)), ANSWER_SECONDS)
        except TimeoutError as error:
            raise Refusal(503, f"the broker did not acknowledge it in {ANSWER_SECONDS:g} s: send it again") from error
        except NotReadyError as error:
            raise Refusal(503, f"{error}; send it again") from error
        finally:
            self._waiting -= 1
        without_key = sum(record.key is None for record in records) if self._topic.partitioned_by else 0
        return JSONResponse({"records": len(records), "without_key": without_key})

    def _admit(self, request: Request) -> None:
        if self._token is None:
            return
        given = request.headers.get("authorization", "")
        # Compared in a time that does not tell how much of it was right.
        if not hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            raise Refusal(401, "a bearer token is needed: send the header 'Authorization: Bearer TOKEN'")

    def _reachable(self) -> str:
        try:
            count = self._stream.partitions(self._topic.topic)
        except NotReadyError as error:
            return str(error)
        return "" if count else f"there is no topic '{self._topic.topic}'"


async def _body(request: Request) -> bytes:
    """Read a body of at most ``MOST_BYTES``, whatever its length was said to be."""
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > MOST_BYTES:
            raise Refusal(413, f"too large: at most {MOST_BYTES} bytes are read")
    return bytes(found)


def cloudevent_headers(request: Request) -> Headers:
    """Return the record headers of a CloudEvent in binary mode: ``ce-type`` of HTTP is ``ce_type`` on Kafka."""
    if "ce-specversion" not in request.headers:
        return ()
    attributes = [
        (f"ce_{name.removeprefix('ce-')}", unquote_to_bytes(value))
        for name, value in request.headers.items()
        if name.startswith("ce-")
    ]
    kind = request.headers.get("content-type")
    return (*attributes, *([("content-type", kind.encode())] if kind else []))


def keyed(keys: Keys, value: bytes, headers: Headers = ()) -> list[Keyed]:
    """Return the records of one post.

    Raises:
        BadInputError: it holds no event.

    """
    content = value if value or not headers else None  # a CloudEvent may have no data
    try:
        return [Keyed(keys.of(content, headers), content, headers)]
    except SeveralKeysError:
        return [record for part in apart(value) for record in keyed(keys, part, headers)]
