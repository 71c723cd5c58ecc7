"""Accept, then commit: triggers from the topic into the ledger, and only then the offset to the broker.

The ledger keeps the accepted offset in the same write, so that a lost commit costs nothing; on assignment it goes on
from the lower of the two. Nothing long ever holds an offset: all later work comes from the ledger. ``worker`` runs
``Acceptor.run`` beside the work; a record that can't be read is dead-lettered, never skipped silently.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import msgspec
import structlog

from dutyd.act.adopt import Adoption
from dutyd.act.outages import Outage
from dutyd.core.errors import NotReadyError
from dutyd.core.event import Record
from dutyd.core.incident import Trigger
from dutyd.core.limits import Throttle
from dutyd.core.metrics import INCIDENTS
from dutyd.core.policy import Policy
from dutyd.core.rule import Rule, RuleSet, lowest
from dutyd.core.tool import Catalogue, Tool
from dutyd.ledger.claims import Accepted, Arrival
from dutyd.ledger.incidents import Incidents
from dutyd.stream.base import STAND_BY_SECONDS, Consumer, Partition, Polled

log = structlog.get_logger()

T = TypeVar("T")

POLL_SECONDS = 0.5
POLL_RECORDS = 500
LOOK_SECONDS = 1.0
"""How often the ledger is asked whether it still has its data."""


class RuleBook(Protocol):
    """Where rules come from: the current set, and any set by digest."""

    async def current(self) -> RuleSet:
        """Return the rule set with the highest counter."""
        ...

    async def by_digest(self, digest: str) -> RuleSet:
        """Return the rule set of *digest*; raise ``NotReadyError`` where this Redis does not know it."""
        ...


@dataclass(slots=True)
class Acceptor:
    """Reads one group's triggers.

    Attributes:
        adoption: asked whether the ledger still has its data.
        bury: dead-letters a record with a reason; called in the consumer's thread.
        accepted: set by the worker: called after triggers came in, so that it looks at once.
        joined: whether it was ever given its partitions.
        turned: the clock's time when it last went round, also where the world was not ready; None before the first.

    """

    consumer: Consumer
    incidents: Incidents
    rules: RuleBook
    policy: Policy
    catalogue: Catalogue
    adoption: Adoption
    bury: Callable[[Record, Partition, str], None]
    accepted: Callable[[], None] = lambda: None
    joined: bool = False
    turned: float | None = None
    clock: Callable[[], float] = time.monotonic
    # The consumer belongs to one thread; the ledger to the event loop.
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "accept"))
    _ours: frozenset[Partition] = frozenset()
    _unplaced: frozenset[Partition] = frozenset()  # ours, not yet sought to where they go on
    _looked: float = float("-inf")
    _known_since: int = 0
    _whole_on: str = ""
    _began: float | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Accept until *stop*; when the world is not ready, wait and go on where the ledger stands."""
        outage = Outage("triggers can't be accepted now", "triggers are accepted again", clock=self.clock)
        try:
            while not stop.is_set():
                self.turned = self.clock()
                try:
                    await self.turn()
                    outage.is_over()
                except NotReadyError as error:
                    outage.lasts(error)
                    await asyncio.sleep(error.retry_after or 1.0)
        finally:
            with contextlib.suppress(NotReadyError):
                await self._in_thread(self.consumer.close)
            self._thread.shutdown()

    async def turn(self) -> None:
        """Poll once: group changes, then records into the ledger, then the commit.

        Raises:
            NotReadyError: what was not accepted is read again by the next turn.
        """
        polled: Polled = await self._in_thread(self.consumer.poll, POLL_SECONDS, POLL_RECORDS)
        gone = polled.revoked | polled.lost
        self._ours = (self._ours - gone) | polled.assigned
        self._unplaced = (self._unplaced - gone) | polled.assigned
        self._note_joining(polled)
        left = {partition: records[0].offset for partition, records in polled.records.items()}
        try:
            await self._look_at_ledger()
            if self._unplaced:
                stale = self._unplaced & left.keys()
                await self._resume(sorted(self._unplaced))
                left = {partition: offset for partition, offset in left.items() if partition not in stale}
            for partition in tuple(left):
                records = polled.records[partition]
                await self._accept(partition, records)
                del left[partition]
                await self._in_thread(self.consumer.commit, {partition: records[-1].offset + 1})
        except NotReadyError:
            for partition, offset in left.items():
                await self._in_thread(self.consumer.seek, partition, offset)
            self._looked = float("-inf")  # perhaps because the ledger must be made whole: look before anything else
            raise

    async def _look_at_ledger(self) -> None:
        """Have the ledger made whole where Redis lost its data, and begin again where it stands then."""
        if self._unplaced or (self._ours and self.clock() - self._looked >= LOOK_SECONDS):
            noted = await self.adoption.make_whole(lambda asked: self._in_thread(self.consumer.committed, asked))
            if noted.server != self._whole_on:  # whoever made it whole: its accepted offsets may have gone back
                self._unplaced, self._whole_on = self._ours, noted.server
            self._known_since = noted.at
            self._looked = self.clock()

    def _note_joining(self, polled: Polled) -> None:
        """Note that the group was joined: partitions came, or others have had them all for long enough."""
        self._began = self.clock() if self._began is None else self._began
        self.joined = self.joined or bool(polled.assigned) or self.clock() - self._began > STAND_BY_SECONDS

    async def _resume(self, partitions: Sequence[Partition]) -> None:
        """Go on from the lower of the ledger's offset and the group's; without either from the topic's start.

        The group has an offset before the first trigger is accepted: so a ledger that lost all is told from a new one.
        """
        ledger = await self.incidents.accepted_offsets()
        committed: Mapping[Partition, int | None] = await self._in_thread(self.consumer.committed, partitions)
        for partition in partitions:
            known = ledger.get(source_name(partition), 0)
            await self._in_thread(self.consumer.seek, partition, min(known, committed[partition] or 0))
        begun = {partition: 0 for partition in partitions if committed[partition] is None}
        if begun:
            await self._in_thread(self.consumer.commit, begun)
        self._unplaced = frozenset()

    async def _accept(self, partition: Partition, records: Sequence[Record]) -> None:
        source, end = source_name(partition), records[-1].offset + 1
        arrivals = [arrival for record in records if (arrival := await self._read(partition, record)) is not None]
        if arrivals:
            for arrival, answer in zip(arrivals, await self.incidents.accept(arrivals), strict=True):
                _tell(arrival.trigger, answer)
            self.accepted()
        if not arrivals or arrivals[-1].next_offset < end:  # the last record holds nothing to accept
            await self.incidents.pass_by(source, end)

    async def _read(self, partition: Partition, record: Record) -> Arrival | None:
        """Return what *record* brings; None for a tombstone (an old, closed incident) and for a dead letter."""
        if record.value is None:
            return None
        try:
            trigger = msgspec.json.decode(record.value, type=Trigger)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            await self._in_thread(self.bury, record, partition, f"no trigger: {error}")
            return None
        return await self._arrival(trigger, partition, record)

    async def _arrival(self, trigger: Trigger, partition: Partition, record: Record) -> Arrival:
        accepted = await rules_of(self.rules, trigger.digest, lost=record.timestamp < self._known_since)
        rule = accepted.rules.get(trigger.rule)
        return Arrival(
            trigger=trigger,
            mode=lowest(self.policy.mode, rule.mode if rule else None),
            throttle=rule.throttle if rule else Throttle(),
            brakes=[each for each in (rule.brake if rule else None, self.policy.brake) if each is not None],
            pages=rule is not None and bool(alerting_steps(rule, self.catalogue)),
            storms=rule is not None and may_storm(rule, self.catalogue),
            grouped=rule is not None and rule.group is not None,
            source=source_name(partition),
            next_offset=record.offset + 1,
            produced=record.timestamp,
        )

    async def _in_thread(self, function: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *args)


def _tell(trigger: Trigger, answer: Accepted) -> None:
    if answer in (Accepted.ACCEPTED, Accepted.MUTED):
        INCIDENTS.labels(trigger.rule).inc()
    log.info(
        "trigger accepted",
        incident=trigger.incident,
        rule=trigger.rule,
        kind=trigger.kind.value,
        answer=answer.value,
    )


def alerting_steps(rule: Rule, catalogue: Catalogue) -> list[str]:
    """Return the names of the steps that page somebody."""
    return [
        step.name
        for step in rule.steps.values()
        if step.tool in catalogue and catalogue[step.tool].family == Tool.ALERTING and catalogue[step.tool].changes
    ]


async def rules_of(rules: RuleBook, digest: str, *, lost: bool) -> RuleSet:
    """Return the rule set that a trigger was decided by; the current one where a loss of Redis took it along.

    Raises:
        NotReadyError: it is not there (yet), or Redis does not answer.
    """
    try:
        return await rules.by_digest(digest)
    except NotReadyError:
        if not lost:
            raise
        return await rules.current()


def may_storm(rule: Rule, catalogue: Catalogue) -> bool:
    """Whether many openings of *rule* at once become one incident: it pages, and buys nothing for each of them."""
    families = {catalogue[step.tool].family for step in rule.steps.values() if step.tool in catalogue}
    return (
        rule.storms and not rule.momentary and Tool.PURCHASING not in families and bool(alerting_steps(rule, catalogue))
    )


def source_name(partition: Partition) -> str:
    """Return the ledger's name of a trigger partition."""
    return f"{partition.topic}:{partition.number}"
