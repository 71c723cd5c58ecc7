"""What the back office answers, by subject: entries and their keys, data for reads, faults.

Each function takes the part that knows and returns the routes over it; ``server`` puts them together. Wrong requests
end as ``HTTPException`` with words that say what was expected.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dutyd.embedded.backoffice.data import Data, Demand, Sample, Stock
from dutyd.embedded.backoffice.door import Fault, Faults, provider_class
from dutyd.embedded.backoffice.entries import Answer, Entries, EntryRefusedError
from dutyd.embedded.backoffice.kinds import KINDS, Kind

LONGEST_KEY = 255

Row = TypeVar("Row", bound=BaseModel)
Endpoint = Callable[[Request], Awaitable[Response]]


def entry_routes(entries: Entries) -> list[Route]:
    """Return the routes that make, list and find entries."""

    def find(request: Request) -> Response:
        if provider_class(request) == "C":
            raise HTTPException(404, "this provider can't be searched for keys")
        if (found := entries.find(request.path_params["key"])) is None:
            raise HTTPException(404, "nothing was made under this key")
        return JSONResponse(found)

    routes = [
        Route("/effects/{key}", find),
        _list("/executions", lambda _: entries.executions()),
        _list("/requests", lambda _: entries.requests()),
    ]
    for kind in KINDS.values():
        routes.append(_list(f"/{kind.path}", _filtered(entries, kind)))
        routes.append(Route(f"/{kind.path}", _make(entries, kind), methods=["POST"]))
    return routes


def data_routes(data: Data) -> list[Route]:
    """Return the routes that take and answer local data."""

    def samples(request: Request) -> list[dict[str, Any]]:
        query = request.query_params
        try:
            labels = TypeAdapter(dict[str, str]).validate_json(query.get("labels", "{}"))
            minutes = float(query["minutes"]) if "minutes" in query else None
        except ValueError as error:
            raise HTTPException(
                422, f"expected a JSON object of texts as labels, a number of minutes: {error}"
            ) from error
        return data.samples(query.get("metric"), labels, minutes)

    return [
        _list("/stock", lambda request: data.stock(*map(request.query_params.get, ("sku", "location")))),
        _list("/demand", lambda request: data.demand(request.query_params.get("sku"))),
        _list("/samples", samples),
        _take("/stock", Stock, data.put_stock),
        _take("/demand", Demand, data.put_demand),
        _take("/samples", Sample, data.put_samples),
    ]


def fault_routes(faults: Faults) -> list[Route]:
    """Return the routes that order, list and forget faults."""

    async def serve(request: Request) -> Response:
        if request.method == "POST":
            for fault in _validated(Fault, await _json(request)):
                faults.order(fault)
        elif request.method == "DELETE":
            faults.forget()
        return JSONResponse([fault.model_dump(mode="json") for fault in faults.left()])

    return [Route("/faults", serve, methods=["GET", "POST", "DELETE"])]


def _list(path: str, rows: Callable[[Request], list[dict[str, Any]]]) -> Route:
    def serve(request: Request) -> Response:  # not async: the server runs it in a thread
        return JSONResponse(rows(request))

    return Route(path, serve, methods=["GET"])


def _take(path: str, model: type[Row], put: Callable[[list[Row]], None]) -> Route:
    async def serve(request: Request) -> Response:
        rows = _validated(model, await _json(request))
        await run_in_threadpool(put, rows)
        return JSONResponse({"taken": len(rows)})

    return Route(path, serve, methods=["POST"])


def _filtered(entries: Entries, kind: Kind) -> Callable[[Request], list[Answer]]:
    def rows(request: Request) -> list[Answer]:
        words = request.query_params.get("query", "").casefold().split()
        project = request.query_params.get("project")
        return [
            entry
            for entry in entries.all(kind)
            if project in (None, entry.get("project")) and _holds(entry.values(), words)
        ]

    return rows


def _holds(values: Iterable[object], words: list[str]) -> bool:
    text = " ".join(value for value in values if isinstance(value, str)).casefold()
    return all(word in text for word in words)


def _make(entries: Entries, kind: Kind) -> Endpoint:
    async def serve(request: Request) -> Response:
        body = await _json(request)
        if not isinstance(body, dict):
            raise HTTPException(422, f"{kind.path}: expected a JSON object")
        key = request.headers.get("idempotency-key")
        if key is not None and not 0 < len(key) <= LONGEST_KEY:
            raise HTTPException(400, f"expected an Idempotency-Key of 1 to {LONGEST_KEY} characters")
        once = provider_class(request) == "A"
        try:
            made = await run_in_threadpool(entries.make, kind, key, body, once=once)
        except EntryRefusedError as error:
            raise HTTPException(error.status, str(error)) from error
        return JSONResponse(made.answer, 201 if made.now else 200)

    return serve


async def _json(request: Request) -> object:
    try:
        told: object = msgspec.json.decode(await request.body())
    except (msgspec.DecodeError, RecursionError) as error:
        raise HTTPException(400, f"expected JSON: {error}") from error
    return told


def _validated(model: type[Row], told: object) -> list[Row]:
    rows = told if isinstance(told, list) else [told]
    try:
        return [model.model_validate(row) for row in rows]
    except ValidationError as error:
        raise HTTPException(422, str(error)) from error
