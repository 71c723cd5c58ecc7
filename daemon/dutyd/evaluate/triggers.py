"""Changes of the engine become triggers: records that stand for themselves, small enough for any broker.

``trigger_of`` gives a change its incident id, the names of its entity's fields and the place in the source that
decided it. Pure; used by ``tasks``.
"""

from dutyd.core.incident import Position, Trigger, incident_id
from dutyd.evaluate.engine import Change
from dutyd.evaluate.engine.latches.evidence import cut_evidence


def trigger_of(change: Change, digest: str, partition: int) -> Trigger:
    """Return the record that tells *change*.

    Args:
        change: as the engine decided it.
        digest: the rule set that decided.
        partition: of the source topic: the task's number.

    """
    return Trigger(
        incident=incident_id(change.rule, change.entity, change.occurrence),
        kind=change.kind,
        rule=change.rule,
        digest=digest,
        entity=dict(zip(change.per, change.entity, strict=True)),
        occurrence=change.occurrence,
        opened=change.opened,
        decided=change.decided,
        evidence=cut_evidence(change.evidence),
        opening=None if change.opening is None else cut_evidence(change.opening),
        round=change.round,
        momentary=change.momentary,
        because=change.because,
        position=Position(change.topic, partition, change.offset) if change.topic else None,
    )
