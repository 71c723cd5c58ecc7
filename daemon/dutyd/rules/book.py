"""The rule book: what the worker reads rules from. Rule sets out of Redis by digest, compiled once.

*Current* is what Redis says, asked at most once a second; a digest that this Redis does not know means that the world
is not ready (the set is stored before it is used, so it is on its way or lost). Topics and policy were checked before
a set was stored: a ceiling that came down since is the gateway's business, no reason to lose sight of open incidents.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from dutyd.core.errors import NotReadyError
from dutyd.core.rule import RuleSet
from dutyd.core.tool import Catalogue
from dutyd.ledger.rule_sets import RuleSets
from dutyd.rules.known import Known
from dutyd.rules.load import load_files
from dutyd.rules.problems import RuleErrors

FRESH_SECONDS = 1.0
KEPT = 20
"""Compiled sets that are kept: the ones that open incidents were accepted with are few."""


@dataclass(slots=True)
class Book:
    """Rule sets by digest, for one process."""

    stored: RuleSets
    catalogue: Catalogue
    clock: Callable[[], float] = time.monotonic
    _compiled: dict[str, RuleSet] = field(default_factory=dict)
    _current: str = ""
    _asked: float = float("-inf")

    async def current(self) -> RuleSet:
        """Return the current rule set.

        Raises:
            NotReadyError: none was stored yet, or Redis does not answer.

        """
        if self.clock() - self._asked > FRESH_SECONDS:
            self._current = await self.stored.current()
            self._asked = self.clock()
        if not self._current:
            raise NotReadyError("no rule set is stored yet: an evaluator stores it when it starts")
        return await self.by_digest(self._current)

    async def by_digest(self, digest: str) -> RuleSet:
        """Return the rule set of *digest*.

        Raises:
            NotReadyError: this Redis does not know it, or this dutyd can't read it (a tool is missing here).

        """
        if digest not in self._compiled:
            files = await self.stored.load(digest)
            if files is None:
                raise NotReadyError(f"rule set {digest} is not in Redis (yet)", retry_after=1.0)
            try:
                compiled = await asyncio.to_thread(load_files, files, Known(self.catalogue))
            except RuleErrors as errors:
                raise NotReadyError(f"this dutyd can't read rule set {digest}: {errors}", retry_after=5.0) from errors
            while len(self._compiled) >= KEPT:
                self._compiled.pop(next(iter(self._compiled)))
            self._compiled[digest] = compiled
        return self._compiled[digest]
