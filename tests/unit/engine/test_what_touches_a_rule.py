from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from dutyd.core.expr import Node, evaluate, parse
from dutyd.core.expr.tree import Has, Name, Prev, Window, walk
from dutyd.evaluate.engine.compiled.touch import Band, touch_of
from support.engine.expressions import events, of_one_event
from support.engine.worlds import conditions


def touches(when: str, clear: str | None = None) -> tuple[set[str], int] | None:
    """Return the fields, and the number of windows, that can make *when* true."""
    touch = touch_of(parse(when).root, None if clear is None else parse(clear).root)
    return None if touch is None else (set(touch.fields), len(touch.windows))


@given(of_one_event, events)
def test_without_what_touches_it_no_condition_is_true(node: Node, fields: dict[str, Any]) -> None:
    touch = touch_of(node, None)
    assume(touch is not None)
    assert touch is not None
    for field in touch.fields:
        fields.pop(field, None)

    def look(leaf: Name | Has | Window | Prev) -> object | None:
        assert isinstance(leaf, Name | Has)
        value = fields.get(leaf.name)
        return value is not None if isinstance(leaf, Has) else value

    assert evaluate(node, look) is not True


@given(conditions, st.data())
def test_within_its_band_no_condition_is_true(node: Node, data: st.DataObject) -> None:
    touch = touch_of(node, None)
    if touch is None or touch.band.low > touch.band.high:
        return
    number = data.draw(st.floats(max(touch.band.low, -9.0), min(touch.band.high, 9.0)))
    values = {leaf: data.draw(st.none() | st.floats(-9, 9)) for leaf in walk(node) if isinstance(leaf, Window)}
    values |= dict.fromkeys(touch.windows, number)
    fields: dict[str, Any] = data.draw(
        st.fixed_dictionaries({}, optional={name: st.sampled_from([0.0, 2, 4.0, "u", True]) for name in "xysb"})
    )
    fields |= dict.fromkeys(touch.fields, number)

    def look(leaf: Name | Has | Window | Prev) -> object | None:
        if isinstance(leaf, Window):
            return values[leaf]
        if isinstance(leaf, Prev):
            return fields.get("y")
        value = fields.get(leaf.name)
        return value is not None if isinstance(leaf, Has) else value

    assert evaluate(node, look) is not True


def test_a_threshold_is_touched_by_its_field() -> None:
    assert touches("x > 3") == ({"x"}, 0)
    touch = touch_of(parse("x > 3").root, None)
    assert touch is not None
    assert touch.band == Band(float("-inf"), 3.0)


def test_of_two_that_must_hold_the_one_with_a_band_is_asked_for() -> None:
    assert touches('s == "u" && x > 3') == ({"x"}, 0)


def test_either_of_two_alternatives_touches() -> None:
    assert touches("x > 3 || y > 3") == ({"x", "y"}, 0)


def test_absence_of_a_field_may_touch_at_every_event() -> None:
    assert touches("!has(x)") is None


def test_windows_alone_are_touched_by_samples() -> None:
    assert touches("sum(x, 5m) / sum(y, 5m) > 0.05") == (set(), 2)


def test_a_window_that_holds_when_empty_is_asked_at_every_event() -> None:
    assert touches("count(5m) < 3") is None


def test_a_window_whose_clear_reads_a_field_is_asked_at_every_event() -> None:
    assert touches("avg(x, 5m) > 3", "y < 2") is None


def test_a_constant_decides_nothing_beside_a_field() -> None:
    assert touches("true && x > 3") == ({"x"}, 0)
    assert touches("1 < 2 || x > 3") is None
    assert touches("(1 < 2 ? x : y) > 3") == ({"x"}, 0)
