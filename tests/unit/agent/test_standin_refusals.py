"""The stand-in refuses what the real API refuses, in its words; a client that passes here can pass there."""

from typing import Any

import pytest

from dutyd.embedded.standin.checks import refuse_key, refuse_request
from dutyd.embedded.standin.script import Script

SCRIPT = Script()


def a_tool(parameters: Any = None, name: str = "create_ticket") -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": parameters or {"type": "object"}}}


def a_call(call_id: str = "create_ticket:0") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": "create_ticket", "arguments": "{}"}}


def a_body(**changes: Any) -> dict[str, Any]:
    return {"model": "kimi-k2.6", "messages": [{"role": "user", "content": "go"}]} | changes


def refusal(script: Script = SCRIPT, **changes: Any) -> str | None:
    refused = refuse_request(a_body(**changes), 1000, script)
    return None if refused is None else f"{refused.status} {refused.type} {refused.message}"


def test_a_plain_request_is_taken() -> None:
    assert refusal() is None
    assert refusal(tools=[a_tool()], tool_choice="auto", max_completion_tokens=500) is None


@pytest.mark.parametrize("header", ["", "Basic abc", "Bearer", "Bearer  "])
def test_a_missing_key_is_refused(header: str) -> None:
    refused = refuse_key(header, SCRIPT)
    assert refused is not None
    assert (refused.status, refused.type) == (401, "invalid_authentication_error")


def test_only_the_wrong_key_is_refused_among_keys() -> None:
    script = Script(wrong_key="sk-wrong")
    refused = refuse_key("Bearer sk-wrong", script)
    assert refused is not None
    assert refused.type == "incorrect_api_key_error"
    assert refuse_key("Bearer sk-right", script) is None


@pytest.mark.parametrize("model", ["moonshot-v1-32k", "kimi-k2-0905-preview", "kimi-k2-thinking", "kimi-k2.5", None])
def test_retired_models_are_not_found(model: str | None) -> None:
    said = refusal(model=model)
    assert said is not None
    assert said.startswith("404 resource_not_found_error Not found the model")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"temperature": 0.3}, "invalid temperature: only 1 is allowed for this model"),
        ({"temperature": 1, "thinking": {"type": "disabled"}}, "invalid temperature: only 0.6 is allowed"),
        ({"top_p": 1}, "invalid top_p: only 0.95"),
        ({"n": 2}, "invalid n: only 1"),
        ({"presence_penalty": 0.5}, "invalid presence_penalty"),
        ({"frequency_penalty": 0.5}, "invalid frequency_penalty"),
        ({"stop": ["x"] * 6}, "stop takes at most 5"),
        ({"stop": ["x" * 33]}, "stop takes at most 5"),
        ({"thinking": {"type": "disabled"}, "reasoning_effort": "low"}, "cannot specify both"),
        ({"thinking": "off"}, "thinking.type must be"),
        ({"thinking": {"type": "disabled"}, "model": "kimi-k2.7-code"}, "can't be disabled"),
        ({"thinking": {"type": "disabled"}, "model": "kimi-k3"}, "can't be disabled"),
        ({"reasoning_effort": "none"}, "reasoning_effort must be one of"),
        ({"tool_choice": "required", "tools": [a_tool()]}, "'required' is not supported"),
        ({"tool_choice": "required", "model": "kimi-k3"}, "needs tools"),
        ({"tool_choice": "any", "tools": [a_tool()]}, "unknown tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice 'specified' is incompatible with thinking enabled"),
        ({"max_completion_tokens": 0}, "max_completion_tokens must be"),
        ({"max_completion_tokens": 262_144}, "Your request exceeded model token limit: 262144"),
        ({"messages": []}, "messages must be a list"),
        ({"messages": [{"role": "judge", "content": "x"}]}, "no known role"),
        ({"messages": [{"role": "user", "content": ""}]}, "text content is empty"),
    ],
)
def test_parameters_outside_what_the_api_takes_are_refused(changes: dict[str, Any], words: str) -> None:
    said = refusal(**changes)
    assert said is not None
    assert said.startswith("400 invalid_request_error")
    assert words in said


def test_a_body_over_two_mebibytes_is_refused() -> None:
    refused = refuse_request(a_body(), 2_097_153, SCRIPT)
    assert refused is not None
    assert "total message size 2097153 exceeds limit" in refused.message


def test_a_named_choice_is_taken_when_thinking_is_off() -> None:
    choice = {"type": "function", "function": {"name": "create_ticket"}}
    assert refusal(tool_choice=choice, tools=[a_tool()], thinking={"type": "disabled"}) is None


def history(*messages: dict[str, Any]) -> str | None:
    return refusal(messages=[{"role": "user", "content": "go"}, *messages])


def test_calls_without_reasoning_are_refused_while_thinking_only() -> None:
    calls = {"role": "assistant", "tool_calls": [a_call()]}
    answered = {"role": "tool", "tool_call_id": "create_ticket:0", "content": "done"}
    said = history(calls, answered)
    assert said is not None
    assert "reasoning_content is missing in assistant tool call message at index 1" in said
    assert history(calls | {"reasoning_content": ""}, answered) is None
    messages = [{"role": "user", "content": "go"}, calls, answered]
    assert refusal(messages=messages, thinking={"type": "disabled"}) is None


@pytest.mark.parametrize("arguments", ['{"a": ', "[1]", "7", "null"])
def test_servers_of_one_s_own_parse_the_arguments_of_the_dialogue(arguments: str) -> None:
    call = {"id": "functions.order:0", "type": "function", "function": {"name": "order", "arguments": arguments}}
    answered = {"role": "tool", "tool_call_id": "functions.order:0", "content": "done"}
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "reasoning_content": "", "tool_calls": [call]},
        answered,
    ]
    assert refusal(messages=messages) is None
    assert refusal(Script(ids="vllm"), messages=messages) is not None


def test_every_call_id_must_be_answered_before_anything_else() -> None:
    calls = {"role": "assistant", "reasoning_content": "", "tool_calls": [a_call("a:0"), a_call("b:1")]}
    half = {"role": "tool", "tool_call_id": "a:0", "content": "done"}
    for rest in ([half], [half, {"role": "user", "content": "and?"}]):
        said = history(calls, *rest)
        assert said is not None
        assert "did not have response messages: b:1" in said


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"role": "tool", "content": "x"}, "must have a tool_call_id"),
        ({"role": "tool", "tool_call_id": "z:9", "content": "x"}, "tool_call_id z:9 is not found"),
        ({"role": "assistant", "content": ""}, "must not be empty"),
        ({"role": "assistant", "tool_calls": ["odd"]}, "must be a list of"),
    ],
)
def test_a_broken_history_is_refused(message: dict[str, Any], words: str) -> None:
    said = history(message)
    assert said is not None
    assert words in said


def wrong_schema(properties: dict[str, Any], script: Script = SCRIPT, **root: Any) -> str | None:
    return refusal(script, tools=[a_tool({"type": "object", "properties": properties} | root)])


@pytest.mark.parametrize(
    "tools",
    [
        [a_tool(name="do")],
        [a_tool(name="has space")],
        [a_tool(), a_tool()],
        [a_tool(name=f"tool_{number}") for number in range(129)],
        [{"type": "function"}],
        [a_tool({"type": "string"})],
    ],
)
def test_tools_the_api_does_not_know_are_refused(tools: list[Any]) -> None:
    said = refusal(tools=tools)
    assert said is not None
    assert said.startswith("400")


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"a": {}}, "<At path 'a': type is not defined>"),
        ({"a": {"type": "object", "properties": {"b": {"enum": ["x"]}}}}, "<At path 'a.b': type is not defined>"),
        ({"a": {"type": "array", "items": {}}}, "<At path 'a[]': type is not defined>"),
        ({"a": {"type": "string", "anyOf": [{"type": "string"}]}}, "must not stand beside anyOf"),
        ({"a": {"anyOf": [{"minimum": 1}]}}, "<At path 'a.anyOf[0]': type is not defined>"),
        ({"a": {"type": "string", "enum": ["x", 1]}}, "enum must hold"),
        ({"a": {"type": "integer", "minimum": 5, "maximum": 4}}, "minimum is above maximum"),
        ({"required": {"type": "string"}}, "must not be named required"),
        ({"a": "text"}, "a schema must be an object"),
        ({"a": {"type": "string", "enum": "x"}}, "enum must be an array"),
    ],
)
def test_schemas_outside_the_dialect_are_refused_with_their_path(properties: dict[str, Any], words: str) -> None:
    said = wrong_schema(properties)
    assert said is not None
    assert "not a valid moonshot flavored json schema" in said
    assert words in said


def test_a_required_name_must_be_a_property() -> None:
    said = wrong_schema({}, required=["quantity"])
    assert said is not None
    assert "required name quantity is not in properties" in said


def test_keywords_that_nobody_enforces_are_refused_in_the_strict_mode_only() -> None:
    properties = {"a": {"type": "number", "multipleOf": 5}}
    assert wrong_schema(properties) is None
    said = wrong_schema(properties, Script(schemas="strict"))
    assert said is not None
    assert "keyword multipleOf is not supported" in said
