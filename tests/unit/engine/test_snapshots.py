"""What must hold for any rules and events: whoever goes on from snapshots decides as if nobody had stopped."""

from collections.abc import Iterator
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dutyd.core.event import Event
from dutyd.evaluate.engine import Limits, plan
from support.engine_worlds import TOPIC, events, rules, told
from support.snapshots import Life

END = 2000.0
LATENESS, ALLOWANCE = 1.0, 8.0
"""Seconds, in place of minutes: so that worlds of a minute hold events that nobody reads again."""


@pytest.fixture(autouse=True, scope="module")
def shortly_known_repeats() -> Iterator[None]:
    with patch("dutyd.evaluate.engine.duplicates.ALLOWANCE", ALLOWANCE):
        yield


def arriving(found: list[Event]) -> list[Event]:
    """Return *found*, each record arriving when the newest of its events, or of those before it, happened; without what
    comes again so late that nobody knows it.
    """
    newest, arrivals = 0.0, dict[int, float]()
    for event in found:
        newest = arrivals[event.offset] = max(newest, event.time)
    made = [msgspec.structs.replace(event, arrival=arrivals[event.offset]) for event in found]
    return [event for event in made if event.arrival - event.time < LATENESS + ALLOWANCE]


@given(st.data())
def test_snapshots_that_trickle_change_nothing_wherever_it_stops(data: st.DataObject) -> None:
    made = plan(data.draw(rules()), {TOPIC: LATENESS}, Limits(replayed=0.0))
    assume(not any(view.remembers for view in made.topics[TOPIC].views))
    found = arriving(data.draw(events(most=40, least=4)))
    life, full, whole = Life(made, found, slack=LATENESS + ALLOWANCE), Life(made, found), Life(made, found)
    for _ in range(data.draw(st.integers(1, 8))):
        upto = life.at + data.draw(st.integers(1, 8))
        share = data.draw(st.sampled_from([0.0, 0.3, 1.0, None]))
        dies = data.draw(st.booleans())
        for each in (life, full):
            each.judge(upto)
            if share is not None:
                each.write(share)
            if dies:
                each.die()
    for each in (life, full, whole):
        each.judge(len(found))
    values = [each.values() for each in (life, full, whole)]
    tolds = [sorted(told(each.end(END))) for each in (life, full, whole)]
    from hypothesis import event

    event(f"full is whole: {values[1] == values[2]} {tolds[1] == tolds[2]}")
    if values[1] == values[2]:
        assert values[0] == values[2]
    if tolds[1] == tolds[2]:
        assert tolds[0] == tolds[2]
