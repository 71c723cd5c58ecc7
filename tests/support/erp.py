"""A real Tryton on SQLite: its database is made once a machine and copied for each server.

Making one takes half a minute, so that it is kept beside the packages in ``.cache``; ``servers/tryton_seed.py`` says
what is in it.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx2

from dutyd.core.tool import Provider
from dutyd.embedded.backoffice.door import Do, Fault
from dutyd.embedded.loopback import Loopback
from dutyd_tools.providers.tryton_api import packed
from support.broker import die_with_parent, free_port
from support.packages import CACHE, LOCKS, environment
from support.providers import TRYTON, Break, Proxy

START_SECONDS = 30.0
DATABASE = "shop"
MODULES = ("ir", "res", "purchase", "purchase_request", "stock_supply")
ORDER = {"sku": "SKU-1", "supplier": "ACME", "quantity": 24, "unit_price": 7.5, "location": "WH", "note": "runs out"}

GIVEN_UP: list[str] = []
"""Why no database could be made: that is not tried again in this process."""


class Erp:
    """A Tryton server of its own.

    Attributes:
        url: where it answers.
        key: a file that holds a key for REST.

    """

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="tryton-"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = self.directory / "key"
        self._config = _configure(self.directory, self.port)
        self._process: subprocess.Popen[bytes] | None = None
        for file in _template().iterdir():
            shutil.copy(file, self.directory)

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = self.directory / "server.log"
        command = [*_program("trytond.cli"), "-c", str(self._config), "-d", DATABASE]
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
                raise RuntimeError(f"Tryton did not start:\n{log.read_text()[-3000:]}")
            time.sleep(0.05)

    def ask(self, method: str, path: str, context: Mapping[str, Any] | None = None, **request: Any) -> httpx2.Response:
        """Send a request of a test's own to its REST protocol; ``domain`` is packed as it wants it."""
        headers = {"Authorization": f"Bearer {self.key.read_text()}"}
        if context is not None:
            headers["X-Tryton-Context"] = packed(context)
        if "domain" in request:
            request["params"] = {**request.get("params", {}), "d": packed(request.pop("domain"))}
        url = f"{self.url}/{DATABASE}/rest/model/{path}"
        return httpx2.request(method, url, headers=headers, timeout=30, **request)

    def rows(self, model: str, domain: list[Any], *fields: str) -> list[dict[str, Any]]:
        """Return the records of *model* in *domain*."""
        answer = self.ask("GET", model, {"company": 1}, domain=domain, params={"f": list(fields)})
        answer.raise_for_status()
        return list(answer.json())

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

    def _ready(self) -> bool:
        try:
            return self.ask("GET", "company.company").is_success
        except httpx2.TransportError:
            return False


class ErpSystem:
    """A Tryton behind a proxy, for the contract suite."""

    kind = TRYTON
    makes = "purchase_order"
    body: Mapping[str, Any] = ORDER
    other_body: Mapping[str, Any] = {**ORDER, "quantity": 12}
    wrong_body: Mapping[str, Any] | None = {**ORDER, "supplier": "title"}

    def __init__(self, erp: Erp, server: Loopback, proxy: Proxy) -> None:
        self.url = server.url
        self.erp = erp
        self._server = server
        self._proxy = proxy

    def settings(self, **more: Any) -> dict[str, Any]:
        """Return settings for it."""
        return {"url": self.url, "database": DATABASE, "token_file": str(self.erp.key), **more}

    def connect(self, timeout: float = 10.0) -> Provider:
        return self.kind.connect(self.settings(timeout=timeout))

    def made(self, key: str) -> int:
        return len(self.erp.rows("purchase.purchase", [["reference", "=", key]], "reference"))

    def total(self) -> int:
        return len(self.erp.rows("purchase.purchase", [], "reference"))

    def requests(self, key: str) -> int:
        return self._proxy.counts[key]

    def order(self, fault: Fault) -> None:
        """Play *fault* at the next request that it fits."""
        self._proxy.faults.order(fault)

    def break_next(self, how: Break) -> None:
        self.order(Fault(**how.at("/purchase")))

    def break_lookup(self) -> None:
        self.order(Fault(path="/purchase", method="GET", do=Do.FAIL, status=503))

    def mend(self) -> None:
        self._proxy.faults.forget()

    def stop(self) -> None:
        self._server.stop()


@contextmanager
def running_erp() -> Iterator[Erp]:
    """Start a new Tryton; end it and remove its data afterwards.

    Raises:
        UnavailableError: Tryton can't be had here.

    """
    erp = Erp()
    try:
        erp.start()
        yield erp
    finally:
        erp.remove()


StartErp = Callable[[], AbstractContextManager[Erp]]


@contextmanager
def erp_system(directory: Path) -> Iterator[ErpSystem]:
    """Put a proxy before a new Tryton. Raises UnavailableError where it can't be had."""
    with running_erp() as erp:
        proxy = Proxy(erp.url, directory, key_of=_key_in, place_of=_place_of)
        with Loopback(proxy) as server:
            yield ErpSystem(erp, server, proxy)


def _place_of(path: str) -> str:
    return "/purchase" if path.endswith("/purchase.purchase") else path


def _key_in(body: bytes) -> str:
    try:
        return str(json.loads(body).get("reference", ""))
    except (ValueError, AttributeError):
        return ""


def _template() -> Path:
    """Return a folder with a database and a key for it, made now unless an earlier run did."""
    seed = LOCKS / "tryton_seed.py"
    python = environment("tryton")
    digest = hashlib.sha256(seed.read_bytes() + str(python).encode()).hexdigest()[:12]
    place = CACHE / f"tryton-database-{digest}"
    with (CACHE / "tryton.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test processes: the second waits for the first one's
        if GIVEN_UP:
            raise RuntimeError(GIVEN_UP[0])
        if not place.is_dir():
            with tempfile.TemporaryDirectory(dir=CACHE) as fresh:
                _make(Path(fresh), seed).rename(place)
    return place


def _make(into: Path, seed: Path) -> Path:
    config = _configure(into, 8000)
    (into / f"{DATABASE}.sqlite").touch()
    password = into / "password"
    password.write_text("a-password-of-tests")
    admin = [*_program("trytond.cli.admin"), "-c", str(config), "-d", DATABASE, "--email", "admin@localhost"]
    _run([*admin, "-u", *MODULES, "--activate-dependencies"], TRYTONPASSFILE=str(password))
    _run([str(environment("tryton")), str(seed), str(config), DATABASE, str(into / "key")])
    made = into / "made"
    made.mkdir()
    for file in into.glob(f"{DATABASE}.sqlite*"):
        file.rename(made / file.name)
    (into / "key").rename(made / "key")
    return made


def _configure(folder: Path, port: int) -> Path:
    file = folder / "trytond.conf"
    file.write_text(f"[database]\nuri = sqlite://\npath = {folder}\n[web]\nlisten = 127.0.0.1:{port}\n")
    return file


def _program(module: str) -> list[str]:
    return [str(environment("tryton")), "-c", f"from {module} import main; main()"]


def _run(command: list[str], **variables: str) -> None:
    done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=False)
    if done.returncode:
        GIVEN_UP.append(f"{command}: {done.stdout[-1000:]}{done.stderr[-3000:]}")
        raise RuntimeError(GIVEN_UP[0])
