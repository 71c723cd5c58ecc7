"""What the bytes of a checkpoint and of the triggers topic hold: latches by rule and entity, and triggers.

JSON, so that a person with ``redis-cli`` can read it, each with its version ``v``. Used by ``tasks`` to write and by
``assignment`` to load. A newer version than this dutyd knows is "not ready": the newer one has to run.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

import msgspec

from dutyd.core.incident import Trigger, TriggerKind
from dutyd.core.rule import Rule
from dutyd.core.version import decode
from dutyd.evaluate.engine import Latch, LatchKey, Phase
from dutyd.evaluate.engine.latches.stored import Stored, join, pack, split, unpack

_PAGE = 1_000
"""Names that are decoded together: a call for each would take longer than to decode it."""


_trigger = msgspec.json.Decoder(Trigger)
_names = msgspec.json.Decoder(list[tuple[str, tuple[str, ...]]])
_encoder = msgspec.json.Encoder()


def latch_name(key: LatchKey) -> bytes:
    """Return the field of a checkpoint that holds the latch of *key*."""
    return _encoder.encode(key)


def write_latch(latch: Latch) -> bytes:
    """Return *latch* as it is stored, its evidence cut where it is too large."""
    return join(pack(latch))


def read_latches(stored: Mapping[bytes, bytes]) -> dict[LatchKey, Latch]:
    """Return the latches of a checkpoint.

    Raises:
        NotReadyError: a newer dutyd wrote one of them.

    """
    return {key: unpack(latch) for key, latch in read_stored(stored)}


def read_stored(stored: Mapping[bytes, bytes]) -> Iterator[tuple[LatchKey, Stored]]:
    """Yield the latches of a checkpoint, or of a part of it, as the engine keeps them: at rest.

    Raises:
        NotReadyError: a newer dutyd wrote one of them.

    """
    items = iter(stored.items())
    while page := list(islice(items, _PAGE)):
        names = _names.decode(b"[%b]" % b",".join(name for name, _ in page))
        yield from zip(names, [split(document) for _, document in page], strict=True)


def write_trigger(trigger: Trigger) -> bytes:
    """Return *trigger* as the outbox and the triggers topic hold it."""
    return _encoder.encode(trigger)


def read_trigger(value: bytes) -> Trigger:
    """Return the trigger that *value* holds.

    Raises:
        NotReadyError: a newer dutyd wrote it.

    """
    return decode(value, _trigger, "a trigger")


def latches_of(triggers: Iterable[Trigger]) -> dict[LatchKey, Latch]:
    """Return the latches that *triggers*, in the order of their topic, leave behind: the newest of each key counts.

    Each knows the offset that its trigger was decided at: the engine ignores the entity's events up to there. Triggers
    of the clock leave none: see ``marks_of``.
    """
    return {(each.rule, tuple(each.entity.values())): _latch_of(each) for each in triggers}


def marks_of(triggers: Iterable[Trigger], rules: Mapping[str, Rule]) -> dict[LatchKey, Latch]:
    """Return up to when the scheduled ones of *rules* were judged, as far as *triggers* tell."""
    found: dict[LatchKey, Latch] = {}
    for each in triggers:
        schedule = rules[each.rule].schedule if each.rule in rules else None
        if each.position is None and schedule is not None:
            found[each.rule, ()] = Latch(phase=Phase.INACTIVE, since=each.opened, schedule=schedule.name)
    return found


def _latch_of(trigger: Trigger) -> Latch:
    position = trigger.position
    if position is None:
        raise ValueError(f"the trigger of incident {trigger.incident} does not say where it was decided")
    if trigger.kind is TriggerKind.CLEARED or trigger.momentary:
        return Latch(phase=Phase.INACTIVE, since=trigger.decided, offset=position.offset, topic=position.topic)
    return Latch(
        phase=Phase.FIRING,
        since=trigger.opened,
        occurrence=trigger.occurrence,
        opened=trigger.opened,
        evidence=trigger.opening or trigger.evidence,
        round=trigger.round,
        acted=trigger.decided if trigger.round > 1 else 0.0,
        offset=position.offset,
        topic=position.topic,
        per=tuple(trigger.entity),
    )
