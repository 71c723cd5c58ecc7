"""What the probes ask: is this process alive, and does it do its work.

Alive means that the evaluator's loop turns; ready, that the groups were joined and Redis answers. ``ops.http`` calls
the checks from its own thread; each returns what is wrong, or an empty text.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import redis

from dutyd.act.accept import Acceptor
from dutyd.evaluate.path import Evaluator

if TYPE_CHECKING:
    from redis import Redis

STUCK_SECONDS = 60.0
"""How long the evaluator's loop may take for one turn; a replay after a restart takes a few seconds."""


@dataclass(slots=True)
class Health:
    """The checks of one process; parts are put in as they start."""

    client: "Redis"
    evaluator: Evaluator | None = None
    acceptor: Acceptor | None = None
    clock: Callable[[], float] = time.time  # noqa: TID251  # the edge: compared with the evaluator's own

    def alive(self) -> Mapping[str, Callable[[], str]]:
        """Return the checks of ``/healthz``."""
        return {"evaluator loop": self._turning} if self.evaluator else {}

    def ready(self) -> Mapping[str, Callable[[], str]]:
        """Return the further checks of ``/readyz``."""
        return {"redis": self._redis, "groups": lambda: "" if self.assigned() else "no partitions yet"}

    def assigned(self) -> bool:
        """Whether every role of this process was given its partitions."""
        evaluates = self.evaluator is None or (self.evaluator.status.joined and not self.evaluator.status.waiting)
        return evaluates and (self.acceptor is None or self.acceptor.joined)

    def _turning(self) -> str:
        status = self.evaluator.status if self.evaluator else None
        if status is None or not status.turned or status.trouble:
            return ""  # it waits for the world: restarting it would not help
        behind = self.clock() - status.turned
        return f"no turn for {behind:.0f} s" if behind > STUCK_SECONDS else ""

    def _redis(self) -> str:
        try:
            self.client.ping()
        except redis.RedisError as error:
            return str(error)
        return self.evaluator.status.trouble if self.evaluator else ""
