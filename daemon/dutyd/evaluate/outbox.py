"""The outbox of one task: triggers on their way from a decision to the triggers topic, in order.

A trigger is *fresh* until a fenced write has stored it, then it is sent, then acknowledged, and the next write drops
it from Redis. Only what is stored may be sent: durable before visible. ``tasks`` adds; ``writing`` and ``sender`` move
them on. Pure bookkeeping: what a failed flush may or may not have delivered is sent again, with the same ids.
"""

from collections.abc import Iterable
from typing import NamedTuple


class Outgoing(NamedTuple):
    """One trigger as the topic takes it."""

    key: bytes
    value: bytes


class Outbox:
    """Triggers of one task, oldest first."""

    def __init__(self, stored: Iterable[Outgoing] = ()) -> None:
        self._stored = list(stored)
        self._fresh: list[Outgoing] = []
        self._sent = 0
        self._acked = 0

    def add(self, trigger: Outgoing) -> None:
        """Put in a trigger that was just decided."""
        self._fresh.append(trigger)

    @property
    def fresh(self) -> list[bytes]:
        """What the next write has to store."""
        return [each.value for each in self._fresh]

    @property
    def fresh_bytes(self) -> int:
        """How large that is."""
        return sum(len(each.value) for each in self._fresh)

    @property
    def acked(self) -> int:
        """How many of the oldest the next write can drop."""
        return self._acked

    @property
    def unacked(self) -> int:
        """How many are not known to be in the topic."""
        return len(self._stored) - self._acked + len(self._fresh)

    @property
    def told(self) -> bool:
        """Whether all that is stored is known to be in the topic."""
        return self._acked == len(self._stored)

    @property
    def kept(self) -> list[bytes]:
        """What Redis must hold if it has to be written from the beginning."""
        return [each.value for each in self._stored[self._acked :]] + self.fresh

    def written(self, fresh: int, acked: int) -> None:
        """Take note of a write that stored the first *fresh* and dropped the first *acked*."""
        del self._stored[:acked]
        self._sent -= acked
        self._acked -= acked
        self._stored += self._fresh[:fresh]
        del self._fresh[:fresh]

    def restored(self) -> None:
        """Take note that Redis holds what was ``kept``."""
        self.written(len(self._fresh), self._acked)

    def take_unsent(self) -> list[Outgoing]:
        """Return what is stored and has to be sent now."""
        unsent = self._stored[self._sent :]
        self._sent = len(self._stored)
        return unsent

    def flushed(self) -> None:
        """Take note that everything sent is acknowledged."""
        self._acked = self._sent

    def send_again(self) -> None:
        """Take note that a flush failed: all that is not acknowledged has to be sent again."""
        self._sent = self._acked
