from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dutyd.core.expr import Node
from dutyd.core.expr.tree import Binary, Literal, Name, Window
from dutyd.core.rule import Rule
from support.engine.check import check_equal
from support.engine.worlds import TOPIC, batches, each_event_rules, events, expr, keepers, rules, terms


@given(st.data(), st.booleans())
def test_any_rules_decide_as_the_reference_does(data: st.DataObject, lates: bool) -> None:
    made = data.draw(rules()) + data.draw(each_event_rules())
    found = data.draw(events(lates=lates))
    if lates:
        made += keepers(made)
    parts = data.draw(batches(found))
    newest = 0.0
    ticks: list[float | None] = []
    for part in parts:
        newest = max([newest, *(event.time for event in part)])
        ticks.append(data.draw(st.sampled_from([None, newest - 3.0, newest, newest + 1.0])))
    check_equal(made, parts, ticks)


_ops: Any = st.sampled_from([">", ">=", "<", "<="])
_bounds = st.integers(-3, 8).map(float)


@st.composite
def many_thresholds(draw: st.DrawFn, quantity: Node) -> list[Rule]:
    """Return enough thresholds on one number for a list of cuts, some with hysteresis or ``for``."""
    made = []
    for number in range(draw(st.integers(16, 24))):
        op, bound = draw(_ops), draw(_bounds)
        gap = draw(st.sampled_from([None, 0.0, 1.0, 2.0]))
        turned: Any = {">": "<=", ">=": "<", "<": ">=", "<=": ">"}[op]
        distance = None if gap is None else gap if op in ("<", "<=") else -gap
        clear = None if distance is None else expr(Binary(turned, quantity, Literal(bound + distance)))
        hold = draw(st.sampled_from([0.0, 0.0, 2.0]))
        when = expr(Binary(op, quantity, Literal(bound)))
        more = draw(terms)
        made.append(Rule(id=f"rule-{number}", topic=TOPIC, per=("k",), when=when, clear=clear, hold=hold, **more))
    return made


@given(st.data())
def test_many_thresholds_on_one_field_decide_as_the_reference_does(data: st.DataObject) -> None:
    made = data.draw(many_thresholds(Name("x")))
    found = data.draw(events())
    check_equal(made, [found], [None])


@given(st.data())
def test_many_thresholds_on_one_window_decide_as_the_reference_does(data: st.DataObject) -> None:
    window: Any = data.draw(st.sampled_from(["sum", "avg", "max"]))
    made = data.draw(many_thresholds(Window(window, "x", 5.0)))
    made += keepers(made[:1])
    found = data.draw(events())
    check_equal(made, [found], [None])
