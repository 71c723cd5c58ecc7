"""Routes: the ways to the systems behind one family of tools, and which of them a call takes.

A provider's own settings are its route ``default``; others have names, and a tool's argument ``to`` says which one. The
effect's frozen arguments decide, so that whoever takes an effect over asks the same system. Built by ``app``, asked by
``act`` for each call and by the rule checker for what a rule says literally.
"""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from dutyd.core.errors import nearest
from dutyd.core.tool import UNPROMISED, NotSentError, Promise, Provider, RefusedError, Tool

DEFAULT_ROUTE: Final = "default"
NAME: Final = r"^[a-z][a-z0-9_-]*$"
"""What the name of a route is made of."""


def route_of(tool: Tool, to: object, names: AbstractSet[str]) -> str | None:
    """Return the route that a call of *tool* takes, None where there is no such route.

    Args:
        tool: the tool; one that takes addresses (``notify``) gives what is no name to the default route, and any name
            where there are no others: its provider may know it.
        to: its argument ``to``; None: it has none, or nobody gave it.
        names: the family's routes besides ``default``.

    """
    if to is None or to == DEFAULT_ROUTE:
        return DEFAULT_ROUTE
    if to in names:
        return str(to)
    is_address = tool.addresses and (not names or not re.fullmatch(NAME, str(to)))
    return DEFAULT_ROUTE if is_address else None


def no_route(tool: Tool, to: object, names: AbstractSet[str]) -> str:
    """Say that there is no route *to*, and which there are."""
    valid = (DEFAULT_ROUTE, *sorted(names))
    return f"there is no route '{to}' for {tool.family}{nearest(str(to), valid)} (there are {', '.join(valid)})"


@dataclass(frozen=True, slots=True)
class Routes:
    """The systems behind one family of tools.

    Attributes:
        default: where a call without ``to`` goes, and every question.
        named: the others.
        stands_in: whether ``default`` takes the place of every route: the embedded back office does, so that a rule
            can be tried before its routes exist.

    """

    default: Provider
    named: Mapping[str, Provider] = field(default_factory=dict)
    stands_in: bool = False

    def missing(self, tool: Tool, args: Mapping[str, Any]) -> str:
        """Return why a call of *tool* has nowhere to go; an empty text where it has somewhere."""
        found = self.pick(tool, args)
        if isinstance(found, NoRoute):
            return found.reason
        if tool.changes and found.promise_of(tool.makes) is None:
            return f"what is behind {tool.family} ({args.get('to') or DEFAULT_ROUTE}) makes no {tool.makes}"
        return ""

    def pick(self, tool: Tool, args: Mapping[str, Any]) -> Provider:
        """Return the system that a call of *tool* with *args* goes to; a ``NoRoute`` where there is none."""
        to = args.get("to")
        route = DEFAULT_ROUTE if self.stands_in else route_of(tool, to, self.named.keys())
        if route is None:
            return NoRoute(no_route(tool, to, self.named.keys()))
        return self.named.get(route, self.default)

    @property
    def all(self) -> Mapping[str, Provider]:
        """Every route by its name."""
        return {DEFAULT_ROUTE: self.default, **self.named}


@dataclass(frozen=True, slots=True)
class NoRoute:
    """What stands where there is no route: it refuses, and it can't say what became of what was sent on a former one.

    Attributes:
        reason: which name is unknown, and which there are.

    """

    reason: str

    def promise_of(self, kind: str) -> Promise:  # noqa: ARG002 - here and below: what the contract gives
        """Return the weakest: it may have been made on a former route, and nobody can be asked."""
        return UNPROMISED

    async def create(self, kind: str, key: str, body: Mapping[str, Any]) -> NoReturn:  # noqa: ARG002  # whatever it is, there is nowhere to go
        """Refuse."""
        raise RefusedError(self.reason)

    async def lookup(self, kind: str, key: str) -> NoReturn:  # noqa: ARG002  # whatever it is, there is nowhere to go
        """Say that it can't be told."""
        raise NotSentError(self.reason)

    async def read(self, kind: str, query: Mapping[str, Any]) -> NoReturn:  # noqa: ARG002  # whatever it is, there is nowhere to go
        """Refuse."""
        raise RefusedError(self.reason)

    async def check(self) -> NoReturn:
        """Refuse."""
        raise RefusedError(self.reason)

    async def close(self) -> None:
        """Do nothing."""
