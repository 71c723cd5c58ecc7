"""What must hold for any rules and events: whoever goes on from snapshots decides as if nobody had stopped."""

from collections.abc import Iterator
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutyd.core.event import Event
from dutyd.evaluate.engine import Change, Limits, plan
from support.engine.reference import Told
from support.engine.snapshots import Life
from support.engine.worlds import TOPIC, events, rules, told

END = 2000.0
LATENESS, ALLOWANCE = 1.0, 8.0
"""Seconds, in place of minutes: so that worlds of a minute hold events that nobody reads again."""


@pytest.fixture(autouse=True, scope="module")
def shortly_known_repeats() -> Iterator[None]:
    with patch("dutyd.evaluate.engine.views.duplicates.ALLOWANCE", ALLOWANCE):
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


def seen(changes: list[Change]) -> list[Told]:
    """Return what *changes* come to, but for their evidence: a start does not always know the last event of an entity
    that was quiet, and then shows the one that began it.
    """
    return sorted(each._replace(event="", fields="", let="") for each in told(changes))


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
    assert seen(life.end(END)) == seen(whole.end(END))
