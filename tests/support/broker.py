"""A Kafka broker for tests, benches and ``make kafka``: a real one, KRaft, one node, in about three seconds.

The jars come through Maven once, into ``.cache/kafka`` under the project. Where Java or Maven are missing, librdkafka's
mock broker stands in, in a child process: in memory, four partitions a topic, no admin calls, no transactions, no
look-up by time. Whoever uses it says so (``Broker.lacks``).

In the foreground: ``python tests/support/broker.py --port 9092``.
"""

import argparse
import base64
import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

HERE = Path(__file__).parent
JARS = HERE.parents[1] / ".cache" / "kafka" / "jars"
START_SECONDS = 60.0

SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
auto.create.topics.enable=false
broker.session.timeout.ms=1500
broker.heartbeat.interval.ms=300
"""
"""The two ``broker.*`` times let a killed broker come back in 3.5 s instead of 12."""


class Broker(Protocol):
    """Something that speaks Kafka's protocol.

    Attributes:
        address: ``host:port``, to be put behind ``kafka://``.
        lacks: what it can't do, empty for a real broker.
    """

    address: str
    lacks: frozenset[str]

    def stop(self) -> None:
        """End it and remove its data."""
        ...


class KafkaBroker:
    """A real Apache Kafka broker in a directory of its own."""

    lacks: frozenset[str] = frozenset()

    def __init__(self, port: int | None = None, extra: Mapping[str, str] | None = None) -> None:
        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.directory = Path(tempfile.mkdtemp(prefix="kafka-"))
        self._process: subprocess.Popen[bytes] | None = None
        settings = SETTINGS.format(port=self.port, controller=free_port(), data=self.directory / "data")
        settings += "".join(f"{name}={value}\n" for name, value in (extra or {}).items())
        (self.directory / "server.properties").write_text(settings)

    def format(self, *arguments: str) -> None:
        """Make the data directory; *arguments* go to the storage tool (``--add-scram ...``)."""
        cluster = base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")
        # The tool reads an id that begins with a dash as an option.
        command = _java("kafka.tools.StorageTool", "format", "-t", f"A{cluster[1:]}", "-c", self._settings, *arguments)
        subprocess.run(command, check=True, capture_output=True)

    def start(self) -> None:
        """Start it and wait until it serves."""
        log = self.directory / "broker.log"
        with log.open("wb") as sink:
            self._process = subprocess.Popen(
                _java("kafka.Kafka", self._settings),
                stdout=sink,
                stderr=sink,
                preexec_fn=die_with_parent,  # noqa: PLW1509  # it only sets a flag of the new process
            )
        deadline = time.monotonic() + START_SECONDS
        while b"Kafka Server started" not in log.read_bytes():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"the broker did not start:\n{log.read_text()[-3000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL; what it wrote stays for the next ``start``."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it and remove its data."""
        self._end(signal.SIGKILL)
        shutil.rmtree(self.directory, ignore_errors=True)

    def signal(self, number: int) -> None:
        """Send it a signal, such as SIGSTOP and SIGCONT."""
        assert self._process is not None
        self._process.send_signal(number)

    def _end(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    @property
    def _settings(self) -> str:
        return str(self.directory / "server.properties")


class MockBroker:
    """librdkafka's mock broker in a child process."""

    lacks = frozenset({"create", "times", "transactions", "restart", "sharing"})

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--mock"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        # It answers version negotiation with what kafka-python can't read.
        self.address = f"{self._process.stdout.readline().strip()}?api_version=2.3"

    def stop(self) -> None:
        """End it."""
        with self._process:
            self._process.kill()


def start_broker(port: int | None = None) -> Broker:
    """Start a real broker, or the mock where Java or Maven are missing."""
    missing = [program for program in ("java", "mvn") if shutil.which(program) is None]
    if (missing and not JARS.is_dir()) or "java" in missing:
        print(f"{' and '.join(missing)} missing: librdkafka's mock broker instead of Apache Kafka", file=sys.stderr)
        return MockBroker()
    fetch_jars()
    broker = KafkaBroker(port)
    broker.format()
    broker.start()
    return broker


def fetch_jars() -> None:
    """Get the broker's jars through Maven, once."""
    if JARS.is_dir():
        return
    JARS.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=JARS.parent) as fresh:
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={fresh}/jars"]
        maven = ["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), *goal]
        done = subprocess.run(maven, check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"Maven could not fetch Kafka's jars:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
        with contextlib.suppress(OSError):  # another process was faster: its jars are the same
            Path(fresh, "jars").rename(JARS)


def die_with_parent() -> None:
    """Ask Linux to end this process with the one that started it: a killed test run leaves no broker behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _java(*arguments: str) -> list[str]:
    flags = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    return ["java", *flags, "-cp", str(JARS / "*"), *arguments]


@contextlib.contextmanager
def running_broker(port: int | None = None) -> Iterator[Broker]:
    """Start a broker and end it afterwards."""
    broker = start_broker(port)
    try:
        yield broker
    finally:
        broker.stop()


def _serve_mock() -> None:
    from confluent_kafka import Producer

    mock = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    node = next(iter(mock.list_topics(timeout=10).brokers.values()))
    print(f"{node.host}:{node.port}", flush=True)
    sys.stdin.read()  # until the parent is gone


def main() -> None:
    """Run a broker in the foreground until interrupted."""
    parser = argparse.ArgumentParser(description="A Kafka broker for trying things; its data is gone when it stops.")
    parser.add_argument("--port", type=int, default=9092)
    parser.add_argument("--mock", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.mock:
        _serve_mock()
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), running_broker(arguments.port) as broker:
        print(f"Kafka at {broker.address}; Ctrl-C stops it", flush=True)
        signal.pause()


if __name__ == "__main__":
    main()
