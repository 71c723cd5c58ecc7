"""Sequences decide as the reference does, whatever the batches, the order of topics, restarts and reloads."""

import math
from collections.abc import Iterator, Sequence

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from dutyd.core.event import Event
from dutyd.core.rule import Rule
from dutyd.evaluate.engine import Change, Latch, LatchKey, Phase, Plan, State, judge, plan, replay, sweep, tick
from dutyd.evaluate.engine.latches.stored import unpack
from support.engine.check import END, by_latch, check_equal
from support.engine.reference import Reference
from support.engine.worlds import TOPIC, batches, busy_events, rules, sequence_rules, told

OTHER = "deploys"
BETWEEN = 0.125  # seconds: all times of the worlds are whole quarters


def test_in_these_worlds_sequences_are_often_completed() -> None:
    opened: list[bool] = []

    @settings(max_examples=100, derandomize=True, database=None)
    @given(sequence_rules(), busy_events())
    def look(made: list[Rule], found: list[Event]) -> None:
        opened.append(bool(judge(plan(made), State(), TOPIC, found)))

    look()
    assert sum(opened) > len(opened) / 5


@settings(max_examples=60)
@given(st.data(), st.booleans())
def test_any_sequences_decide_as_the_reference_does(data: st.DataObject, lates: bool) -> None:
    made = data.draw(sequence_rules())
    parts = data.draw(batches(data.draw(busy_events(lates=lates))))
    newest = 0.0
    ticks: list[float | None] = []
    for part in parts:
        newest = max([newest, *(event.time for event in part)])
        ticks.append(data.draw(st.sampled_from([None, newest - 3.0, newest])))
    check_equal(made, parts, ticks)


Read = tuple[str, Event]


@st.composite
def two_topics(draw: st.DrawFn) -> tuple[list[Read], list[Read]]:
    """Return events of two topics, as they happened and as they were read: each topic in order, but not both.

    No two of different topics have one time: each rule then takes the topic of its earlier item first.
    """
    times = [(event, draw(st.sampled_from([TOPIC, OTHER]))) for event in draw(busy_events(lates=False))]
    apart = [
        (alias, msgspec.structs.replace(event, time=event.time + BETWEEN * (alias == OTHER))) for event, alias in times
    ]
    happened = [
        (alias, msgspec.structs.replace(event, offset=number, id=str(number)))
        for number, (alias, event) in enumerate(sorted(apart, key=lambda each: each[1].time))
    ]
    queues = {alias: [each for each in happened if each[0] == alias] for alias in (TOPIC, OTHER)}
    read: list[Read] = []
    while any(queues.values()):
        alias = draw(st.sampled_from([alias for alias, queue in queues.items() if queue]))
        read.append(queues[alias].pop(0))
    return happened, read


def unread_from(read: Sequence[Read], at: int) -> float:
    """Return the time of the first event that is not read yet."""
    return min((event.time for _, event in read[at:]), default=END)


def feed(
    made: Sequence[Rule], read: Sequence[Read], data: st.DataObject, *, restart: int | None = None
) -> Iterator[Change]:
    """Yield what the engine makes of events in the order in which they are *read*, time told now and then."""
    engine, state = plan(made), State()
    for at, (alias, event) in enumerate(read):
        if at == restart:
            state = carried(engine, state, read[:at])
        yield from judge(engine, state, alias, [event])
        if data.draw(st.booleans()):
            yield from tick(engine, state, math.nextafter(unread_from(read, at + 1), -math.inf))
    yield from tick(engine, state, END)


def carried(engine: Plan, state: State, read: Sequence[Read]) -> State:
    """Return a new state that loaded what was stored, through JSON, and replayed what was read."""
    after = State()
    after.load(
        {key: msgspec.json.decode(msgspec.json.encode(latch), type=Latch) for key, latch in state.all_latches().items()}
    )
    for alias, event in read:
        replay(engine, after, alias, [event])
    return after


@settings(max_examples=60)
@given(st.data())
def test_which_topic_is_read_first_changes_nothing(data: st.DataObject) -> None:
    made = data.draw(sequence_rules(topics=(TOPIC, OTHER)))
    happened, read = data.draw(two_topics())
    reference = Reference(made, {event.id: alias for alias, event in happened})
    expected = reference.judge([event for _, event in happened]) + reference.tick(END)
    restart = data.draw(st.none() | st.integers(0, len(read)))
    found = told(list(feed(made, read, data, restart=restart)))
    assert by_latch(found) == by_latch(expected)


def identities(changes: Sequence[Change]) -> set[tuple[str, tuple[str, ...], str, str]]:
    return {(change.rule, change.entity, change.occurrence, change.kind) for change in changes}


@settings(max_examples=60)
@given(st.data())
def test_a_restart_anywhere_goes_on_with_what_is_under_way(data: st.DataObject) -> None:
    made = plan(data.draw(sequence_rules()) + data.draw(rules(most=1)))
    found = data.draw(busy_events())
    at = data.draw(st.integers(0, len(found)))
    while 0 < at < len(found) and found[at - 1].offset == found[at].offset:
        at += 1

    first, stored = State(), dict[LatchKey, Latch]()
    before = []
    for part in data.draw(batches(found[:at])):
        before += judge(made, first, TOPIC, part)
        for key, latch in first.take_changed().items():
            stored.pop(key, None)
            stored |= {} if latch is None else {key: unpack(latch)}
    assert stored == first.all_latches()
    second = carried(made, first, [(TOPIC, event) for event in found[:at]])
    after = judge(made, second, TOPIC, found[at:]) + tick(made, second, END)

    whole = State()
    unbroken = judge(made, whole, TOPIC, found) + tick(made, whole, END)
    assert identities(before + after) == identities(unbroken)
    assert second.all_latches().keys() == whole.all_latches().keys()


@settings(max_examples=60)
@given(st.data())
def test_without_a_checkpoint_what_is_under_way_is_learnt_from_what_is_replayed(data: st.DataObject) -> None:
    made = plan(data.draw(sequence_rules()))
    found = data.draw(busy_events())
    at = data.draw(st.integers(0, len(found)))
    while 0 < at < len(found) and found[at - 1].offset == found[at].offset:
        at += 1  # a record is decided as a whole
    first, second, whole = State(), State(), State()
    before = judge(made, first, TOPIC, found[:at])
    told_of = {key: msgspec.structs.replace(latch, progress=None) for key, latch in first.all_latches().items()}
    second.load({key: latch for key, latch in told_of.items() if latch.phase is not Phase.INACTIVE})
    second.learns = True
    replay(made, second, TOPIC, found[:at])
    after = judge(made, second, TOPIC, found[at:]) + tick(made, second, END)
    unbroken = judge(made, whole, TOPIC, found) + tick(made, whole, END)
    assert identities(before + after) == identities(unbroken)


@settings(max_examples=60)
@given(st.data())
def test_a_reload_of_the_same_rules_goes_on_with_what_is_under_way(data: st.DataObject) -> None:
    made = data.draw(sequence_rules())
    found = data.draw(busy_events())
    at = data.draw(st.integers(0, len(found)))
    old, new, state = plan(made), plan(made), State()
    changes = judge(old, state, TOPIC, found[:at])
    assert sweep(new, state, 0.0) == []
    changes += judge(new, state, TOPIC, found[at:]) + tick(new, state, END)
    whole = State()
    assert sorted(told(changes)) == sorted(told(judge(old, whole, TOPIC, found) + tick(old, whole, END)))


@settings(max_examples=60)
@given(st.data())
def test_no_edit_of_a_sequence_opens_or_clears_anything_by_itself(data: st.DataObject) -> None:
    old, edited = plan(data.draw(sequence_rules())), data.draw(sequence_rules())
    new = plan(
        [
            rule
            for rule in edited
            if rule.id in old.rules and rule.per == old.rules[rule.id].rule.per and not rule.momentary
        ]
    )
    state = State()
    judge(old, state, TOPIC, data.draw(busy_events()))
    firing = {key for key, latch in state.all_latches().items() if latch.phase is Phase.FIRING}
    assert sweep(new, state, 0.0) == []
    assert {key for key, latch in state.all_latches().items() if latch.phase is Phase.FIRING} == firing
