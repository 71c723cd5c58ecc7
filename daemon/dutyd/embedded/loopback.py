"""An ASGI application on a loopback port: how the back office and the stand-in are served.

An application comes in, an address goes out. The socket is bound at once, so the address is known, and a taken port
is told, before anything runs; what connects early waits in the socket's queue. ``start`` serves in a thread of its
own (demo, tests, a daemon that brings its back office with it), ``run`` in the calling one until SIGTERM or SIGINT
(the commands ``backoffice`` and ``standin``). Never on another interface: these servers know no users.
"""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from dutyd.core.errors import SettingsError

HOST = "127.0.0.1"
GRACE = 1  # seconds that requests may still take after a stop; then they are cancelled


class Loopback:
    """A server for *app* on 127.0.0.1; *port* 0 takes a free one.

    Attributes:
        port: the port it has.
        url: its address, ``http://127.0.0.1:PORT``, without a slash at the end.

    """

    def __init__(self, app: ASGIApp, port: int = 0) -> None:
        """Bind the port.

        Raises:
            SettingsError: the port can't be had.

        """
        self._socket = _bind(port)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}"
        config = uvicorn.Config(
            app,
            log_config=None,  # the program decides what is logged, and where
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=GRACE,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self.run, name=f"loopback-{self.port}", daemon=True)

    def run(self) -> None:
        """Serve until ``stop``, or, in the main thread, until SIGTERM or SIGINT: both are an orderly end."""
        with self._socket, _signals_end_in_order():
            self._server.run(sockets=[self._socket])

    def start(self) -> Self:
        """Serve in a thread of its own; return at once: requests wait until it answers."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving and free the port; without effect where it does not run."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


@contextmanager
def _signals_end_in_order() -> Iterator[None]:
    """Keep the process alive when uvicorn, having ended for a signal, raises it once more."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _bind(port: int) -> socket.socket:
    # The protocol is named because asyncio sets TCP_NODELAY only where it is: without it each answer waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere it would let two servers share one port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(1024)
    except (OSError, OverflowError) as error:
        listener.close()
        raise SettingsError(
            f"port {port} of {HOST} can't be used: {error}; give another one, or 0 for a free one"
        ) from error
    return listener
