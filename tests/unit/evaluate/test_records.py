import msgspec
import pytest

from dutyd.core.errors import NotReadyError
from dutyd.core.incident import Evidence, Position, Trigger, TriggerKind
from dutyd.evaluate.engine import Latch, Phase
from dutyd.evaluate.engine.latches.stored import pack
from dutyd.evaluate.records import (
    latch_name,
    latches_of,
    read_latches,
    read_stored,
    read_trigger,
    write_latch,
    write_trigger,
)

EVIDENCE = Evidence(id="e1", source="metrics", time=1.0, fields={"error_count": 12, "none": None, "list": [1, "a"]})
LATCH = Latch(
    phase=Phase.FIRING,
    since=1.0,
    occurrence="metrics|e1|1.0",
    opened=1.0,
    evidence=EVIDENCE,
    offset=41,
    topic="metrics",
    per=("service",),
    last={"error_count": 12},
)
TRIGGER = Trigger(
    incident="i1",
    kind=TriggerKind.OPENED,
    rule="errors",
    digest="d",
    entity={"service": "a"},
    occurrence="metrics|e1|1.0",
    opened=1.0,
    decided=1.0,
    evidence=EVIDENCE,
    position=Position("metrics", 0, 41),
)
NEWER = b'{"v": 3, "latch": {"phase": "dreaming"}}'


@pytest.mark.parametrize("entity", [(), ("",), ("a",), ("a", "b"), ("a/b", "%2F"), ("ü\u0000",)])
def test_a_latch_is_read_as_it_was_written(entity: tuple[str, ...]) -> None:
    key = ("errors", entity)
    assert read_latches({latch_name(key): write_latch(LATCH)}) == {key: LATCH}


def test_many_latches_are_read_as_they_were_written_and_share_what_is_equal() -> None:
    latches = {("errors", (str(at),)): msgspec.structs.replace(LATCH, offset=at) for at in range(2_500)}
    read = read_latches({latch_name(key): write_latch(latch) for key, latch in latches.items()})
    assert read == latches
    assert len({id(latch.per) for latch in read.values()}) == 1


@pytest.mark.parametrize("latch", [LATCH, Latch(phase=Phase.PENDING, since=2.0, occurrence="metrics|e1|1.000000")])
def test_the_version_before_is_read(latch: Latch) -> None:
    before = b'{"latch":%b,"v":1}' % msgspec.json.encode({"phase": latch.phase, **msgspec.to_builtins(latch)})
    name = latch_name(("errors", ("a",)))
    assert read_latches({name: before}) == {("errors", ("a",)): latch}
    ((_, stored),) = read_stored({name: before})
    assert stored == pack(latch)


def test_the_evidence_in_a_latch_is_cut() -> None:
    large = msgspec.structs.replace(EVIDENCE, fields={"text": "x" * 1_000_000})
    stored = write_latch(msgspec.structs.replace(LATCH, evidence=large))
    assert len(stored) < 10_000
    (latch,) = read_latches({latch_name(("errors", ("a",))): stored}).values()
    assert latch.evidence is not None
    assert latch.evidence.cut


def test_a_newer_version_waits_for_the_newer_program() -> None:
    with pytest.raises(NotReadyError, match="version 3, this dutyd knows 2"):
        read_latches({latch_name(("errors", ("a",))): write_latch(LATCH), latch_name(("errors", ("b",))): NEWER})
    with pytest.raises(NotReadyError, match="version 2"):
        read_trigger(b'{"v": 2}')


def test_a_trigger_is_read_as_it_was_written() -> None:
    assert read_trigger(write_trigger(TRIGGER)) == TRIGGER


def test_an_opening_leaves_a_firing_latch_behind() -> None:
    (latch,) = latches_of([TRIGGER]).values()
    assert latch == msgspec.structs.replace(LATCH, last={})


def test_a_clear_leaves_an_inactive_latch_that_knows_its_place() -> None:
    cleared = msgspec.structs.replace(
        TRIGGER, kind=TriggerKind.CLEARED, decided=9.0, position=Position("metrics", 0, 50)
    )
    (latch,) = latches_of([TRIGGER, cleared]).values()
    assert (latch.phase, latch.offset) == (Phase.INACTIVE, 50)
