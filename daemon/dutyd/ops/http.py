"""Probes and metrics over HTTP: ``/startupz`` (has it started?), ``/healthz`` (is it alive?), ``/readyz`` (does it do
its work?), ``/metrics``.

``app`` passes the checks in and starts the server. It runs in a thread of its own, so that a stuck event loop is an
answer of ``/healthz`` and not its silence. Answers name every check, and of a failing one what is wrong.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

import uvicorn
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dutyd.core.errors import SettingsError

Check = Callable[[], str]
"""Says what is wrong, the empty text where nothing is. Called from another thread, and at most ``PATIENCE`` long."""

Checks = Mapping[str, Check]

PATIENCE = 2.0
"""Seconds that a check may take: Kubernetes asks with a patience of its own, often no longer."""


def probes(
    alive: Checks, ready: Checks, started: Checks, more: Sequence[Route] = (), *, notes: Checks | None = None
) -> Starlette:
    """Return the application that answers with the checks *alive*, *ready* and *started*, all metrics, and *more*.

    *notes* are told beside *ready*; they make nothing fail.
    """

    async def startupz(_: Request) -> Response:
        return await _answer(started)

    async def healthz(_: Request) -> Response:
        return await _answer(alive)

    async def readyz(_: Request) -> Response:
        return await _answer({**alive, **ready}, notes)

    def metrics(request: Request) -> Response:
        encode, kind = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(REGISTRY), headers={"content-type": kind})

    pages = {"/startupz": startupz, "/healthz": healthz, "/readyz": readyz, "/metrics": metrics}
    return Starlette(
        routes=[*(Route(path, page) for path, page in pages.items()), *more],
        exception_handlers={HTTPException: _refused},
    )


def _refused(request: Request, error: Exception) -> Response:
    """Answer what is not there as everything else is answered: in JSON."""
    assert isinstance(error, HTTPException)
    said = f"{request.method} {request.url.path}: {error.detail.lower()}"
    return JSONResponse({"error": said}, error.status_code, error.headers)


async def _answer(checks: Checks, notes: Checks | None = None) -> Response:
    said = await _ask(checks)
    fine = not any(said.values())
    body = {"status": "ok" if fine else "failing", "checks": {name: what or "ok" for name, what in said.items()}}
    if noted := {name: what for name, what in (await _ask(notes or {})).items() if what}:
        body["notes"] = noted
    return JSONResponse(body, 200 if fine else 503)


async def _ask(checks: Checks) -> dict[str, str]:
    return dict(zip(checks, await asyncio.gather(*map(_run, checks.values())), strict=True))


async def _run(check: Check) -> str:
    try:
        return await asyncio.wait_for(asyncio.to_thread(check), PATIENCE)
    except TimeoutError:
        return f"no answer in {PATIENCE:g} s"
    except Exception as error:  # noqa: BLE001 - a check that breaks is a failing check, not a failing probe
        return f"{type(error).__name__}: {error}"


GRACE = 10
"""Seconds that requests may still take after a stop; then they are cancelled, for one may never end by itself."""


class HttpServer:
    """Serves an application in a thread; *port* 0 takes a free one.

    Attributes:
        url: its address, for the log.

    """

    def __init__(self, app: Starlette, host: str, port: int) -> None:
        """Bind the port.

        Raises:
            SettingsError: it can't be had.

        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((host, port))
            self._socket.listen()  # at once: until it listens, another process could take the port, too
        except OSError as error:
            self._socket.close()
            raise SettingsError(f"http: {host}:{port} can't be used: {error.strerror}; choose another port") from error
        shown = f"[{host}]" if family is socket.AF_INET6 else host
        self.url = f"http://{shown}:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=GRACE)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="http", daemon=True)

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
