"""A real Roundup tracker: installed once a machine, copied for each test that wants one of its own.

It is prepared as docs/provider-tickets.md says: issues have the key ``dutyd_key``, which people's own get by
themselves; the account ``dutyd`` has the role User and no more.
"""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx2

from dutyd.core.tool import Provider
from dutyd.embedded.loopback import Loopback
from support.made_once import made_once
from support.packages import LOCKS, environment
from support.providers import ROUNDUP, TICKET
from support.proxied import ProxiedSystem, Proxy, member
from support.server import Server, running

ACCOUNT = "dutyd"
PASSWORD = "tracker-password"  # of a server that nobody else reaches
PAGE = Path(__file__).parents[2] / "docs" / "provider-tickets.md"
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


class Tracker(Server):
    """A Roundup server of its own; *url*: the address that people reach it by, a proxy's; its own if empty.

    Attributes:
        origin: what its settings say it is reached by.
        secret: a file that holds the account's password.

    """

    def __init__(self, url: str = "") -> None:
        template = _template()
        super().__init__("roundup")
        self.origin = url or self.url
        self.secret = self.directory / "password"
        self.secret.write_text(PASSWORD)
        self._folder = self.directory / "tracker"
        shutil.copytree(template, self._folder)
        self.configure("web", f"{self.origin}/")

    def configure(self, name: str, value: str) -> None:
        """Write a setting of config.ini; it counts from the next start."""
        file = self._folder / "config.ini"
        file.write_text(_with(file.read_text(), name, value))

    def admin(self, *command: str) -> str:
        """Do as an administrator does with roundup-admin."""
        return _admin(self._folder, *command)

    def items(self, of: str, **query: str) -> list[dict[str, Any]]:
        """Return the items of the class *of*, as the tracker itself tells."""
        return list(self._asked("GET", of, params=query)["collection"])

    def post(self, to: str, **properties: str) -> str:
        """Make an item of the class *to*; return its id."""
        return str(self._asked("POST", to, json=properties)["id"])

    def _asked(self, method: str, of: str, **request: Any) -> dict[str, Any]:
        headers = {"Origin": self.origin, "X-Requested-With": "tests"}
        login = (ACCOUNT, PASSWORD)
        answer = httpx2.request(
            method, f"{self.url}/rest/data/{of}", headers=headers, auth=login, timeout=30, **request
        )
        answer.raise_for_status()
        return dict(answer.json()["data"])

    def _command(self) -> list[str]:
        return [str(environment("roundup")), str(LOCKS / "roundup_server.py"), str(self._folder), str(self.port)]

    def _ready(self) -> bool:
        return bool(httpx2.get(f"{self.url}/rest/").status_code)


class TrackerSystem(ProxiedSystem):
    """A tracker behind a proxy, for the contract suite."""

    kind = ROUNDUP
    makes = "ticket"
    body: Mapping[str, Any] = TICKET
    other_body: Mapping[str, Any] = {**TICKET, "title": "Other"}
    wrong_body: Mapping[str, Any] | None = {**TICKET, "priority": "title"}

    def __init__(self, tracker: Tracker, server: Loopback, proxy: Proxy) -> None:
        super().__init__(server, proxy)
        self.tracker = tracker

    def settings(self, **more: Any) -> dict[str, Any]:
        """Return settings for it."""
        return {"url": self.url, "username": ACCOUNT, "password_file": str(self.tracker.secret), **more}

    def connect(self, timeout: float = 10.0) -> Provider:
        return self.kind.connect(self.settings(timeout=timeout))

    def made(self, key: str) -> int:
        return len(self.tracker.items("issue", **{"dutyd_key:": key}))

    def total(self) -> int:
        return len(self.tracker.items("issue"))


@contextmanager
def running_tracker(url: str = "", **configured: str) -> Iterator[Tracker]:
    """Start a new tracker; end it and remove its data afterwards.

    Raises:
        UnavailableError: Roundup can't be had here.

    """
    tracker = Tracker(url)
    for name, value in configured.items():
        tracker.configure(name, value)
    with running(tracker):
        yield tracker


StartTracker = Callable[..., AbstractContextManager[Tracker]]


@contextmanager
def tracker_system(directory: Path) -> Iterator[TrackerSystem]:
    """Put a proxy before a new tracker. Raises UnavailableError where Roundup can't be had."""
    environment("roundup")
    proxy = Proxy("", directory, key_of=member("dutyd_key"), place_of=lambda path: f"/{path.rpartition('/')[2]}")
    with Loopback(proxy) as server, running_tracker(server.url) as tracker:
        proxy.target = tracker.url
        yield TrackerSystem(tracker, server, proxy)


def _template() -> Path:
    """Return a tracker that is ready but for its address."""
    source = PAGE.read_bytes() + Path(__file__).read_bytes() + str(environment("roundup")).encode()
    return made_once("roundup-tracker", source, _make)


def _make(folder: Path) -> None:
    _admin(folder, "install", "classic", "sqlite")
    _prepare(folder)
    config = folder / "config.ini"
    text = config.read_text()
    told = {"web": "http://127.0.0.1/", "domain": "localhost", "host": "127.0.0.1"}
    # Every request brings the password, and a safe hash of it takes a quarter of a second.
    for name, value in {**told, "password_pbkdf2_default_rounds": "1000"}.items():
        text = _with(text, name, value)
    mail = text.index("[mail]")
    config.write_text(text[:mail] + text[mail:].replace("\ndebug = \n", "\ndebug = mail.log\n", 1))
    _admin(folder, "initialise", PASSWORD)
    account = (f"username={ACCOUNT}", f"password={PASSWORD}", "roles=User", "address=dutyd@localhost")
    _admin(folder, "create", "user", *account)


def _with(config: str, name: str, value: str) -> str:
    return re.sub(rf"(?m)^#?{name} = .*$", f"{name} = {value}", config, count=1)


def _prepare(folder: Path) -> None:
    """Do with a new tracker what docs/provider-tickets.md says."""
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
