"""A real Roundup tracker: installed once a session, copied for each test that wants one of its own.

It is prepared as docs/providers.md says: issues have the key ``dutyd_key``, which people's own get by
themselves; the account ``dutyd`` has the role User and no more.
"""

import atexit
import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx2

from dutyd.core.tool import Provider
from dutyd.embedded.backoffice.door import Do, Fault
from dutyd.embedded.loopback import Loopback
from support.broker import die_with_parent, free_port
from support.packages import LOCKS, environment
from support.providers import ROUNDUP, TICKET, Break, Proxy

START_SECONDS = 30.0
ACCOUNT = "dutyd"
PASSWORD = "tracker-password"  # of a server that nobody else reaches
PAGE = Path(__file__).parents[2] / "docs" / "providers.md"
OWN_CODE = """
from roundup.exceptions import Reject

def look_at(db, cl, nodeid, newvalues):
    if "unwanted" in (newvalues.get("title") or ""):
        raise Reject("the tracker wants no such title")
    if "crash" in (newvalues.get("title") or ""):
        raise RuntimeError("a detector is broken")

def init(db):
    db.issue.audit("create", look_at)
"""
"""A detector that refuses and that breaks, as a tracker's own code does."""


class Tracker:
    """A Roundup server of its own; *url* is if given, is its own address: a proxy's.

    Attributes:
        url: where it answers itself.
        origin: what its settings say it is reached by.
        secret: a file that holds the account's password.

    """

    def __init__(self, url: str = "") -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="roundup-"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.origin = url or self.url
        self.secret = self.directory / "password"
        self.secret.write_text(PASSWORD)
        self._folder = self.directory / "tracker"
        self._process: subprocess.Popen[bytes] | None = None
        shutil.copytree(_template(), self._folder)
        self.configure("web", f"{self.origin}/")

    def configure(self, name: str, value: str) -> None:
        """Write a setting of config.ini; it counts from the next start."""
        file = self._folder / "config.ini"
        file.write_text(re.sub(rf"(?m)^#?{name} = .*$", f"{name} = {value}", file.read_text(), count=1))

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = self.directory / "server.log"
        command = [str(environment("roundup")), str(LOCKS / "roundup_server.py"), str(self._folder), str(self.port)]
        with log.open("ab") as sink:
            self._process = subprocess.Popen(
                command,
                stdout=sink,
                stderr=sink,
                preexec_fn=die_with_parent,  # noqa: PLW1509  # it only sets a flag of the new process
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Roundup did not start:\n{log.read_text()[-3000:]}")
            time.sleep(0.02)

    def admin(self, *command: str) -> str:
        """Do as an administrator does with roundup-admin."""
        return _admin(self._folder, *command)

    def items(self, of: str, **query: str) -> list[dict[str, Any]]:
        """Return the items of the class *of*, as the tracker itself tells."""
        return list(self._asked("GET", of, params=query)["collection"])

    def post(self, to: str, **properties: str) -> str:
        """Make an item of the class *to*; return its id."""
        return str(self._asked("POST", to, json=properties)["id"])

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def remove(self) -> None:
        """End it and remove its data."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _asked(self, method: str, of: str, **request: Any) -> dict[str, Any]:
        headers = {"Origin": self.origin, "X-Requested-With": "tests"}
        login = (ACCOUNT, PASSWORD)
        answer = httpx2.request(
            method, f"{self.url}/rest/data/{of}", headers=headers, auth=login, timeout=30, **request
        )
        answer.raise_for_status()
        return dict(answer.json()["data"])

    def _ready(self) -> bool:
        try:
            return bool(httpx2.get(f"{self.url}/rest/").status_code)
        except httpx2.TransportError:
            return False


class TrackerSystem:
    """A tracker behind a proxy, for the contract suite."""

    kind = ROUNDUP
    makes = "ticket"
    body: Mapping[str, Any] = TICKET
    other_body: Mapping[str, Any] = {**TICKET, "title": "Other"}
    wrong_body: Mapping[str, Any] | None = {**TICKET, "priority": "title"}

    def __init__(self, tracker: Tracker, server: Loopback, proxy: Proxy) -> None:
        self.url = server.url
        self.tracker = tracker
        self._server = server
        self._proxy = proxy

    def settings(self, **more: Any) -> dict[str, Any]:
        """Return settings for it."""
        return {"url": self.url, "username": ACCOUNT, "password_file": str(self.tracker.secret), **more}

    def connect(self, timeout: float = 10.0) -> Provider:
        return self.kind.connect(self.settings(timeout=timeout))

    def made(self, key: str) -> int:
        return len(self.tracker.items("issue", **{"dutyd_key:": key}))

    def total(self) -> int:
        return len(self.tracker.items("issue"))

    def requests(self, key: str) -> int:
        return self._proxy.counts[key]

    def order(self, fault: Fault) -> None:
        """Play *fault* at the next request that it fits."""
        self._proxy.faults.order(fault)

    def break_next(self, how: Break) -> None:
        self.order(Fault(**how.at("/issue")))

    def break_lookup(self) -> None:
        self.order(Fault(path="/issue", method="GET", do=Do.FAIL, status=503))

    def mend(self) -> None:
        self._proxy.faults.forget()

    def stop(self) -> None:
        self._server.stop()


@contextmanager
def running_tracker(url: str = "", **configured: str) -> Iterator[Tracker]:
    """Start a new tracker; end it and remove its data afterwards.

    Raises:
        UnavailableError: Roundup can't be had here.

    """
    tracker = Tracker(url)
    try:
        for name, value in configured.items():
            tracker.configure(name, value)
        tracker.start()
        yield tracker
    finally:
        tracker.remove()


StartTracker = Callable[..., AbstractContextManager[Tracker]]


@contextmanager
def tracker_system(directory: Path) -> Iterator[TrackerSystem]:
    """Put a proxy before a new tracker. Raises UnavailableError where Roundup can't be had."""
    environment("roundup")
    proxy = Proxy("", directory, key_of=_key_in, place_of=lambda path: f"/{path.rpartition('/')[2]}")
    with Loopback(proxy) as server, running_tracker(server.url) as tracker:
        proxy.target = tracker.url
        yield TrackerSystem(tracker, server, proxy)


def _key_in(body: bytes) -> str:
    """Return the key of a request that makes an issue; the message that it has is nothing that anybody sees."""
    try:
        return str(json.loads(body).get("dutyd_key", ""))
    except (ValueError, AttributeError):
        return ""


@cache
def _template() -> Path:
    """Return a tracker that is ready but for its address; it stays for as long as this process does."""
    made = tempfile.TemporaryDirectory(prefix="roundup-template-")
    atexit.register(made.cleanup)
    folder = Path(made.name, "tracker")
    _admin(folder, "install", "classic", "sqlite")
    _prepare(folder)
    config = folder / "config.ini"
    text = config.read_text()
    told = {"web": "http://127.0.0.1/", "domain": "localhost", "host": "127.0.0.1"}
    # Every request brings the password, and a safe hash of it takes a quarter of a second.
    for name, value in {**told, "password_pbkdf2_default_rounds": "1000"}.items():
        text = re.sub(rf"(?m)^#?{name} = .*$", f"{name} = {value}", text, count=1)
    mail = text.index("[mail]")
    config.write_text(text[:mail] + text[mail:].replace("\ndebug = \n", "\ndebug = mail.log\n", 1))
    _admin(folder, "initialise", PASSWORD)
    account = (f"username={ACCOUNT}", f"password={PASSWORD}", "roles=User", "address=dutyd@localhost")
    _admin(folder, "create", "user", *account)
    return folder


def _prepare(folder: Path) -> None:
    """Do with a new tracker what docs/providers.md says."""
    page = PAGE.read_text()
    first, then, detector, *_ = re.findall(r"(?s)```python\n(.*?)```", page[page.index("## roundup") :])
    schema = folder / "schema.py"
    text = schema.read_text()
    head = 'issue = IssueClass(db, "issue",\n'
    before, _, after = text.partition(head)
    rest, end, others = after.partition(")\n\n")
    schema.write_text(f"{before}{first}{rest}{end}{then}\n{others}")
    (folder / "detectors" / "dutyd_key.py").write_text(detector)
    (folder / "detectors" / "own.py").write_text(OWN_CODE)


def _admin(folder: Path, *command: str) -> str:
    program = [str(environment("roundup")), "-m", "roundup.scripts.roundup_admin", "-i", str(folder)]
    done = subprocess.run([*program, *command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"roundup-admin {' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout
