"""A real Tryton on SQLite: its database is made once a machine and copied for each server.

Making one takes half a minute, so that it is kept beside the packages in ``.cache``; ``servers/tryton_seed.py`` says
what is in it.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx2

from dutyd.core.tool import Provider
from dutyd.embedded.loopback import Loopback
from dutyd_tools.providers.tryton_api import packed
from support.made_once import made_once
from support.packages import LOCKS, environment
from support.providers import TRYTON
from support.proxied import ProxiedSystem, Proxy, member
from support.server import Server, running

DATABASE = "shop"
MODULES = ("ir", "res", "purchase", "purchase_request", "stock_supply")
ORDER = {"sku": "SKU-1", "supplier": "ACME", "quantity": 24, "unit_price": 7.5, "location": "WH", "note": "runs out"}
SEED = LOCKS / "tryton_seed.py"


class Erp(Server):
    """A Tryton server of its own.

    Attributes:
        key: a file that holds a key for REST.

    """

    def __init__(self) -> None:
        template = _template()
        super().__init__("tryton")
        self.key = self.directory / "key"
        self._config = _configure(self.directory, self.port)
        shutil.copytree(template, self.directory, dirs_exist_ok=True)

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

    def _command(self) -> list[str]:
        return [*_program("trytond.cli"), "-c", str(self._config), "-d", DATABASE]

    def _ready(self) -> bool:
        return self.ask("GET", "company.company").is_success


class ErpSystem(ProxiedSystem):
    """A Tryton behind a proxy, for the contract suite."""

    kind = TRYTON
    makes = "purchase_order"
    body: Mapping[str, Any] = ORDER
    other_body: Mapping[str, Any] = {**ORDER, "quantity": 12}
    wrong_body: Mapping[str, Any] | None = {**ORDER, "supplier": "title"}

    def __init__(self, erp: Erp, server: Loopback, proxy: Proxy) -> None:
        super().__init__(server, proxy)
        self.erp = erp

    def settings(self, **more: Any) -> dict[str, Any]:
        """Return settings for it."""
        return {"url": self.url, "database": DATABASE, "token_file": str(self.erp.key), **more}

    def connect(self, timeout: float = 10.0) -> Provider:
        return self.kind.connect(self.settings(timeout=timeout))

    def made(self, key: str) -> int:
        return len(self.erp.rows("purchase.purchase", [["reference", "=", key]], "reference"))

    def total(self) -> int:
        return len(self.erp.rows("purchase.purchase", [], "reference"))


@contextmanager
def running_erp() -> Iterator[Erp]:
    """Start a new Tryton; end it and remove its data afterwards.

    Raises:
        UnavailableError: Tryton can't be had here.

    """
    with running(Erp()) as erp:
        yield erp


StartErp = Callable[[], AbstractContextManager[Erp]]


@contextmanager
def erp_system(directory: Path) -> Iterator[ErpSystem]:
    """Put a proxy before a new Tryton. Raises UnavailableError where it can't be had."""
    with running_erp() as erp:
        proxy = Proxy(erp.url, directory, key_of=member("reference"), place_of=_place_of)
        with Loopback(proxy) as server:
            yield ErpSystem(erp, server, proxy)


def _place_of(path: str) -> str:
    return "/purchase" if path.endswith("/purchase.purchase") else path


def _template() -> Path:
    """Return a folder with a database and a key for it."""
    return made_once("tryton-database", SEED.read_bytes() + str(environment("tryton")).encode(), _make)


def _make(into: Path) -> None:
    config, password = _configure(into, 8000), into / "password"
    (into / f"{DATABASE}.sqlite").touch()
    password.write_text("a-password-of-tests")
    admin = [*_program("trytond.cli.admin"), "-c", str(config), "-d", DATABASE, "--email", "admin@localhost"]
    _run([*admin, "-u", *MODULES, "--activate-dependencies"], TRYTONPASSFILE=str(password))
    _run([str(environment("tryton")), str(SEED), str(config), DATABASE, str(into / "key")])
    for file in (config, password):  # they belong to this folder alone
        file.unlink()


def _configure(folder: Path, port: int) -> Path:
    file = folder / "trytond.conf"
    file.write_text(f"[database]\nuri = sqlite://\npath = {folder}\n[web]\nlisten = 127.0.0.1:{port}\n")
    return file


def _program(module: str) -> list[str]:
    return [str(environment("tryton")), "-c", f"from {module} import main; main()"]


def _run(command: list[str], **variables: str) -> None:
    done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stdout[-1000:]}{done.stderr[-3000:]}")
