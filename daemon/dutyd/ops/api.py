"""The HTTP API: what waits for people, and what they decide, behind bearer tokens.

Each token has a name, which decisions are written down with, and may ``view`` or ``decide``; only its SHA-256 is known
here. Decisions go through the same scripts as those of the command line, within the policy's approvers. ``app`` mounts
the routes beside the probes; they run in the server's thread and ask the ledger in the loop that owns it.
"""

import asyncio
import functools
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dutyd.act.amend import amend
from dutyd.core.errors import BadInputError, NotReadyError
from dutyd.core.incident import EffectState, Settled, Trigger
from dutyd.core.policy import Policy
from dutyd.core.tool import Catalogue
from dutyd.ledger import Ledger
from dutyd.ledger.decisions import Decided

T = TypeVar("T")
Row = dict[str, Any]

PATIENCE = 5.0
"""Seconds that the ledger may take."""

MOST_BODY = 64 * 1024
MOST_ROWS = 200


class May(StrEnum):
    """What a token allows."""

    VIEW = "view"
    DECIDE = "decide"


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token: who it is, what it allows, and the SHA-256 of it, hex."""

    name: str
    may: May
    sha256: str


class RefusalError(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status


@dataclass(frozen=True, slots=True)
class Api:
    """The API of one process.

    Attributes:
        ask: runs a question to the ledger in the loop that owns it.
        now: seconds since the epoch.

    """

    ledger: Ledger
    policy: Policy
    catalogue: Catalogue
    tokens: tuple[Token, ...]
    ask: Callable[[Coroutine[Any, Any, Any]], "Future[Any]"]
    now: Callable[[], float]

    def routes(self) -> list[Route]:
        """Return the routes below ``/api``."""
        view, decide = May.VIEW, May.DECIDE
        table: tuple[tuple[str, str, May, Callable[[Request, Token], Awaitable[Any]]], ...] = (
            ("GET", "/api/incidents", view, self._incidents),
            ("GET", "/api/incidents/{incident}", view, self._incident),
            ("POST", "/api/incidents/{incident}/{did}", decide, self._handle),
            ("GET", "/api/effects", view, self._effects),
            ("POST", "/api/effects/{key:path}", decide, self._settle),
            ("GET", "/api/approvals", view, self._approvals),
            ("POST", "/api/approvals/{key:path}", decide, self._decide),
        )
        return [Route(path, self._guarded(may, answer), methods=[method]) for method, path, may, answer in table]

    def _guarded(
        self, may: May, answer: Callable[[Request, Token], Awaitable[Any]]
    ) -> Callable[[Request], Awaitable[Response]]:
        @functools.wraps(answer)
        async def respond(request: Request) -> Response:
            try:
                return JSONResponse(await answer(request, self._token(request, may)))
            except RefusalError as refusal:
                headers = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else {}
                return JSONResponse({"error": str(refusal)}, refusal.status, headers)
            except BadInputError as error:
                return JSONResponse({"error": str(error)}, 422)
            except (NotReadyError, TimeoutError) as error:
                return JSONResponse({"error": str(error) or "the ledger does not answer"}, 503, {"Retry-After": "5"})

        return respond

    def _token(self, request: Request, may: May) -> Token:
        """Return whose token the request brings; every token is compared, so that time tells nothing."""
        kind, _, said = request.headers.get("authorization", "").partition(" ")
        digest = hashlib.sha256(said.strip().encode()).hexdigest()
        fitting = [token for token in self.tokens if hmac.compare_digest(token.sha256, digest)]
        if kind.lower() != "bearer" or not fitting:
            raise RefusalError(401, "send a token of the settings: Authorization: Bearer TOKEN")
        if may is May.DECIDE and fitting[0].may is not May.DECIDE:
            raise RefusalError(403, f"the token of {fitting[0].name} may only view")
        return fitting[0]

    async def _ledger(self, question: Coroutine[Any, Any, T]) -> T:
        answered: T = await asyncio.wait_for(asyncio.wrap_future(self.ask(question)), PATIENCE)
        return answered

    async def _incidents(self, request: Request, _: Token) -> list[Row]:
        return await self._ledger(self.ledger.queries.incidents(_limit(request)))

    async def _incident(self, request: Request, _: Token) -> Row:
        return await self._whole(request.path_params["incident"])

    async def _whole(self, incident: str) -> Row:
        if incident not in await self._ledger(self.ledger.queries.named(incident)):
            raise RefusalError(404, f"there is no incident '{incident}'")
        return await self._ledger(self.ledger.queries.whole(incident))

    async def _handle(self, request: Request, token: Token) -> Row:
        row, because = await self._whole(request.path_params["incident"]), _text(await _body(request), "because")
        trigger, decisions = msgspec.convert(row["trigger"], Trigger), self.ledger.decisions
        actions = {
            "note": lambda: decisions.note(trigger.incident, token.name, because),
            "ack": lambda: decisions.acknowledge(trigger.incident, token.name, because),
            "close": lambda: decisions.close(trigger, token.name, because, self.now()),
        }
        if (action := actions.get(request.path_params["did"])) is None:
            raise RefusalError(404, f"an incident can be handled by {', '.join(actions)}")
        _decided(await self._ledger(action()), row["state"])
        return {"id": row["id"], "done": request.path_params["did"], "by": token.name}

    async def _effects(self, request: Request, _: Token) -> list[Row]:
        said = request.query_params.get("state", "").upper()
        if said and said not in set(EffectState):
            raise RefusalError(422, f"state is one of {', '.join(EffectState)}")
        rows = await self._ledger(self.ledger.queries.effects(EffectState(said) if said else None))
        if "breaches" in request.query_params:
            rows = [row for row in rows if row["breach"]]
        return rows[: _limit(request)]

    async def _approvals(self, request: Request, _: Token) -> list[Row]:
        return (await self._ledger(self.ledger.queries.approvals()))[: _limit(request)]

    async def _decide(self, request: Request, token: Token) -> Row:
        """Approve, deny or edit the call that was shown: the body brings its hash."""
        body, key = await _body(request), request.path_params["key"]
        row = next((row for row in await self._ledger(self.ledger.queries.approvals()) if row["key"] == key), None)
        if row is None:
            raise await self._nothing_waits(key)
        self._refuse_stranger(token, row["tool"])
        shown, did, why = _text(body, "hash"), _text(body, "decision"), str(body.get("why", ""))
        decisions = self.ledger.decisions
        if did == "edit":
            changes = body.get("set")
            if not isinstance(changes, Mapping):
                raise RefusalError(422, "edit needs 'set': arguments and their new values")
            new = amend(self.catalogue[row["tool"]], row["args"], changes, self.policy)
            _decided(await self._ledger(decisions.edit(key, shown, new, token.name, why)), row["state"])
            return {"key": key, "done": did, "by": token.name, "args": dict(new.args), "hash": new.hash}
        if did not in {"approve", "deny"}:
            raise RefusalError(422, "'decision' is approve, deny or edit")
        decide = decisions.approve if did == "approve" else decisions.deny
        _decided(await self._ledger(decide(key, shown, token.name, why)), row["state"])
        return {"key": key, "done": did, "by": token.name}

    async def _nothing_waits(self, key: str) -> RefusalError:
        """Return why no call *key* can be decided: it was, or there is none."""
        effect = await self._ledger(self.ledger.queries.effect(key))
        if effect is None:
            return RefusalError(404, f"no call '{key}' waits for approval")
        return RefusalError(409, f"too late: it waits for nobody (it is {effect['state']})")

    async def _settle(self, request: Request, token: Token) -> Row:
        """Say what a parked effect was."""
        body, key = await _body(request), request.path_params["key"]
        row = await self._ledger(self.ledger.queries.effect(key))
        if row is None:
            raise RefusalError(404, f"there is no effect '{key}'")
        self._refuse_stranger(token, row["tool"])
        did, because = _text(body, "decision"), _text(body, "because")
        if did not in set(Settled):
            raise RefusalError(422, f"'decision' is one of {', '.join(Settled)}")
        receipt = _text(body, "receipt") if did == Settled.DONE else ""
        settling = self.ledger.decisions.settle(key, Settled(did), token.name, because, receipt)
        decided = await self._ledger(settling)
        if decided is Decided.CLEARED:
            raise RefusalError(
                409, f"its incident is over: it would not be sent; say {Settled.DONE} or {Settled.NOT_DONE}"
            )
        _decided(decided, row["state"])
        return {"key": key, "done": did, "by": token.name}

    def _refuse_stranger(self, token: Token, tool: str) -> None:
        named = self.policy.deciders(tool)
        if named is not None and token.name not in named:
            raise RefusalError(403, f"{token.name} may not decide {tool} calls")


def _decided(decided: Decided, state: str) -> None:
    """Refuse where the decision came too late."""
    if decided is Decided.CHANGED:
        raise RefusalError(409, "the call is not the one with this hash: look at it again")
    if decided.over:
        raise RefusalError(
            409, f"with it the day would spend more than the policy's {decided.over}; it waits as it was"
        )
    if decided is not Decided.DONE:
        raise RefusalError(409, f"too late: somebody or something was faster (it was {state})")


def _limit(request: Request) -> int:
    said = request.query_params.get("limit", str(MOST_ROWS))
    if not said.isascii() or not said.isdigit() or not 1 <= int(said) <= MOST_ROWS:
        raise RefusalError(422, f"limit is a number from 1 to {MOST_ROWS}")
    return int(said)


async def _body(request: Request) -> Mapping[str, Any]:
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > MOST_BODY:
            raise RefusalError(413, f"at most {MOST_BODY} bytes")
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RefusalError(400, f"the body is no JSON: {error}") from None
    if not isinstance(body, dict):
        raise RefusalError(400, "the body is a JSON object")
    return body


def _text(body: Mapping[str, Any], name: str) -> str:
    found = body.get(name)
    if not isinstance(found, str) or not found.strip():
        raise RefusalError(422, f"'{name}' is missing: a text")
    return found
