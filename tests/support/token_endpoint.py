"""A token endpoint (RFC 6749, client credentials) that knows one client and gives out what it is told to."""

import base64
import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

CLIENT, SECRET = "dutyd", "sesame"


@dataclass
class TokenEndpoint:
    """What it answers, and what it was asked.

    Attributes:
        make: makes the token of each answer.
        answer: members that replace those of a good answer.
        status: the status of the answer to the client that it knows.
        asked: the forms that it was sent.

    """

    make: Callable[[], str]
    url: str = ""
    answer: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    asked: list[dict[str, list[str]]] = field(default_factory=list)

    def respond(self, form: str, login: str) -> tuple[int, dict[str, Any]]:
        """Return status and body for *form*, sent by *login* (``Basic ...``)."""
        self.asked.append(parse_qs(form))
        if base64.b64decode(login.removeprefix("Basic ")).decode() != f"{CLIENT}:{SECRET}":
            return 401, {"error": "invalid_client", "error_description": "bad secret"}
        return self.status, {"access_token": self.make(), "expires_in": 3600} | self.answer


@contextlib.contextmanager
def token_endpoint(make: Callable[[], str]) -> Iterator[TokenEndpoint]:
    """Serve one on the loopback interface."""
    endpoint = TokenEndpoint(make)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, body = endpoint.respond(form, self.headers["Authorization"])
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    endpoint.url = f"http://127.0.0.1:{server.server_port}/token"
    yield endpoint
    server.shutdown()
    server.server_close()
