"""What the probes ask: has this process started, is it alive, and does it do its work.

Started means that a rule set is loaded and the broker has told of its topics; alive, that the loops that poll the
broker turn (what the world does is no reason to restart); ready, that the groups were joined and Redis answers.
``ops.http`` calls the checks from its own thread; each returns what is wrong, or an empty text. The heartbeat asks
here, too, whether evaluation moves.
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

Check = Callable[[], str]

STUCK_SECONDS = 120.0
"""How long a loop may take for one turn. A call to the broker or to Redis ends within 20 s, a replay after a restart
takes a few; and it is well under the 5 min after which the broker gives up on a member that does not poll."""


@dataclass(slots=True)
class Health:
    """The checks of one process; parts are put in as they start.

    Attributes:
        rules: says why no rules are loaded.
        broker: why nothing is known of the broker's topics, empty once they are.
        stopping: whether the process is about to end.

    """

    client: "Redis"
    rules: Check = lambda: "not loaded yet"
    broker: str = "it has not told of its topics yet"
    stopping: Callable[[], bool] = lambda: False
    evaluator: Evaluator | None = None
    acceptor: Acceptor | None = None
    _seen: float = 0.0  # the newest turn that the heartbeat knows of
    clock: Callable[[], float] = time.time  # noqa: TID251  # the edge: compared with the evaluator's own

    def started(self) -> Mapping[str, Check]:
        """Return the checks of ``/startupz``."""
        return {"rules": self._rules, "broker": lambda: self.broker}

    def alive(self) -> Mapping[str, Check]:
        """Return the checks of ``/healthz``: the heartbeats of the loops that this process has."""
        return {"evaluator loop": self._judging, "worker loop": self._accepting}

    def ready(self) -> Mapping[str, Check]:
        """Return the further checks of ``/readyz``."""
        return {"redis": self._redis, "groups": self._groups}

    def waits_for(self) -> str:
        """Say which topics are waited for: no reason not to be ready, because the others are read."""
        missing = self.evaluator.status.missing if self.evaluator else ()
        return f"to be created: {', '.join(missing)}" if missing else ""

    def assigned(self) -> bool:
        """Whether every role of this process was given its partitions."""
        evaluates = self.evaluator is None or (self.evaluator.status.joined and not self.evaluator.status.waiting)
        return evaluates and (self.acceptor is None or self.acceptor.joined)

    def standstill(self) -> str:
        """Say why evaluation does not move: Redis is away, it waits, or no turn went well since the last question."""
        if self.evaluator is None:
            return "this process does not evaluate"
        if why := self._redis():
            return why
        turned, before = self.evaluator.status.turned, self._seen
        self._seen = turned
        return "" if turned > before else "no turn since the last heartbeat"

    def _rules(self) -> str:
        return self.rules()

    def _groups(self) -> str:
        if self.stopping():
            return "leaving them: this process is stopping"
        if self.evaluator is None and self.acceptor is None:
            return "not joined yet"
        return "" if self.assigned() else "no partitions yet"

    def _judging(self) -> str:
        status = self.evaluator.status if self.evaluator else None
        if status is None or not status.turned or status.trouble or self.stopping():
            return ""  # where it waits for the world, restarting it would not help
        return _late(self.clock() - status.turned)

    def _accepting(self) -> str:
        acceptor = self.acceptor
        if acceptor is None or acceptor.turned is None or self.stopping():
            return ""
        return _late(acceptor.clock() - acceptor.turned)

    def _redis(self) -> str:
        try:
            self.client.ping()
        except redis.RedisError as error:
            return str(error)
        return self.evaluator.status.trouble if self.evaluator else ""


def _late(seconds: float) -> str:
    return f"no turn for {seconds:.0f} s" if seconds > STUCK_SECONDS else ""
