"""Hold the engine against the reference, batch by batch."""

from collections import defaultdict
from collections.abc import Sequence

from dutyd.core.event import Event
from dutyd.core.rule import Rule
from dutyd.evaluate.engine import State, judge, plan, tick
from support.engine.reference import Reference, Told
from support.engine.worlds import TOPIC, told

END = 2000.0


def by_latch(tolds: Sequence[Told]) -> dict[tuple[str, tuple[str, ...]], list[Told]]:
    """Return what was told in order for each rule and entity: between them the order says nothing."""
    found = defaultdict(list)
    for each in tolds:
        found[each.rule, each.entity].append(each)
    return dict(found)


def check_equal(made: list[Rule], parts: Sequence[Sequence[Event]], ticks: Sequence[float | None]) -> None:
    """Compare the engine with the reference, batch by batch, ticks in between."""
    engine, state, reference = plan(made), State(), Reference(made)
    for part, watermark in zip(parts, ticks, strict=True):
        assert by_latch(told(judge(engine, state, TOPIC, part))) == by_latch(reference.judge(part))
        if watermark is not None:
            assert by_latch(told(tick(engine, state, watermark))) == by_latch(reference.tick(watermark))
    assert by_latch(told(tick(engine, state, END))) == by_latch(reference.tick(END))
    phases = {key: latch.phase for key, latch in state.all_latches().items() if latch.phase != "inactive"}
    assert phases == reference.phases()
