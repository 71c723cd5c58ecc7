"""The back office as a web application: JSON for programs, one page for people.

Requests come in through the ``door``; entries and data are in SQLite. Kinds (``/tickets``, ``/purchase-orders``, ...)
are made by POST with an ``Idempotency-Key`` and listed by GET; ``/effects/KEY`` finds what was made under a key;
``/stock``, ``/demand`` and ``/samples`` take rows and answer reads; ``/faults`` orders faults; ``/executions`` and
``/requests`` are for proving that nothing happened twice.

A caller can have it play a weaker provider with the header ``X-Provider-Class``: ``A`` (the default) recognises keys
and can be searched for them, ``B`` can only be searched, ``C`` can do neither.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

from dutyd.embedded.backoffice.data import Data
from dutyd.embedded.backoffice.database import Database
from dutyd.embedded.backoffice.door import Door, Faults
from dutyd.embedded.backoffice.entries import Entries
from dutyd.embedded.backoffice.kinds import KINDS
from dutyd.embedded.backoffice.page import HEADERS, Table, render
from dutyd.embedded.backoffice.routes import data_routes, entry_routes, fault_routes
from dutyd.embedded.loopback import Loopback


def serve(port: int, db: Path) -> None:
    """Serve the database *db* on *port* of 127.0.0.1 (0: a free one) until SIGTERM or SIGINT.

    Raises:
        SettingsError: the port or the file can't be used.

    """
    server = Loopback(app(db), port)
    structlog.get_logger().info("back office listens", url=server.url, db=str(db))
    server.run()


def app(db: Path) -> Starlette:
    """Return the application over the SQLite file *db*.

    Raises:
        SettingsError: the file can't be used.

    """
    database = Database(db)
    entries, data, faults = Entries(database), Data(database), Faults()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        database.close()

    def page(_: Request) -> HTMLResponse:
        return HTMLResponse(render(_tables(entries, data)), headers=HEADERS)

    return Starlette(
        routes=[Route("/", page), *entry_routes(entries), *data_routes(data), *fault_routes(faults)],
        lifespan=lifespan,
        exception_handlers={HTTPException: _told},
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"]),
            Middleware(Door, faults=faults, entries=entries),
        ],
    )


def _tables(entries: Entries, data: Data) -> list[Table]:
    made = [Table(kind.path, entries.all(kind)) for kind in KINDS.values()]
    known = [Table("stock", data.stock()), Table("demand", data.demand()), Table("samples", data.samples())]
    return [*made, *known, Table("executions", entries.executions())]


def _told(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)
