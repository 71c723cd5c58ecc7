"""What an answer says is decided by what is in it; hosts get its form wrong in many ways."""

from typing import Any

import pytest

from dutyd.act.agent.reading import Calls, CutShort, Filtered, Nothing, Words, read
from dutyd.act.gateway import Call

CALL = {"id": "order:0", "type": "function", "function": {"name": "order", "arguments": '{"quantity": 24}'}}
RAW = (
    "<|tool_calls_section_begin|><|tool_call_begin|>functions.order:0<|tool_call_argument_begin|>"
    '{"quantity": 24}<|tool_call_end|><|tool_calls_section_end|>'
)


def said(**parts: Any) -> dict[str, Any]:
    return {"role": "assistant", **parts}


@pytest.mark.parametrize("finish", ["tool_calls", "stop", "", "unexpected_state"])
def test_calls_are_calls_whatever_the_finish_reason_says(finish: str) -> None:
    reading = read(said(tool_calls=[CALL]), finish, 0)
    assert reading == Calls((Call("order:0", "order", '{"quantity": 24}'),), said(tool_calls=[CALL]))


def test_calls_that_were_cut_by_the_output_limit_are_no_calls() -> None:
    assert read(said(tool_calls=[CALL]), "length", 0) == CutShort()


def test_moderation_is_believed() -> None:
    assert read(said(content="x"), "content_filter", 0) == Filtered()


@pytest.mark.parametrize(
    "message", [said(), said(content=""), said(content=" \n"), said(content=None, tool_calls=[]), said(content=[])]
)
def test_an_answer_without_anything_is_nothing(message: dict[str, Any]) -> None:
    assert read(message, "tool_calls", 0) == Nothing("an empty answer")


def test_words_are_words() -> None:
    message = said(content="All done.", tool_calls=[], reasoning_content="hm")
    assert read(message, "stop", 0) == Words("All done.", said(content="All done.", reasoning_content="hm"))


@pytest.mark.parametrize("words", [None, "", 7, {"text": "x"}, ["x"]])
def test_words_that_are_no_text_do_not_go_back(words: Any) -> None:
    reading = read(said(content=words, reasoning_content=words, tool_calls=[CALL], seed=7), "tool_calls", 0)
    assert isinstance(reading, Calls)
    thought = {"reasoning_content": ""} if words == "" else {}
    assert reading.message == {"role": "assistant", "tool_calls": [CALL], "seed": 7} | thought


def test_the_message_goes_back_whole_but_for_what_is_empty() -> None:
    message = said(content="", reasoning_content="", tool_calls=[CALL], odd={"kept": 1})
    reading = read(message, "tool_calls", 0)
    assert isinstance(reading, Calls)
    assert reading.message == said(reasoning_content="", tool_calls=[CALL], odd={"kept": 1})


@pytest.mark.parametrize(
    "raw",
    [
        RAW,
        "Let me see. " + RAW,
        RAW.replace("tool_calls_section", "tool_call_section"),
        RAW.removesuffix("<|tool_calls_section_end|>"),
        RAW.replace("functions.", ""),
        RAW.replace("<|tool_calls_section_begin|>", ""),
    ],
)
@pytest.mark.parametrize("place", ["content", "reasoning_content"])
def test_calls_that_leaked_as_raw_tokens_are_read(raw: str, place: str) -> None:
    reading = read(said(**{"content": "", place: raw}), "stop", 3)
    assert isinstance(reading, Calls)
    assert reading.calls == (Call("functions.order:3", "order", '{"quantity": 24}'),)
    assert "<|" not in str(reading.message)
    assert reading.message["tool_calls"][0]["id"] == "functions.order:3"


def test_several_leaked_calls_are_several() -> None:
    reading = read(said(content=RAW + RAW.replace("order", "ticket")), "stop", 0)
    assert isinstance(reading, Calls)
    assert [call.name for call in reading.calls] == ["order", "ticket"]


def test_markers_without_a_whole_call_are_nothing() -> None:
    assert read(said(content=RAW[:80]), "stop", 0) == Nothing("call markers without a whole call")


def test_reasoning_about_markers_is_no_call_where_there_are_words() -> None:
    assert isinstance(read(said(content="Done.", reasoning_content=RAW), "stop", 0), Words)


@pytest.mark.parametrize("ids", [("", ""), (None, None), ("a", "a")])
def test_every_call_can_be_answered_even_if_ids_are_missing_or_equal(ids: tuple[Any, Any]) -> None:
    reading = read(said(tool_calls=[CALL | {"id": ids[0]}, CALL | {"id": ids[1]}]), "tool_calls", 5)
    assert isinstance(reading, Calls)
    answered = [call.id for call in reading.calls]
    assert len(set(answered)) == 2
    assert all(answered)
    assert [call["id"] for call in reading.message["tool_calls"]] == answered


def test_arguments_that_came_as_an_object_are_their_text() -> None:
    raw = {"id": "order:0", "function": {"name": "order", "arguments": {"quantity": 24}}}
    reading = read(said(tool_calls=[raw, {"odd": 1}, "odd"]), "tool_calls", 0)
    assert isinstance(reading, Calls)
    assert reading.calls == (Call("order:0", "order", '{"quantity": 24}'),)
    assert reading.message["tool_calls"] == [CALL]


@pytest.mark.parametrize("calls", [[{}], ["x"], [{"function": {"name": ""}}], {"a": 1}, "calls"])
def test_calls_that_nobody_can_read_are_nothing(calls: Any) -> None:
    assert read(said(tool_calls=calls), "tool_calls", 0) == Nothing("calls that nobody can read")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{"quantity": 24}', '{"quantity": 24}'),
        ({"quantity": 24}, '{"quantity": 24}'),
        (None, "{}"),
        ("", "{}"),
        (7, "{}"),
        (["a"], "{}"),
        ('{"quantity": 2', "{}"),
        ('{"a": NaN}', "{}"),
    ],
)
def test_arguments_go_back_as_the_text_of_an_object(arguments: Any, text: str) -> None:
    raw = {"id": "order:0", "type": "function", "function": {"name": "order", "arguments": arguments}}
    reading = read(said(tool_calls=[raw]), "tool_calls", 0)
    assert isinstance(reading, Calls)
    (sent,) = reading.message["tool_calls"]
    assert sent == {"id": "order:0", "type": "function", "function": {"name": "order", "arguments": text}}
