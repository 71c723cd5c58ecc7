"""Real producers of monitoring systems, as Debian ships them: collectd and rsyslog, in folders of their own.

Each is started with the settings that a page shows, behind a few lines that only say where its files are here and give
the test a way to put something in.
"""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from support.broker import die_with_parent, free_port
from support.debian import Tree, tree

START_SECONDS = 30.0


class Put(Protocol):
    """Gives a running producer one thing to send."""

    def __call__(self, line: str) -> None: ...


COLLECTD = """\
BaseDir "{folder}"
PIDFile "{folder}/collectd.pid"
PluginDir "{root}/usr/lib/collectd"
TypesDB "{root}/usr/share/collectd/types.db"
Interval 1
LoadPlugin unixsock
<Plugin unixsock>
  SocketFile "{folder}/socket"
</Plugin>
"""

RSYSLOG = """\
global(workDirectory="{folder}")
module(load="imtcp")
input(type="imtcp" address="127.0.0.1" port="{port}")
"""


@contextlib.contextmanager
def running_collectd(settings: str, folder: Path) -> Iterator[Put]:
    """Start collectd with *settings*; what is put in are lines of its text protocol (``PUTVAL ...``).

    Raises:
        UnavailableError: it can't be had here.

    """
    packages = tree("collectd-core", "librdkafka1", "libyajl2")
    program = packages.program("usr/sbin/collectd")
    (folder / "collectd.conf").write_text(COLLECTD.format(folder=folder, root=packages.root) + settings)
    with _running(packages, [program, "-f", "-C", folder / "collectd.conf"], folder / "collectd.log"):

        def put(line: str) -> None:
            with _patiently(socket.AF_UNIX, str(folder / "socket")) as client:
                client.sendall(f"{line}\n".encode())
                answer = client.recv(4096)
                assert answer.startswith(b"0 "), answer

        yield put


@contextlib.contextmanager
def running_rsyslog(settings: str, folder: Path) -> Iterator[Put]:
    """Start rsyslog with *settings*; what is put in are syslog messages.

    Raises:
        UnavailableError: it can't be had here.

    """
    packages = tree("rsyslog", "rsyslog-kafka")
    program, modules = packages.program("usr/sbin/rsyslogd"), packages.folder("usr/lib/*/rsyslog")
    port = free_port()
    (folder / "rsyslog.conf").write_text(RSYSLOG.format(folder=folder, port=port) + settings)
    files: list[str | Path] = ["-f", folder / "rsyslog.conf", "-i", folder / "rsyslog.pid", "-M", modules]
    with _running(packages, [program, "-n", *files], folder / "rsyslog.log"):

        def put(line: str) -> None:
            with _patiently(socket.AF_INET, ("127.0.0.1", port)) as client:
                client.sendall(f"{line}\n".encode())

        yield put


@contextlib.contextmanager
def _running(packages: Tree, command: Sequence[str | Path], log: Path) -> Iterator[None]:
    environment: Mapping[str, str] = packages.environment()
    with log.open("ab") as sink:
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=sink,
            stderr=sink,
            preexec_fn=die_with_parent,  # noqa: PLW1509  # it only sets a flag of the new process
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _patiently(family: int, address: str | tuple[str, int]) -> socket.socket:
    """Connect as soon as somebody listens."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        client = socket.socket(family)
        try:
            client.connect(address)
        except OSError:
            client.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return client
