"""The rule files of an evaluator: stored in Redis by digest before they are used, watched, never replaced by bad ones.

A start with wrong files goes on with the last good set that Redis knows, and says so. ``service`` starts it; the
evaluator's thread reads ``current`` between batches.
"""

import asyncio
import contextlib
import hashlib
import threading
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from dutyd.core.errors import NotReadyError
from dutyd.core.metrics import RULES_GOOD, RULES_LOADED, RULES_REJECTED
from dutyd.core.rule import RuleSet
from dutyd.core.secrets import cut
from dutyd.ledger.rule_sets import RuleSets
from dutyd.ops.notices import Notice, Notices
from dutyd.ops.series import begin_rules
from dutyd.rules.book import Book
from dutyd.rules.known import Known
from dutyd.rules.lints.pricing import daily, of_all
from dutyd.rules.load import load_folder
from dutyd.rules.problems import RuleErrors
from dutyd.rules.watch import Watcher

KEPT_SECONDS = 1.0
"""How often Redis is asked whether it still has the set in use."""

log = structlog.get_logger()

NOTICE_TEXT = 1_500
"""Characters of the mistakes that a notice repeats."""


@dataclass(slots=True)
class RuleFiles:
    """The rule set that this process evaluates by."""

    folder: Path
    known: Known
    stored: RuleSets
    book: Book
    notices: Notices
    _current: RuleSet | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _taking: asyncio.Lock = field(default_factory=asyncio.Lock)  # one set after the other: the last one stays

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
        RULES_GOOD.set(0)
        try:
            rules = await self.book.current()
        except NotReadyError:
            raise errors from None
        begin_rules(rules.rules)
        log.error(
            "the rule files are wrong: going on with the last good set", digest=rules.digest, problems=str(errors)
        )
        return rules

    async def watch(self) -> None:
        """Take changed files until ``stop``; a bad file keeps the last good set."""
        loop = asyncio.get_running_loop()

        def follow() -> None:
            wrong = False
            for change in Watcher(self.folder, self.known).changes(self._stop):
                if isinstance(change, RuleErrors):
                    asyncio.run_coroutine_threadsafe(self._refuse(change), loop).result()
                elif change.digest != self.current().digest:
                    asyncio.run_coroutine_threadsafe(self._use_when_stored(change), loop).result()
                else:
                    RULES_GOOD.set(1)
                    if wrong:
                        log.info("the rule files are right again: they are as they were", digest=change.digest)
                wrong = isinstance(change, RuleErrors)

        await asyncio.gather(asyncio.to_thread(follow), self._keep_stored())

    async def _keep_stored(self) -> None:
        """Store the set in use again where Redis lost it: triggers name it, and workers need it."""
        while not self._stop.is_set():
            await asyncio.sleep(KEPT_SECONDS)
            try:
                async with self._taking:
                    if not await self.stored.knows(self.current().digest):
                        log.warning("Redis lost the rule set in use: storing it again")
                        await self._use(self.current())
            except NotReadyError:
                continue  # said elsewhere

    def stop(self) -> None:
        """End ``watch``."""
        self._stop.set()

    async def _refuse(self, errors: RuleErrors) -> None:
        """Say that changed files are wrong, to people once for each mistake that is made."""
        RULES_REJECTED.inc()
        RULES_GOOD.set(0)
        problems = str(errors)
        log.error("changed rule files are wrong: the last good set stays", problems=problems)
        text = f"the rule files are wrong, the last good ones stay in use; `dutyd rules check` shows all: {problems}"
        with contextlib.suppress(NotReadyError):  # the log has it
            thing = hashlib.sha256(problems.encode()).hexdigest()
            await self.notices.tell([Notice("rules", thing, cut(text, NOTICE_TEXT))])

    async def _use_when_stored(self, rules: RuleSet) -> None:
        """Use *rules* once Redis took them; until then the set before stays."""
        while not self._stop.is_set():
            try:
                async with self._taking:
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
        RULES_GOOD.set(1)
        begin_rules(rules.rules)
        log.info("rules in use", digest=rules.digest, counter=counter, rules=len(rules.rules))
        self._say_costs(rules)

    def _say_costs(self, rules: RuleSet) -> None:
        """Say in one line what all rules may cost in a day, and for which of them nothing bounds it."""
        costs = {rule.id: daily(rule, self.known) for rule in rules.rules.values()}
        if any(cost.asks or cost.orders for cost in costs.values()):
            log.info("worst case of a day", **of_all(costs, self.known))
