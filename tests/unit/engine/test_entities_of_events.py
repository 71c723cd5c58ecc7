from typing import Any

import pytest

from dutyd.evaluate.engine.entities import entity_of, key_of, to_key
from support.engine.run import Task, event, rule


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("web-1", "web-1"),
        ("", ""),
        (12, "12"),
        (12.0, "12"),
        ("12", "12"),
        (-0.0, "0"),
        (1234567890123456789, "1234567890123456789"),
        (1e20, "100000000000000000000"),
        (True, "true"),
        (False, "false"),
        (12.5, None),
        (None, None),
        (["a"], None),
        (10**400, None),
    ],
)
def test_an_entity_is_text_or_bool_or_a_whole_number(value: Any, text: str | None) -> None:
    assert key_of(("k",), {"k": value}.get) == text


def test_two_fields_make_one_entity() -> None:
    assert key_of(("a", "b"), {"a": "x", "b": 2}.get) == ("x", "2")
    assert key_of(("a", "b"), {"a": "x"}.get) is None


def test_no_field_makes_one_entity_for_the_whole_rule() -> None:
    nothing: dict[str, object] = {}
    assert key_of((), nothing.get) == ()


@pytest.mark.parametrize("entity", [(), ("a",), ("a", "b")])
def test_a_key_is_an_entity_and_back(entity: tuple[str, ...]) -> None:
    assert entity_of(to_key(entity)) == entity


def test_one_number_written_three_ways_is_one_entity() -> None:
    task = Task(rule("x > 3"))
    assert len(task.judge(event(1.0, 12, x=4), event(2.0, "12", x=4), event(3.0, 12.0, x=4))) == 1


def test_an_event_without_an_entity_is_counted_and_not_judged() -> None:
    task = Task(rule("x > 3"))
    assert task.judge(event(1.0, None, x=4), event(2.0, [1], x=4)) == []
    assert task.state.take_counts().no_entity == 2
