"""A task: the unit of state. One partition number over topics with the same partition count, judged by one engine
state, kept by one checkpoint, owned by one process.

``assignment`` makes tasks, ``path`` gives them records and time and takes writes and triggers out. Below the offset
that was decided before, records are only replayed: windows and duplicates are learnt again, nothing is decided twice.
"""

from collections.abc import Mapping, Sequence

import structlog

from dutyd.core.event import Record
from dutyd.core.incident import Ending, TriggerKind
from dutyd.core.metrics import EVENTS, REPLAYED, TRIGGERS
from dutyd.evaluate.by_key import Outward, topic_of
from dutyd.evaluate.counted import count
from dutyd.evaluate.engine import Change, State, Written, end, judge, replay, sweep, tick
from dutyd.evaluate.engine.latches.stored import join
from dutyd.evaluate.engine.windows.samples import Begun
from dutyd.evaluate.outbox import Outbox, Outgoing
from dutyd.evaluate.plans import Planned
from dutyd.evaluate.records import latch_name, write_latch, write_trigger
from dutyd.evaluate.saved import Decided, Owner, Write
from dutyd.evaluate.sources import Source
from dutyd.evaluate.triggers import trigger_of
from dutyd.evaluate.watermark import lowest
from dutyd.stream.base import Partition
from dutyd.stream.formats import Bad

WRITE_SECONDS = 0.1
"""How long decisions that made no trigger may wait for their write. Nobody saw anything of them, and the checkpoint
before them is whole in itself, so whoever goes on from there decides the same again."""

BEAT_SECONDS = 3.0
"""How long a task may go unwritten when nothing changes: so soon it learns that Redis lost it, or another owns it."""

AT_ONCE = 400
"""Records that are decoded before they are judged: they are still in the processor's caches then, which takes a tenth
off the whole."""

ROUND_SECONDS = 300.0
"""So long it takes at least until every entity whose windows change all the time was written once more: a start replays
as far back for repeats anyway."""

ROUND_EVENTS = 500_000
"""After so many events it should be done, too: a start replays no more than twice as many."""

log = structlog.get_logger()
_SAID = {
    TriggerKind.OPENED: "incident opened",
    TriggerKind.CHANGED: "incident goes on",
    TriggerKind.CLEARED: "incident cleared",
}


class Task:
    """One task of this process; used by the evaluator's thread alone.

    Attributes:
        scheduling: whether it is the one of the installation that runs the scheduled rules.
        outward: what is to be acknowledged on by-key topics before the next write.

    """

    def __init__(
        self,
        owner: Owner,
        sources: Mapping[Partition, Source],
        state: State,
        outbox: Outbox,
        *,
        scheduling: bool = False,
    ) -> None:
        self.scheduling = scheduling
        self.owner = owner
        self.sources = sources
        self.state = state
        self.outbox = outbox
        self.outward: list[Outward] = []
        self.stored: dict[str, Decided] = {}
        self._safe = self.stored
        self._pending: Write | None = None
        self._written = 0.0
        self._judged = 0  # since the last write
        self._replayed: int | None = 0  # until that was said

    @property
    def name(self) -> str:
        """``partitions.number``, such as ``3.0``."""
        return self.owner.task

    @property
    def replaying(self) -> bool:
        """Whether one of its partitions has not come back to where it was."""
        return any(source.replaying for source in self.sources.values())

    def take(self, planned: Planned, partition: Partition, records: Sequence[Record]) -> list[Bad]:
        """Replay or judge *records*, and put what rules need by key into ``outward``; return those that could not be
        understood.
        """
        source = self.sources[partition]
        if source.partly:  # every event that happened since the first record came was read
            self.state.known_since = max(self.state.known_since, records[0].timestamp / 1000)
            source.partly = False
        bad: list[Bad] = []
        for start in range(0, len(records), AT_ONCE):
            bad += self._take(planned, source, records[start : start + AT_ONCE])
        return bad

    def _take(self, planned: Planned, source: Source, records: Sequence[Record]) -> Sequence[Bad]:
        taken = source.take(records)
        for part in taken.parts:
            if part.again:
                replay(planned.plan, self.state, part.topic, part.again)
                REPLAYED.labels(source.alias).inc(len(part.again))
                self._replayed = (self._replayed or 0) + len(part.again)
            if part.new:
                self._judged += len(part.new)
                self._changed(planned, judge(planned.plan, self.state, part.topic, part.new))
                EVENTS.labels(source.alias).inc(len(part.new))
                self.outward += source.carry(planned.routes.get(part.topic, ()), part.new)
        source.took(records)
        self._say_replayed()
        return taken.bad

    def _say_replayed(self) -> None:
        """Say once how much was replayed, when the task has come back to where it was."""
        if self._replayed is not None and not self.replaying:
            log.info("task goes on where it was", task=self.name, replayed=self._replayed)
            self._replayed = None

    def tick(self, planned: Planned, now: float, at_end: Mapping[Partition, bool]) -> None:
        """Move the watermark and fire what is due by it; while something is replayed time stands still."""
        if self.replaying:
            return
        marks = [each.move(now, read_to_end=at_end[each.partition]) for each in self.sources.values()]
        self._changed(planned, tick(planned.plan, self.state, lowest(marks), now if self.scheduling else None))

    def tell(self, now: float, at_end: Mapping[Partition, bool]) -> None:
        """Put into ``outward`` how far its partitions have come, for what waits for that by key."""
        for source in self.sources.values():
            self.outward += source.mark(now, read_to_end=at_end[source.partition])

    def sweep(self, planned: Planned, now: float) -> None:
        """Close what has no rule any more, and count what happened: now and then, see ``engine.sweep``."""
        if not self.replaying:
            self._changed(planned, sweep(planned.plan, self.state, now))
        count(self.name, self.state)

    def end(self, planned: Planned, endings: Sequence[Ending]) -> None:
        """Clear the incidents that people closed."""
        if not self.replaying:
            self._changed(planned, end(planned.plan, self.state, endings))

    def migrate(self, new: Planned, now: float) -> None:
        """Go on by other rules: what they ask for first begins now."""
        by_alias = {source.alias: Begun(source.newest, source.read) for source in self.sources.values()}
        names = [name for name in new.plan.topics if topic_of(name) in by_alias]
        self.state.read = {name: by_alias[topic_of(name)] for name in names}
        self._changed(new, sweep(new.plan, self.state, now))

    def _changed(self, planned: Planned, changes: Sequence[Change]) -> None:
        for change in changes:
            trigger = trigger_of(change, planned.digest, next(iter(self.sources)).number)
            self.outbox.add(Outgoing(trigger.key, write_trigger(trigger)))
            TRIGGERS.labels(change.rule, change.kind).inc()
            log.info(
                _SAID[change.kind],
                incident=trigger.incident,
                rule=change.rule,
                entity=trigger.entity,
                task=self.name,
            )

    def write(self, number: int, now: float, *, at_once: bool = False) -> Write | None:
        """Return what has to be written by now, None where nothing has; after a failure, the same as before.

        Args:
            number: for a new write.
            now: a monotonic clock, seconds.
            at_once: write whatever changed, however recent the last write is.

        """
        if self._pending is None and self._due(now, at_once=at_once):
            changed = self.state.take_changed()
            latches = {latch_name(key): None if latch is None else join(latch) for key, latch in changed.items()}
            outbox = self.outbox
            windows = self._snapshots(now)
            self._pending = Write(self.owner, number, self.offsets, latches, outbox.fresh, outbox.acked, windows)
            self._written = now
        return self._pending

    def _snapshots(self, now: float) -> Written | None:
        """Return what is to be written of the windows; nothing as long as they are not what they were."""
        if self.state.trickle is None or self.replaying:
            return None
        events, self._judged = self._judged, 0
        return self.state.trickle.take(max((now - self._written) / ROUND_SECONDS, events / ROUND_EVENTS))

    def _due(self, now: float, *, at_once: bool) -> bool:
        if self.outbox.fresh:
            return True
        waited = now - self._written
        if at_once or waited >= WRITE_SECONDS:
            return waited >= BEAT_SECONDS or self.outbox.acked > 0 or self.stored != self.offsets
        return False

    @property
    def offsets(self) -> dict[str, Decided]:
        """How far each topic is decided."""
        return {partition.topic: source.decided for partition, source in self.sources.items()}

    def written(self) -> None:
        """Take note that the last write is in Redis."""
        if self._pending is not None:
            self.outbox.written(len(self._pending.triggers), self._pending.acked)
            self._kept(self._pending.offsets)

    def whole(self, number: int) -> Write:
        """Return all of this task, for a Redis that lost it."""
        latches = {latch_name(key): write_latch(latch) for key, latch in self.state.all_latches().items()}
        return Write(self.owner, number, self.offsets, latches, self.outbox.kept)

    def restored(self, owner: Owner) -> None:
        """Take note that Redis holds the ``whole`` again."""
        self.owner = owner
        self.state.take_changed()
        self.outbox.restored()
        if self.state.trickle is not None:
            self.state.trickle.begin_anew()
        self._kept(self.offsets)

    def _kept(self, offsets: Mapping[str, Decided]) -> None:
        self.stored = dict(offsets)
        self._pending = None

    def flushed(self) -> None:
        """Take note that every trigger that was sent is acknowledged."""
        self.outbox.flushed()
        if self.outbox.told:  # what is fresh was decided above what is stored
            self._safe = self.stored

    @property
    def safe(self) -> dict[Partition, int]:
        """The offsets below which every trigger is acknowledged."""
        return {each: self._safe[each.topic].below for each in self.sources if each.topic in self._safe}
