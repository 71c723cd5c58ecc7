"""What must hold for any rules and events: batches, timers, restarts and reloads change no decision."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from dutyd.core.event import Event
from dutyd.core.rule import Rule
from dutyd.evaluate.engine import Change, Latch, LatchKey, Phase, Plan, State, judge, plan, replay, sweep, tick
from dutyd.evaluate.engine.latches.stored import join, pack, split, unpack
from support.engine.reference import Told
from support.engine.worlds import TOPIC, batches, events, in_full, keepers, rules, told

END = 2000.0


def everything(made: Plan, parts: Sequence[Sequence[Event]]) -> tuple[list[Told], dict[LatchKey, Latch]]:
    """Return all that is told about *parts*, and what is remembered in the end."""
    state = State()
    found = [change for part in parts for change in judge(made, state, TOPIC, part)]
    return told([*found, *tick(made, state, END)]), state.all_latches()


@given(st.data())
def test_how_events_are_cut_into_batches_changes_nothing(data: st.DataObject) -> None:
    made = plan(data.draw(rules()))
    found = data.draw(events())
    assert everything(made, data.draw(batches(found))) == everything(made, [found])


@given(st.data())
def test_when_time_is_said_to_pass_changes_nothing(data: st.DataObject) -> None:
    ruled = data.draw(rules())
    made = plan(ruled + keepers(ruled))
    found = data.draw(events(lates=False))
    state, ticking = State(), list[Change]()
    for event in found:
        ticking += judge(made, state, TOPIC, [event])
        if data.draw(st.booleans()):  # a watermark is below whatever is still to come
            ticking += tick(made, state, event.time - 0.1)
    ticking += tick(made, state, END)
    at_once, _ = everything(made, [found])
    assert sorted(told(ticking)) == sorted(at_once)


@given(st.data())
def test_a_restart_anywhere_changes_nothing(data: st.DataObject) -> None:
    made = plan(data.draw(rules()))
    found = data.draw(events())
    at = data.draw(st.integers(0, len(found)))
    while 0 < at < len(found) and found[at - 1].offset == found[at].offset:
        at += 1  # a record is decided as a whole

    first, stored = State(), dict[LatchKey, Latch]()
    before = judge(made, first, TOPIC, found[:at])
    stored |= {key: unpack(latch) for key, latch in first.take_changed().items() if latch is not None}

    second = State()
    if data.draw(st.booleans()):
        second.load(stored)
    else:  # a checkpoint leaves at rest what nobody asks about
        second.adopt((key, split(join(pack(latch)))) for key, latch in stored.items())
    replay(made, second, TOPIC, found[:at])
    after = judge(made, second, TOPIC, found[at:]) + tick(made, second, END)

    whole = State()
    unbroken = judge(made, whole, TOPIC, found) + tick(made, whole, END)
    assert in_full(before + after) == in_full(unbroken)
    phases = [{key: latch.phase for key, latch in state.all_latches().items()} for state in (second, whole)]
    assert phases[0] == phases[1]


@given(st.data())
def test_what_changed_since_the_last_time_adds_up_to_everything(data: st.DataObject) -> None:
    made = plan(data.draw(rules()))
    state, stored = State(), dict[LatchKey, Latch]()
    for part in data.draw(batches(data.draw(events()))):
        judge(made, state, TOPIC, part)
        for key, latch in state.take_changed().items():
            if latch is None:
                stored.pop(key, None)
            else:
                stored[key] = unpack(latch)
    assert stored == state.all_latches()
    assert state.take_changed() == {}


@given(st.data())
def test_a_reload_of_the_same_rules_changes_nothing(data: st.DataObject) -> None:
    ruled: list[Rule] = data.draw(rules())
    found = data.draw(events())
    at = data.draw(st.integers(0, len(found)))
    old, new = plan(ruled), plan(ruled)
    state = State()
    changes = judge(old, state, TOPIC, found[:at])
    assert sweep(new, state, 0.0) == []
    changes += judge(new, state, TOPIC, found[at:]) + tick(new, state, END)
    assert sorted(told(changes)) == sorted(everything(old, [found])[0])


@given(st.data())
def test_no_edit_clears_or_opens_anything_by_itself(data: st.DataObject) -> None:
    old = plan(data.draw(rules()))
    edited = data.draw(rules())
    same_entities = [rule for rule in edited if rule.id in old.rules and rule.per == old.rules[rule.id].rule.per]
    new = plan(same_entities)
    state = State()
    judge(old, state, TOPIC, data.draw(events()))
    firing = {key for key, latch in state.all_latches().items() if latch.phase is Phase.FIRING}
    assert sweep(new, state, 0.0) == []
    assert {key for key, latch in state.all_latches().items() if latch.phase is Phase.FIRING} == firing
