"""What must hold for any rules, edits and events: a stop anywhere, before or after an edit, changes nothing."""

from collections.abc import Iterator
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutyd.core.rule import Rule
from dutyd.evaluate.engine import Limits, Plan, plan
from support.engine.snapshots import Life
from support.engine.worlds import ALLOWANCE, LATENESS, TOPIC, arriving, edits, events, in_full, rules

END = 2000.0
SLACK = LATENESS + ALLOWANCE


@pytest.fixture(autouse=True, scope="module")
def shortly_known_repeats() -> Iterator[None]:
    with patch("dutyd.evaluate.engine.views.duplicates.ALLOWANCE", ALLOWANCE):
        yield


@given(st.data())
def test_a_stop_anywhere_between_edits_changes_nothing(data: st.DataObject) -> None:
    limits = Limits(replayed=data.draw(st.sampled_from([0.0, SLACK])))

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
