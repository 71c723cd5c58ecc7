"""Places for agent runs: how many a worker has in flight, and how many of them one rule may take.

An incident whose plain steps are done and that finds no place is given back for a moment, so that waiting for a model
never holds up a page; a rule with a storm of incidents leaves places to the others. Asked by ``path``.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Places:
    """The places of one worker.

    Attributes:
        runs: agent runs in flight at most.
        of_rule: of one rule at most.

    """

    runs: int = 100
    of_rule: int = 80
    _taken: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def one(self, rule: str) -> Iterator[bool]:
        """Take a place for a run of *rule* while the body runs; give False where there is none."""
        free = self._taken.total() < self.runs and self._taken[rule] < self.of_rule
        self._taken[rule] += free
        try:
            yield free
        finally:
            self._taken[rule] -= free
            if not self._taken[rule]:
                del self._taken[rule]
