"""What is due by the clock opens once, whoever asks, and what was missed is made up for within a bound."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from dutyd.core.expr import parse
from dutyd.core.incident import incident_id
from dutyd.core.rule import Rule
from dutyd.evaluate.engine import Change, Plan, State, next_due, plan, sweep, tick
from dutyd.evaluate.schedule import read_schedule

HOUR = 3600.0
NOON = datetime(2026, 6, 5, 12, tzinfo=UTC).timestamp()
NEVER = float("-inf")


def scheduled(text: str = "0 * * * *", missed: float = 2 * HOUR, id: str = "report") -> Rule:  # noqa: A002  # its name
    return Rule(id=id, topic="", when=parse("true"), schedule=read_schedule(text, "UTC", missed))


def opened(made: Plan, state: State, clock: float) -> list[float]:
    """Return the due times that open at *clock*, in hours after noon."""
    return [(change.opened - NOON) / HOUR for change in tick(made, state, NEVER, clock)]


def test_a_new_rule_begins_at_the_clock_and_fires_at_each_due_time_once() -> None:
    made, state = plan([scheduled()]), State()
    assert opened(made, state, NOON) == []
    assert next_due(made, state) == NOON + HOUR
    assert opened(made, state, NOON + HOUR - 0.1) == []
    assert opened(made, state, NOON + HOUR) == [1.0]
    assert opened(made, state, NOON + HOUR) == opened(made, state, NOON) == []
    assert opened(made, state, NOON + 2 * HOUR + 5) == [2.0]


def test_a_task_without_schedules_fires_none() -> None:
    made, state = plan([scheduled()]), State()
    assert tick(made, state, NOON) == tick(made, state, NOON + 9 * HOUR) == []
    assert state.all_latches() == {}


def test_an_opening_says_when_it_was_due() -> None:
    made, state = plan([scheduled()]), State()
    tick(made, state, NEVER, NOON)
    (change,) = tick(made, state, NEVER, NOON + HOUR + 30)
    assert (change.occurrence, change.decided, change.entity) == ("2026-06-05T13:00:00Z", NOON + HOUR, ())
    assert change.evidence.fields == {
        "due": "2026-06-05T13:00:00+00:00",
        "date": "2026-06-05",
        "weekday": "friday",
        "missed": 0.0,
    }


def test_of_what_was_missed_the_latest_is_made_up_for() -> None:
    made, state = plan([scheduled()]), State()
    tick(made, state, NEVER, NOON)
    (change,) = tick(made, state, NEVER, NOON + 5.5 * HOUR)
    assert change.opened == NOON + 5 * HOUR
    assert change.evidence.fields["missed"] == 2.0  # one within the bound, and there were earlier ones
    assert state.take_counts().missed == {"report": 2}


def test_what_was_missed_for_too_long_is_not_made_up_for() -> None:
    made, state = plan([scheduled("0 6 * * *")]), State()
    tick(made, state, NEVER, NOON)
    assert opened(made, state, NOON + 22 * HOUR) == []
    assert state.take_counts().missed == {"report": 1}
    assert opened(made, state, NOON + 23 * HOUR) == []
    assert opened(made, state, NOON + 42 * HOUR) == [42.0]


def test_a_changed_schedule_does_not_fire() -> None:
    made, state = plan([scheduled()]), State()
    tick(made, state, NEVER, NOON)
    edited = plan([scheduled("30 * * * *")])
    assert sweep(edited, state, NOON + HOUR + 1) == []
    assert opened(edited, state, NOON + HOUR + 1) == []
    assert opened(edited, state, NOON + 1.5 * HOUR) == [1.5]


def test_a_rule_that_is_gone_is_forgotten() -> None:
    made, state = plan([scheduled()]), State()
    tick(made, state, NEVER, NOON)
    none = plan([])
    state.take_changed()
    assert opened(none, state, NOON + HOUR) == []
    assert state.take_changed() == {("report", ()): None}
    assert opened(made, state, NOON + 1.5 * HOUR) == []
    assert opened(made, state, NOON + 2 * HOUR) == [2.0]


def test_a_rule_of_events_that_gets_a_schedule_clears_what_it_had() -> None:
    events = Rule(id="report", topic="metrics", when=parse("x > 1"))
    state = State()
    made = plan([scheduled()])
    sweep(plan([events]), state, NOON)
    sweep(made, state, NOON)
    tick(made, state, NEVER, NOON)
    assert opened(made, state, NOON + HOUR) == [1.0]


def occurrences(changes: list[Change]) -> set[str]:
    return {incident_id(change.rule, change.entity, change.occurrence) for change in changes}


@given(st.lists(st.floats(0.0, 3 * HOUR), min_size=1, max_size=12), st.data())
def test_restarts_and_rivals_open_no_other_incidents(steps: list[float], data: st.DataObject) -> None:
    """Two replicas that both believe that they run the schedules, one after the other, as one that never stops."""
    made = plan([scheduled("*/20 * * * *", 20 * HOUR), scheduled("7 * * * *", 20 * HOUR, "other")])
    one, whole, clock = State(), State(), NOON
    tick(made, one, NEVER, clock)
    tick(made, whole, NEVER, clock)
    stored = one.all_latches()
    together, alone = list[Change](), list[Change]()
    for step in steps:
        clock += step
        if data.draw(st.booleans()):  # it dies, maybe before what it decided is stored
            if data.draw(st.booleans()):
                tick(made, one, NEVER, clock)
            one = State()
            one.load(stored)
        together += tick(made, one, NEVER, clock)
        alone += tick(made, whole, NEVER, clock)
        stored = one.all_latches()
    assert [each.occurrence for each in together] == [each.occurrence for each in alone]
    assert len(occurrences(together)) == len(together)
