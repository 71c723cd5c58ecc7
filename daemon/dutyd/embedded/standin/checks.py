"""What the real API refuses, the stand-in refuses: a request body comes in, a refusal or nothing goes out.

Called by ``embedded.standin`` before anything is answered. A stand-in that took what the real endpoint turns away
would let a broken client pass its tests. Status, ``error.type`` and wording follow what is known of the real API.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dutyd.core.mfjs import MOST_FUNCTIONS, problem_of
from dutyd.embedded.standin.script import Script
from dutyd.embedded.standin.wire import tokens_of

_MOST_BYTES = 2_097_152
_FIXED: Mapping[str, float] = {"top_p": 0.95, "n": 1, "presence_penalty": 0, "frequency_penalty": 0}
_FORMATS = ("text", "json_object", "json_schema")
_EFFORTS = ("low", "high", "max")
_ROLES = ("system", "user", "assistant", "tool")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP status and the ``error`` object beside it."""

    status: int
    type: str
    message: str


@dataclass(frozen=True, slots=True)
class Traits:
    """What is particular to a model.

    Attributes:
        can_stop_thinking: whether ``thinking: {"type": "disabled"}`` is allowed.
        takes_required: whether ``tool_choice: required`` is allowed.
        window: tokens that prompt and answer share.

    """

    can_stop_thinking: bool = True
    takes_required: bool = False
    window: int = 262_144


def traits_of(model: str) -> Traits:
    """Return the traits of *model*; ids of no known family behave like kimi-k2.6."""
    if model.startswith("kimi-k3"):
        return Traits(can_stop_thinking=False, takes_required=True, window=1_048_576)
    if model.startswith("kimi-k2.7"):
        return Traits(can_stop_thinking=False)
    return Traits()


def thinks(body: Mapping[str, Any]) -> bool:
    """Whether the model reasons before it answers *body*: every current one does unless told not to."""
    thinking = body.get("thinking")
    return not (isinstance(thinking, dict) and thinking.get("type") == "disabled")


def refuse_key(authorization: str, script: Script) -> Refusal | None:
    """Return the refusal of a missing or wrong bearer key, else None."""
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        return Refusal(401, "invalid_authentication_error", "Invalid Authentication")
    if key.strip() == script.wrong_key:
        return Refusal(401, "incorrect_api_key_error", "Incorrect API key provided")
    return None


def refuse_request(body: Any, size: int, script: Script) -> Refusal | None:
    """Return the first thing that the real API would not take in *body* (of *size* bytes), else None."""
    if size > _MOST_BYTES:
        return _bad(f"total message size {size} exceeds limit {_MOST_BYTES}")
    if not isinstance(body, dict):
        return _bad("the request body must be a JSON object")
    model = body.get("model")
    if model not in script.models:
        return Refusal(404, "resource_not_found_error", f"Not found the model {model} or Permission denied")
    checks: tuple[Callable[[dict[str, Any], Traits, Script], Iterator[str]], ...] = (
        _parameters,
        _thinking,
        _tool_choice,
        _response_format,
        _tools,
        _messages,
        _length,
    )
    problems = (problem for check in checks for problem in check(body, traits_of(str(model)), script))
    first = next(problems, None)
    return None if first is None else _bad(first)


def _bad(message: str) -> Refusal:
    return Refusal(400, "invalid_request_error", f"Invalid request: {message}")


def _parameters(body: dict[str, Any], _traits: Traits, _script: Script) -> Iterator[str]:
    temperature = 1.0 if thinks(body) else 0.6
    for name, only in (("temperature", temperature), *_FIXED.items()):
        if body.get(name) is not None and body[name] != only:
            yield f"invalid {name}: only {only:g} is allowed for this model"
    stop = body.get("stop") or []
    stops = [stop] if isinstance(stop, str) else stop
    if len(stops) > 5 or any(len(str(text).encode()) > 32 for text in stops):
        yield "stop takes at most 5 texts of at most 32 bytes"


def _thinking(body: dict[str, Any], traits: Traits, _script: Script) -> Iterator[str]:
    thinking, effort = body.get("thinking"), body.get("reasoning_effort")
    if thinking is not None and effort is not None:
        yield "cannot specify both 'thinking' and 'reasoning_effort'"
    if thinking is not None and not (isinstance(thinking, dict) and thinking.get("type") in ("enabled", "disabled")):
        yield "thinking.type must be 'enabled' or 'disabled'"
    if not thinks(body) and not traits.can_stop_thinking:
        yield "thinking can't be disabled for this model"
    if effort is not None and effort not in _EFFORTS:
        yield f"reasoning_effort must be one of {', '.join(_EFFORTS)}"


def _tool_choice(body: dict[str, Any], traits: Traits, _script: Script) -> Iterator[str]:
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        if thinks(body):
            yield "tool_choice 'specified' is incompatible with thinking enabled"
    elif choice == "required":
        if not traits.takes_required:
            yield "tool_choice 'required' is not supported for this model"
        elif not body.get("tools"):
            yield "tool_choice 'required' needs tools"
    elif choice not in (None, "auto", "none"):
        yield f"unknown tool_choice {choice!r}"


def _response_format(body: dict[str, Any], _traits: Traits, _script: Script) -> Iterator[str]:
    asked = body.get("response_format")
    if asked is None:
        return
    kind = asked.get("type") if isinstance(asked, dict) else None
    if kind not in _FORMATS:
        yield f"response_format.type must be one of {', '.join(_FORMATS)}"
    elif kind == "json_schema":
        said = asked.get("json_schema")
        for member, shape in (("name", str), ("schema", dict)):
            if not isinstance(said, dict) or not isinstance(said.get(member), shape):
                yield f"response_format.json_schema.{member} is missing"


def _tools(body: dict[str, Any], _traits: Traits, script: Script) -> Iterator[str]:
    tools = body.get("tools") or []
    if not isinstance(tools, list) or len(tools) > MOST_FUNCTIONS:
        yield f"tools must be a list of at most {MOST_FUNCTIONS}"
        return
    seen: set[str] = set()
    for tool in tools:
        function = tool.get("function") if isinstance(tool, dict) and tool.get("type") == "function" else None
        if not isinstance(function, dict):
            yield "every tool must be {type: function, function: {...}}"
            return
        if problem := problem_of(function, strict=script.schemas == "strict"):
            at = f"<At path '{problem.path}': {problem.what}>"
            yield f"tools.function.parameters is not a valid moonshot flavored json schema, details: {at}"
        name = str(function.get("name"))
        if name in seen:
            yield f"function name {name} is duplicated"
        seen.add(name)


def _messages(body: dict[str, Any], _traits: Traits, script: Script) -> Iterator[str]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        yield "messages must be a list that is not empty"
        return
    waiting: list[str] = []
    for index, message in enumerate(messages):
        role = message.get("role") if isinstance(message, dict) else None
        if role not in _ROLES:
            yield f"messages[{index}] has no known role"
            return
        if not isinstance(message.get("content") or "", str | list):
            yield f"messages[{index}].content must be a text or a list of parts"
        if role == "tool":
            yield from _answered(message, waiting)
            continue
        yield from _unanswered(waiting)
        if role == "assistant":
            yield from _assistant(message, index, thinking=thinks(body))
            if script.ids == "vllm":
                yield from _parsed(message)
            waiting = [str(call.get("id")) for call in message.get("tool_calls") or []]
        elif not message.get("content"):
            yield "text content is empty"
    yield from _unanswered(waiting)


def _answered(message: dict[str, Any], waiting: list[str]) -> Iterator[str]:
    answered = message.get("tool_call_id")
    if not answered:
        yield "a tool message must have a tool_call_id"
    elif answered not in waiting:
        yield f"tool_call_id {answered} is not found"
    else:
        waiting.remove(answered)


def _unanswered(waiting: list[str]) -> Iterator[str]:
    if waiting:
        yield (
            "an assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(waiting)}"
        )


def _assistant(message: dict[str, Any], index: int, *, thinking: bool) -> Iterator[str]:
    calls = message.get("tool_calls") or []
    if not (isinstance(calls, list) and all(_is_call(call) for call in calls)):
        yield f"tool_calls at index {index} must be a list of {{id, type, function: {{name, arguments}}}}"
    if calls and message.get("content") == "":
        yield "text content is empty"
    if not calls and not message.get("content"):
        yield f"the message at position {index} with role 'assistant' must not be empty"
    if calls and thinking and message.get("reasoning_content") is None:
        yield f"thinking is enabled but reasoning_content is missing in assistant tool call message at index {index}"


def _parsed(message: dict[str, Any]) -> Iterator[str]:
    """What vLLM, SGLang and llama.cpp stumble over: they parse the arguments of all calls in the dialogue
    (vllm-project/vllm 43995, sgl-project/sglang 28035).
    """
    for call in message.get("tool_calls") or ():
        try:
            arguments = json.loads(call["function"]["arguments"] or "{}")
        except (ValueError, TypeError, LookupError) as error:
            yield str(error)
        else:
            if not isinstance(arguments, dict):
                yield "the arguments of a call must be a JSON object"


def _is_call(call: Any) -> bool:
    function = call.get("function") if isinstance(call, dict) else None
    texts = (function.get("name"), function.get("arguments")) if isinstance(function, dict) else (None,)
    return all(isinstance(text, str) for text in texts)


def _length(body: dict[str, Any], traits: Traits, _script: Script) -> Iterator[str]:
    most = body.get("max_completion_tokens", body.get("max_tokens"))
    if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
        yield "max_completion_tokens must be a whole number above 0"
    elif tokens_of(body.get("messages")) + tokens_of(body.get("tools")) + (most or 0) > traits.window:
        yield f"Your request exceeded model token limit: {traits.window}"
