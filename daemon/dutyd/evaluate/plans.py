"""The rules in force, made ready for the engine; a changed rule set is planned beside the loop, not in it.

``path`` asks ``take`` once a turn. Planning ten thousand rules takes seconds; a thread of its own does it while events
are still judged by the rules before, and the next turn after it ended takes the new ones.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import structlog

from dutyd.core.rule import RuleSet
from dutyd.core.topic import Topic
from dutyd.evaluate.by_key import Route, channel, routed, routes
from dutyd.evaluate.engine import Plan, plan

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Planned:
    """A rule set as the engine takes it: its digest, which triggers name, the plan, and what topics carry by key."""

    digest: str
    plan: Plan
    routes: Mapping[str, tuple[Route, ...]] = field(default_factory=dict)


class Plans:
    """Watches a holder of rule sets for one that is not in force yet.

    Args:
        rules: returns the newest good rule set; asked once a turn, so it must be quick.
        topics: the source topics by alias.

    """

    def __init__(self, rules: Callable[[], RuleSet], topics: Mapping[str, Topic]) -> None:
        self._rules = rules
        self._topics = topics
        first = rules()
        self._current = self._planned(first)
        self._asked = first.digest
        self._next: Future[Planned] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="plan")

    def take(self) -> Planned:
        """Return the newest rule set that is ready."""
        if self._next is not None and self._next.done():
            self._finish(self._next)
            self._next = None
        if self._next is None and (found := self._rules()).digest != self._asked:
            self._asked = found.digest
            self._next = self._thread.submit(self._planned, found)
        return self._current

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _planned(self, rules: RuleSet) -> Planned:
        lateness = {alias: topic.lateness for alias, topic in self._topics.items()}
        found = routes(rules.rules.values(), self._topics)
        for alias, ways in found.items():
            lateness |= {channel(alias, way.per): lateness[alias] for way in ways}
        return Planned(rules.digest, plan(routed(rules.rules.values(), self._topics), lateness), found)

    def _finish(self, done: "Future[Planned]") -> None:
        error = done.exception()
        if error is None:
            self._current = done.result()
            log.info("rules are in force", digest=self._current.digest)
        else:
            log.error("rules can't be planned, the set before stays", digest=self._asked, exc_info=error)
