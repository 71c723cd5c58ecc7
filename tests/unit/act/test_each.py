"""Items of a step's list: their names, what makes a list unusable, and one result of many. Pure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutyd.act.each import MOST_ITEMS, Item, items_of, name_of, to_take_back, together
from dutyd.act.steps import StepResult, StepState
from dutyd.core.expr import look_in, parse_template
from dutyd.core.incident import effect_key, item_of, round_of
from dutyd.core.step import Step

STEP = Step(name="page", tool="send_alert", each=parse_template("{{ hosts }}"))
DONE = StepResult(StepState.DONE, {"id": "A-1"})
REFUSED = StepResult(StepState.REFUSED, reason="denied")
SKIPPED = StepResult(StepState.SKIPPED, reason="if")
WAITING = StepResult(StepState.WAITING, reason="waits for approval", due=60.0, waiting="approval")
RETRY = StepResult(StepState.WAITING, reason="429", due=5.0, waiting="retry")


def names(hosts: object) -> list[str] | str:
    found = items_of(STEP, look_in({"hosts": hosts}))
    return found if isinstance(found, str) else [item.name for item in found]


@given(st.lists(st.text() | st.integers(-(10**9), 10**9) | st.booleans()))
def test_each_item_is_there_once_in_the_order_of_the_list(hosts: list[object]) -> None:
    found = names(hosts)
    expected = list(dict.fromkeys(name_of(host) for host in hosts))
    assert found == expected if len(expected) <= MOST_ITEMS else isinstance(found, str)


@given(st.text(max_size=60), st.integers(1, 9))
def test_a_key_tells_its_item_and_its_round_whatever_the_item_is_called(name: str, number: int) -> None:
    key = effect_key("i1", "page", item=name, round_=number)
    assert (item_of(key), round_of(key)) == (name, number)
    assert item_of(effect_key("i1", "page", round_=number)) is None


def test_numbers_and_texts_that_people_read_as_one_are_one_item() -> None:
    assert names([12, "12", 12.0, True, "true"]) == ["12", "true"]


def test_an_object_is_named_by_what_it_holds_and_the_result_of_an_item_as_that_item() -> None:
    assert name_of({"a": 1, "b": 2}) == name_of({"b": 2, "a": 1}) != name_of({"a": 1, "b": 3})
    assert name_of({"item": "web", "id": "A-1"}) == name_of({"item": "web", "id": "A-2"}) == "web"
    assert len(name_of("x" * 5000)) == 32


@pytest.mark.parametrize(
    ("hosts", "why"),
    [
        (None, "each is unknown"),
        ("web", "each is no list"),
        ([1, None], "an item that is unknown"),
        (list(range(MOST_ITEMS + 1)), "each has 101 items, at most 100"),
    ],
)
def test_a_list_that_can_not_be_known_says_why(hosts: object, why: str) -> None:
    assert why in str(names(hosts))


def one(*results: StepResult) -> StepResult:
    return together([(Item(f"h{number}", f"h{number}"), result) for number, result in enumerate(results)])


def test_many_results_are_one() -> None:
    assert one().state is StepState.DONE
    assert one(DONE, SKIPPED, DONE).data == {"results": [{"id": "A-1", "item": "h0"}, {"id": "A-1", "item": "h2"}]}
    assert one(DONE, SKIPPED).state is StepState.DONE
    assert one(SKIPPED, SKIPPED).state is StepState.SKIPPED
    refused = one(DONE, REFUSED, REFUSED)
    assert (refused.state, refused.reason) == (StepState.REFUSED, "2 of 3 items, first 'h1': denied")
    assert one(DONE, WAITING, RETRY, REFUSED) == StepResult(
        StepState.WAITING, {"results": [{"id": "A-1", "item": "h0"}]}, "waits for approval", 5.0, "retry"
    )


def test_what_was_done_is_taken_back_whatever_became_of_the_rest() -> None:
    items = [Item("a", "a"), Item("b", "b")]
    assert to_take_back(list(zip(items, (DONE, REFUSED), strict=True))).state is StepState.DONE
    assert to_take_back(list(zip(items, (DONE, RETRY), strict=True))).state is StepState.WAITING
    assert to_take_back(list(zip(items, (REFUSED, REFUSED), strict=True))).state is StepState.REFUSED
