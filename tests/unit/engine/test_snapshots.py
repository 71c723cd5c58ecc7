"""What must hold for any rules and events: whoever goes on from snapshots decides as if nobody had stopped."""

from collections.abc import Iterator
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutyd.evaluate.engine import Limits, plan
from support.engine.snapshots import Life
from support.engine.worlds import ALLOWANCE, LATENESS, TOPIC, arriving, events, in_full, rules

END = 2000.0


@pytest.fixture(autouse=True, scope="module")
def shortly_known_repeats() -> Iterator[None]:
    with patch("dutyd.evaluate.engine.views.duplicates.ALLOWANCE", ALLOWANCE):
        yield


@given(st.data())
def test_snapshots_that_trickle_change_nothing_wherever_it_stops(data: st.DataObject) -> None:
    made = plan(data.draw(rules()), {TOPIC: LATENESS}, Limits(replayed=0.0))
    found = arriving(data.draw(events(most=40, least=4)))
    life, whole = Life(made, found, slack=LATENESS + ALLOWANCE), Life(made, found)
    for _ in range(data.draw(st.integers(1, 8))):
        life.judge(life.at + data.draw(st.integers(1, 8)))
        share = data.draw(st.sampled_from([0.0, 0.3, 1.0, None]))
        if share is not None:
            life.write(share)
        if data.draw(st.booleans()):
            life.die()
    for each in (life, whole):
        each.judge(len(found))
    assert life.values() == whole.values()
    assert in_full(life.end(END)) == in_full(whole.end(END))
