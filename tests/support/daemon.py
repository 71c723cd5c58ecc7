"""The real daemon in processes that tests may kill, on the real servers, with a back office that survives."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from dutyd.embedded.backoffice import app
from dutyd.embedded.loopback import Loopback

FAMILIES = ("alerting", "ticketing", "purchasing", "stock", "notify", "metrics")
END_SECONDS = 120.0
TESTS = Path(__file__).parents[1]


@dataclass
class Installation:
    """One installation: a settings file, and the processes that a test started for it."""

    settings: Path
    office: str
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start ``dutyd run`` with *arguments*."""
        with (self.settings.parent / "daemon.log").open("ab") as log:
            command = [sys.executable, "-m", "dutyd", "run", "--settings", str(self.settings), *arguments]
            process = subprocess.Popen(command, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def mortal(self, plan: Mapping[str, object], *arguments: str) -> subprocess.Popen[bytes]:
        """Start ``dutyd`` with *arguments* in a process that dies, or stops, by *plan* (``support.crash.mortal``)."""
        with (self.settings.parent / "daemon.log").open("ab") as log:
            command = [sys.executable, "-m", "support.crash.mortal", json.dumps(plan), *arguments]
            found = {**os.environ, "PYTHONPATH": str(TESTS)}
            process = subprocess.Popen(command, stdout=log, stderr=log, env=found)
        self.processes.append(process)
        return process

    def die(self, plan: Mapping[str, object], *arguments: str) -> int:
        """Run ``dutyd`` with *arguments* until it dies by *plan*, or comes to its end; return its exit code."""
        return self.mortal(plan, *arguments).wait(END_SECONDS)

    def run_until_idle(self, seconds: str = "2s") -> None:
        """Run one process to the end of all work."""
        process = self.start("--until-idle", seconds)
        try:
            code = process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"not idle after {END_SECONDS:g} s:\n{self.log()}") from None
        assert code == 0, self.log()

    def command(self, *arguments: str) -> Any:
        """Run a command with ``--json`` and return what it said."""
        command = [sys.executable, "-m", "dutyd", *arguments, "--settings", str(self.settings), "--json"]
        return json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)

    def publish(self, alias: str, file: Path) -> None:
        """Publish *file* to the topic *alias*."""
        command = [sys.executable, "-m", "dutyd", "publish", "--settings", str(self.settings), "--topic", alias]
        subprocess.run([*command, str(file)], check=True, capture_output=True, timeout=120)

    def listed(self, path: str) -> list[dict[str, Any]]:
        """Return a list of the back office."""
        return list(httpx2.get(f"{self.office}{path}").json())

    def orders(self) -> Counter[str]:
        """Return how many purchase orders each SKU got, after a look for doubles."""
        keys = Counter(entry["key"] for entry in self.listed("/executions"))
        assert max(keys.values(), default=1) == 1, "the back office did something twice"
        return Counter(order["sku"] for order in self.listed("/purchase-orders"))

    def wait_for_work(self, effects: int = 5) -> None:
        """Wait until the back office has done so much more, or nothing more came for a while."""
        before, deadline = len(self.listed("/executions")), time.monotonic() + 20
        while len(self.listed("/executions")) < before + effects and time.monotonic() < deadline:
            time.sleep(0.01)

    def log(self) -> str:
        """Return the end of the processes' log."""
        return "\n".join((self.settings.parent / "daemon.log").read_text().splitlines()[-60:])


@contextmanager
def installation(
    folder: Path, name: str, rules: str, *, topics: Mapping[str, Any], kind: Any = "B", **settings: Any
) -> Iterator[Installation]:
    """Make an installation in *folder*, at providers of class *kind*; whatever still runs at the end is killed."""
    (folder / "rules").mkdir()
    (folder / "rules" / "rules.yaml").write_text(rules)
    with Loopback(app(folder / "backoffice.db")) as office:
        whole = {
            "installation": name,
            "rules": "rules",
            "topics": {alias: {"topic": f"{name}.{alias}", **about} for alias, about in topics.items()},
            # At class B and C the back office makes again whatever it is asked to make again, so that a double shows.
            "providers": {
                family: {"kind": "backoffice", "url": office.url, "class": kind, "timeout": 2} for family in FAMILIES
            },
            "worker": {"lease": "2s"},
            "kafka": {"session": "6s"},
            **settings,
        }
        file = folder / "dutyd.yaml"
        file.write_text(json.dumps(whole))
        made = Installation(file, office.url)
        try:
            yield made
        finally:
            for process in made.processes:
                process.kill()
                process.wait()
