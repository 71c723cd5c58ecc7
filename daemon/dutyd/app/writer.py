"""One producer for many who wait: records of posts that arrive together are acknowledged by one flush.

``app.bridge`` hands records over from its event loop and awaits the answer. The producer blocks and belongs to one
thread, so it has one of its own; whoever gave up waiting before their records were sent has them left out.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import NamedTuple

from dutyd.core.errors import NotReadyError
from dutyd.stream.base import Producer

MOST_TOGETHER = 500
"""Posts that share a flush."""


class Keyed(NamedTuple):
    """A record on its way."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


class _Order(NamedTuple):
    records: Sequence[Keyed]
    done: "Future[None]"


class Writer:
    """Writes to *topic* with *producer*."""

    def __init__(self, producer: Producer, topic: str) -> None:
        self._producer = producer
        self._topic = topic
        self._orders: SimpleQueue[_Order | None] = SimpleQueue()
        # A daemon: an outage of the broker must not hold up the end of the process.
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def write(self, records: Sequence[Keyed]) -> "Future[None]":
        """Write *records*; the result comes when all are acknowledged.

        Its exception is ``NotReadyError`` where they were not: they may be there or not, send them all again.
        """
        order = _Order(records, Future())
        self._orders.put(order)
        return order.done

    def close(self, patience: float) -> None:
        """Write what is waiting and close the producer, for at most *patience* seconds."""
        self._orders.put(None)
        self._thread.join(patience)

    def _run(self) -> None:
        while together := self._next():
            try:
                for order in together:
                    for record in order.records:
                        self._producer.send(self._topic, record.value, key=record.key, headers=record.headers)
                self._producer.flush()
            except Exception as error:  # noqa: BLE001 - whoever waits is told, whatever it was
                for order in together:
                    order.done.set_exception(error)
            else:
                for order in together:
                    order.done.set_result(None)
        with suppress(NotReadyError):
            self._producer.close()

    def _next(self) -> list[_Order]:
        """Wait for an order and take all that have come by then; none at the end."""
        together: list[_Order] = []
        while len(together) < MOST_TOGETHER:
            try:
                order = self._orders.get(block=not together)
            except Empty:
                break
            if order is None:
                self._orders.put(None)  # for the next call, which finds nothing before it
                break
            if order.done.set_running_or_notify_cancel():
                together.append(order)
        return together
