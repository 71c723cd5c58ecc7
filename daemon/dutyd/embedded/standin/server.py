"""The stand-in for a Chat Completions endpoint: a loopback HTTP server that is honest about being one.

It refuses what the real API refuses (``checks``), decides by a small fixed policy or a script
(``policy``, ``script``), plays the faults of real hosts, and names itself in the model id, in
``system_fingerprint`` and in the header ``x-standin``. The demo and the tests talk to it over real HTTP; what it says
is never reported as a model's work. ``dutyd standin`` calls ``serve``; others put ``Standin(script).app`` behind a
``Loopback``.
"""

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from dutyd.embedded.loopback import Loopback
from dutyd.embedded.standin.checks import Refusal, refuse_key, refuse_request, thinks
from dutyd.embedded.standin.policy import decide, spoil
from dutyd.embedded.standin.script import Fault, FaultKind, Script
from dutyd.embedded.standin.wire import NAME, Envelope, Said, chunks, completion, fit, tokens_of

_DEFAULT_MOST = 1024
_REMEMBERED = 10_000
_FINE = Fault(FaultKind.FINE)
_REFUSALS: Mapping[FaultKind, Refusal] = {
    FaultKind.OVERLOADED: Refusal(429, "engine_overloaded_error", "The engine is currently overloaded"),
    FaultKind.RATE_LIMIT: Refusal(429, "rate_limit_reached_error", "Your account reached max request rate"),
    FaultKind.QUOTA: Refusal(429, "exceeded_current_quota_error", "Your account has insufficient balance"),
    FaultKind.FILTER: Refusal(400, "content_filter", "The request was rejected because it was considered high risk"),
    FaultKind.SERVER_ERROR: Refusal(500, "server_error", "The server had an error while processing the request"),
}
_PAGES: Mapping[FaultKind, tuple[int, str]] = {
    FaultKind.GATEWAY: (504, "Gateway Time-out"),
    FaultKind.DOWN: (503, "Service Unavailable"),
}


def serve(port: int, script: Script) -> None:
    """Serve on *port* of 127.0.0.1 (0: a free one) until SIGTERM or SIGINT.

    Raises:
        SettingsError: the port can't be used.

    """
    server = Loopback(Standin(script).app, port)
    structlog.get_logger().info("stand-in listens", base_url=f"{server.url}/v1")
    server.run()


class Standin:
    """One stand-in: its script, how far its faults are used up, and what it has seen.

    Attributes:
        requests: how many chat requests came, refused ones too.
        answered: how many of them got an answer.

    """

    def __init__(self, script: Script) -> None:
        self._script = script
        self._faults = _one_by_one(script.faults)
        self._prefixes: OrderedDict[str, None] = OrderedDict()
        self.requests = 0
        self.answered = 0

    @property
    def app(self) -> Starlette:
        """The application: chat completions, the list of models, and a page that says what this is."""
        return Starlette(
            routes=[
                Route("/", self._about),
                Route("/v1/models", self._models),
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
            ]
        )

    async def _about(self, _request: Request) -> Response:
        about = f"{NAME}: a stand-in for a Chat Completions endpoint; no model is behind it"
        return JSONResponse({"about": about, "requests": self.requests, "answered": self.answered})

    async def _models(self, request: Request) -> Response:
        if refusal := refuse_key(request.headers.get("authorization", ""), self._script):
            return _refused(refusal, None, self._headers())
        models = [{"id": model, "object": "model", "owned_by": NAME} for model in self._script.models]
        return JSONResponse({"object": "list", "data": models}, headers=self._headers())

    async def _chat(self, request: Request) -> Response:
        self.requests += 1
        raw = await request.body()
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        refusal = refuse_key(request.headers.get("authorization", ""), self._script)
        refusal = refusal or refuse_request(body, len(raw), self._script)
        if refusal is not None:
            return _refused(refusal, None, self._headers())
        return await self._play(body, next(self._faults, _FINE))

    async def _play(self, body: dict[str, Any], fault: Fault) -> Response:
        await asyncio.sleep(fault.seconds)
        if fault.kind in _REFUSALS:
            return _refused(_REFUSALS[fault.kind], fault.retry_after, self._headers())
        if fault.kind in _PAGES:
            status, words = _PAGES[fault.kind]
            return HTMLResponse(f"<html><body>{status} {words}</body></html>", status, self._headers())
        said = spoil(decide(body, self._script, thinking=thinks(body)), fault.kind, body)
        most = body.get("max_completion_tokens") or body.get("max_tokens") or _DEFAULT_MOST
        said = fit(said, most)
        self.answered += 1
        return _answer(said, self._envelope(said, body), body, fault, self._headers())

    def _headers(self) -> dict[str, str]:
        return {"x-standin": NAME, "x-trace-id": f"standin-{self.requests}"}

    def _envelope(self, said: Said, body: Mapping[str, Any]) -> Envelope:
        messages = body["messages"]
        before = sum(len(message.get("tool_calls") or ()) for message in messages)
        shape = "functions.{}:{}" if self._script.ids == "vllm" else "{}:{}"
        return Envelope(
            id=f"chatcmpl-standin-{self.requests}",
            model=f"{body['model']} ({NAME})",
            call_ids=[shape.format(call.name, before + index) for index, call in enumerate(said.calls)],
            prompt_tokens=tokens_of(messages) + tokens_of(body.get("tools")),
            cached_tokens=self._cached(messages),
        )

    def _cached(self, messages: list[Any]) -> int:
        """Return the tokens of the longest beginning of *messages* seen before, and remember every beginning."""
        digest, cached = hashlib.sha256(), 0
        for index, message in enumerate(messages, 1):
            digest.update(json.dumps(message, sort_keys=True).encode())
            if digest.hexdigest() in self._prefixes:
                cached = tokens_of(messages[:index])
            self._prefixes[digest.hexdigest()] = None
        while len(self._prefixes) > _REMEMBERED:
            self._prefixes.popitem(last=False)
        return cached


def _one_by_one(faults: tuple[Fault, ...]) -> Iterator[Fault]:
    for fault in faults:
        if fault.times == 0:
            while True:
                yield fault
        for _ in range(fault.times):
            yield fault


def _refused(refusal: Refusal, retry_after: float | None, headers: dict[str, str]) -> Response:
    waiting = {} if retry_after is None else {"retry-after": f"{retry_after:g}"}
    body = {"error": {"type": refusal.type, "message": refusal.message}}
    return JSONResponse(body, refusal.status, headers | waiting)


def _answer(said: Said, envelope: Envelope, body: Mapping[str, Any], fault: Fault, headers: dict[str, str]) -> Response:
    if body.get("stream"):
        options = body.get("stream_options") or {}
        pieces = [*chunks(said, envelope, include_usage=bool(options.get("include_usage")))]
        lines = [f"data: {json.dumps(piece)}\n\n" for piece in pieces] + ["data: [DONE]\n\n"]
        media = "text/event-stream"
    else:
        text, media = json.dumps(completion(said, envelope)), "application/json"
        lines = [text[: len(text) // 2], text[len(text) // 2 :]]
    whole = sum(len(line.encode()) for line in lines)
    if fault.kind is FaultKind.CUT:
        lines = lines[: len(lines) // 2]
    # With the whole length announced, an answer that ends early is a cut connection for the reader.
    return StreamingResponse(_sent(lines), media_type=media, headers=headers | {"content-length": str(whole)})


async def _sent(lines: list[str]) -> AsyncIterator[str]:
    for line in lines:
        yield line
