"""Serve the Roundup tracker in a folder: ``python roundup_server.py FOLDER PORT``, run by Roundup's own environment.

By WSGI, as behind a web server of one's own: ``roundup-server`` refuses to run as root, which tests may be.
"""

import sys
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from roundup.cgi.wsgi_handler import RequestDispatcher


class Server(ThreadingMixIn, WSGIServer):
    """One thread a request."""

    daemon_threads = True
    request_queue_size = 64


class Quiet(WSGIRequestHandler):
    """No line for each request, and no look-up of our own name."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its name is the library's
        """Say nothing."""


if __name__ == "__main__":
    folder, port = sys.argv[1:]
    make_server("127.0.0.1", int(port), RequestDispatcher(folder), Server, Quiet).serve_forever()
