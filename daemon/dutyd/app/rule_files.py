"""The rule files of an evaluator: stored in Redis by digest before they are used, watched, never replaced by bad ones.

A start with wrong files goes on with the last good set that Redis knows, and says so. ``service`` starts it; the
evaluator's thread reads ``current`` between batches.
"""

import asyncio
import threading
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from dutyd.core.errors import NotReadyError
from dutyd.core.metrics import RULES_LOADED, RULES_REJECTED
from dutyd.core.rule import RuleSet
from dutyd.ledger.rule_sets import RuleSets
from dutyd.rules.book import Book
from dutyd.rules.known import Known
from dutyd.rules.load import load_folder
from dutyd.rules.problems import RuleErrors
from dutyd.rules.watch import Watcher

log = structlog.get_logger()


@dataclass(slots=True)
class RuleFiles:
    """The rule set that this process evaluates by."""

    folder: Path
    known: Known
    stored: RuleSets
    book: Book
    _current: RuleSet | None = None
    _stop: threading.Event = field(default_factory=threading.Event)

    def current(self) -> RuleSet:
        """Return the rule set; called from the evaluator's thread."""
        if self._current is None:
            raise RuntimeError("start() comes first")
        return self._current

    async def start(self) -> None:
        """Load the files, or the last good set where they are wrong.

        Raises:
            RuleErrors: they are wrong and Redis knows no good set.

        """
        try:
            await self._use(await asyncio.to_thread(load_folder, self.folder, self.known))
        except RuleErrors as errors:
            self._current = await self._last_good(errors)

    async def _last_good(self, errors: RuleErrors) -> RuleSet:
        RULES_REJECTED.inc()
        try:
            rules = await self.book.current()
        except NotReadyError:
            raise errors from None
        log.error(
            "the rule files are wrong: going on with the last good set", digest=rules.digest, problems=str(errors)
        )
        return rules

    async def watch(self) -> None:
        """Take changed files until ``stop``; a bad file keeps the last good set."""
        loop = asyncio.get_running_loop()

        def follow() -> None:
            for change in Watcher(self.folder, self.known).changes(self._stop):
                if isinstance(change, RuleErrors):
                    RULES_REJECTED.inc()
                    log.error("changed rule files are wrong: the last good set stays", problems=str(change))
                elif change.digest != self.current().digest:
                    asyncio.run_coroutine_threadsafe(self._use_when_stored(change), loop).result()

        await asyncio.to_thread(follow)

    def stop(self) -> None:
        """End ``watch``."""
        self._stop.set()

    async def _use_when_stored(self, rules: RuleSet) -> None:
        """Use *rules* once Redis took them; until then the set before stays."""
        while not self._stop.is_set():
            try:
                await self._use(rules)
            except NotReadyError as error:
                log.warning("changed rules wait for Redis", digest=rules.digest, error=str(error))
                await asyncio.sleep(error.retry_after or 1.0)
            else:
                return

    async def _use(self, rules: RuleSet) -> None:
        counter = await self.stored.store(rules.digest, dict(rules.files))
        self._current = rules
        RULES_LOADED.set_to_current_time()
        log.info("rules in use", digest=rules.digest, counter=counter, rules=len(rules.rules))
