"""The stand-in against the contract that the vendor's own verifier holds endpoints to, with the client it uses.

Rewritten from what MoonshotAI/Kimi-Vendor-Verifier checks: fixed parameters, ``tool_choice``, thinking effort,
``response_format``, and calls whose arguments fit each schema, whole and streamed. Left out: tools inside a system
message and what ``response_format`` does to a text (nothing here asks for either), prompt token counts (they are of the
real tokenizer), and whether the real model chooses well.
"""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import openai
import pytest
from openai.types.chat import ChatCompletion

from support.agent_run import playing

FIXED: dict[str, tuple[float, float, float]] = {  # while thinking, while not, and wrong
    "temperature": (1.0, 0.6, 0.5),
    "top_p": (0.95, 0.95, 0.8),
    "presence_penalty": (0, 0, 0.5),
    "frequency_penalty": (0, 0, 0.5),
    "n": (1, 1, 2),
}
LOOK_UP: dict[str, Any] = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}
NAMED = {"type": "function", "function": {"name": "look_up"}}


@pytest.fixture(scope="module")
def client() -> Iterator[openai.OpenAI]:
    with (
        playing({"schemas": "usual"}) as served,
        openai.OpenAI(base_url=served.url, api_key="sk", max_retries=0) as made,
    ):
        yield made


def asked(client: openai.OpenAI, model: str = "kimi-k2.6", **more: Any) -> Any:
    """Ask for a word; return the answer, or the error's status and text."""
    messages: Any = [{"role": "user", "content": "Say 'OK' and nothing else."}]
    try:
        return client.chat.completions.create(model=model, messages=messages, **more)
    except openai.APIStatusError as error:
        return f"{error.status_code} {error.type}: {error.message}"


def thinking(*, on: bool) -> dict[str, Any]:
    return {"thinking": {"type": "enabled" if on else "disabled"}}


@pytest.mark.parametrize("on", [True, False], ids=["thinking", "not thinking"])
def test_parameters_have_one_value_and_may_be_left_out(client: openai.OpenAI, *, on: bool) -> None:
    extra = thinking(on=on)
    assert isinstance(asked(client, extra_body=extra), ChatCompletion)
    for name, (while_on, while_off, wrong) in FIXED.items():
        fine: dict[str, Any] = {name: while_on if on else while_off}
        assert isinstance(asked(client, extra_body=extra, **fine), ChatCompletion), name
        refused: dict[str, Any] = {name: wrong}
        assert asked(client, extra_body=extra, **refused).startswith("400 invalid_request_error"), name


@pytest.mark.parametrize(
    ("model", "more", "words"),
    [
        ("kimi-k3", {"tool_choice": "required"}, "needs tools"),
        ("kimi-k3", {"tool_choice": "required", "tools": []}, "needs tools"),
        ("kimi-k3", {"tool_choice": "any", "tools": [LOOK_UP]}, "unknown tool_choice"),
        ("kimi-k3", {"tool_choice": NAMED, "tools": [LOOK_UP]}, "incompatible with thinking"),
        ("kimi-k2.6", {"tool_choice": "required", "tools": [LOOK_UP]}, "not supported"),
        ("kimi-k2.6", {"tool_choice": NAMED, "tools": [LOOK_UP]}, "incompatible with thinking"),
        ("kimi-k3", {"reasoning_effort": "none"}, "must be one of low, high, max"),
        ("kimi-k3", {"extra_body": {"thinking": {"type": "disabled"}}}, "can't be disabled"),
        ("kimi-k2.6", {"extra_body": thinking(on=True) | {"reasoning_effort": "low"}}, "cannot specify both"),
        ("kimi-k3", {"extra_body": {"response_format": {"type": "xml"}}}, "response_format"),
        ("kimi-k3", {"extra_body": {"response_format": "json_object"}}, "response_format"),
        ("kimi-k3", {"extra_body": {"response_format": {"type": "json_schema"}}}, "json_schema"),
        (
            "kimi-k3",
            {"extra_body": {"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}}},
            "schema",
        ),
        (
            "kimi-k3",
            {"extra_body": {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}}},
            "name",
        ),
    ],
)
def test_what_the_api_does_not_take_is_an_invalid_request(
    client: openai.OpenAI, model: str, more: dict[str, Any], words: str
) -> None:
    said = asked(client, model, **more)
    assert isinstance(said, str)
    assert said.startswith("400 invalid_request_error")
    assert words in said


@pytest.mark.parametrize(
    ("model", "more"),
    [
        ("kimi-k3", {"tool_choice": "required", "tools": [LOOK_UP]}),
        ("kimi-k3", {"tool_choice": "auto", "tools": [LOOK_UP]}),
        ("kimi-k2.6", {"tool_choice": NAMED, "tools": [LOOK_UP], "extra_body": {"thinking": {"type": "disabled"}}}),
        ("kimi-k3", {"reasoning_effort": "low"}),
        ("kimi-k3", {"reasoning_effort": "max"}),
        ("kimi-k3", {"response_format": {"type": "text"}}),
        ("kimi-k3", {"response_format": {"type": "json_object"}}),
        (
            "kimi-k3",
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}},
        ),
    ],
)
def test_what_the_api_takes_is_answered(client: openai.OpenAI, model: str, more: dict[str, Any]) -> None:
    assert isinstance(asked(client, model, **more), ChatCompletion)


def test_nothing_is_called_where_that_is_forbidden(client: openai.OpenAI) -> None:
    assert not asked(client, "kimi-k3", tools=[LOOK_UP], tool_choice="none").choices[0].message.tool_calls


TEXT = {"type": "string"}
SCHEMAS: list[dict[str, Any]] = [
    {"type": "string", "minLength": 1, "maxLength": 9},
    {"type": "string", "enum": ["a", "b"]},
    {"type": "number", "enum": [1, 2.5]},
    {"type": "number", "minimum": -10, "maximum": 10},
    {"type": "integer", "minimum": 3, "maximum": 3},
    {"type": "boolean"},
    {"type": "null"},
    {"type": "array", "items": TEXT, "minItems": 2, "maxItems": 3},
    {"type": "array", "items": {"type": "array", "items": TEXT, "minItems": 1}, "minItems": 1},
    {"type": "object", "properties": {"b": TEXT, "c": {"type": "integer"}}, "required": ["b"]},
    {"type": "object", "properties": {"b": TEXT}, "required": ["b"], "additionalProperties": False},
    {"type": "object", "properties": {"type": TEXT, "enum": TEXT}, "required": ["type", "enum"]},
    {"type": "object", "properties": {"": TEXT, "a.b/c": TEXT}, "required": ["", "a.b/c"]},
    {"anyOf": [TEXT, {"type": "object", "properties": {"g": TEXT}}]},
    {"anyOf": [{"type": "integer", "minimum": 5}, {"type": "null"}], "description": "a number, or none"},
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
def test_the_arguments_of_a_call_fit_its_schema_whole_and_streamed(
    client: openai.OpenAI, schema: dict[str, Any]
) -> None:
    parameters = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    tool = {"type": "function", "function": {"name": "look_up", "parameters": parameters}}
    more: dict[str, Any] = {"tools": [tool], "tool_choice": "required", "max_completion_tokens": 2048}
    whole = asked(client, "kimi-k3", **more).choices[0].message.tool_calls[0].function.arguments
    pieces = [
        call.function.arguments or ""
        for chunk in asked(client, "kimi-k3", stream=True, **more)
        for call in chunk.choices[0].delta.tool_calls or ()
    ]
    assert len(pieces) > 1
    assert "".join(pieces) == whole
    jsonschema.validate(json.loads(whole), parameters)
