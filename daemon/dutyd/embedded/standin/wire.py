"""What the stand-in says, on the wire: an answer becomes a completion object or a stream of chunks.

Used by ``embedded.standin``. Tokens are counted as a quarter of the characters, rounded up, so that a small output
limit cuts an answer as the real API cuts it: reasoning first, then content, then the arguments of a call.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

NAME = "dutyd-standin"
"""How it names itself: in ``system_fingerprint``, in a header, in every text it makes up."""


@dataclass(frozen=True, slots=True)
class SaidCall:
    """A call: function name and arguments as the text that goes out."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Said:
    """One answer.

    Attributes:
        reasoning: what was "thought"; None where thinking is off.
        text: the content; None is null on the wire.
        calls: in order.
        finish: ``stop``, ``tool_calls``, ``length``, or an odd one.
        empty_calls: whether ``tool_calls: []`` is sent where there are none.

    """

    reasoning: str | None
    text: str | None
    calls: tuple[SaidCall, ...] = ()
    finish: str | None = "stop"
    empty_calls: bool = False


@dataclass(frozen=True, slots=True)
class Envelope:
    """What surrounds an answer: ids, the model's name, call ids in order, token counts."""

    id: str
    model: str
    call_ids: Sequence[str]
    prompt_tokens: int
    cached_tokens: int


def tokens_of(value: Any) -> int:
    """Return how many tokens *value* counts: a text, or any JSON value by its text."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return 0 if value is None else math.ceil(len(text) / 4)


def fit(said: Said, most: int) -> Said:
    """Return *said*, cut to *most* tokens with finish_reason ``length`` where it is longer."""
    left = most * 4  # characters
    reasoning, left = _take(said.reasoning, left)
    text, left = _take(said.text, left)
    calls = []
    for call in said.calls:
        arguments, left = _take(call.arguments, left)
        calls.append(SaidCall(call.name, arguments or ""))
        if left <= 0:
            break
    if (reasoning, text, tuple(calls)) == (said.reasoning, said.text, said.calls):
        return said
    return replace(said, reasoning=reasoning, text=text, calls=tuple(calls), finish="length")


def _take(text: str | None, left: int) -> tuple[str | None, int]:
    return (None, left) if text is None else (text[:left], left - len(text[:left]))


def completion(said: Said, envelope: Envelope) -> dict[str, Any]:
    """Return the ``chat.completion`` object."""
    message: dict[str, Any] = {"role": "assistant", "content": said.text}
    if said.reasoning is not None:
        message["reasoning_content"] = said.reasoning
    if said.calls or said.empty_calls:
        message["tool_calls"] = [
            _call(call, call_id) for call, call_id in zip(said.calls, envelope.call_ids, strict=True)
        ]
    choice = {"index": 0, "message": message, "finish_reason": said.finish}
    return _object(envelope, "chat.completion", [choice]) | {"usage": usage(said, envelope)}


def chunks(said: Said, envelope: Envelope, *, include_usage: bool) -> Iterator[dict[str, Any]]:
    """Yield ``chat.completion.chunk`` objects: role, reasoning, content, calls in fragments, then the usage."""

    def chunk(delta: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": None} | more
        return _object(envelope, "chat.completion.chunk", [choice])

    yield chunk({"role": "assistant", "content": ""})
    for piece in _pieces(said.reasoning or ""):
        yield chunk({"reasoning_content": piece})
    for piece in _pieces(said.text or ""):
        yield chunk({"content": piece})
    for index, (call, call_id) in enumerate(zip(said.calls, envelope.call_ids, strict=True)):
        opening = _call(SaidCall(call.name, ""), call_id) | {"index": index}
        yield chunk({"tool_calls": [opening]})
        for piece in _pieces(call.arguments):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield chunk({}, finish_reason=said.finish, usage=usage(said, envelope))
    if include_usage:
        yield _object(envelope, "chat.completion.chunk", []) | {"usage": usage(said, envelope)}


def usage(said: Said, envelope: Envelope) -> dict[str, Any]:
    """Return the token counts; cached tokens stand where the real API puts them."""
    parts = (said.reasoning, said.text, *(call.arguments for call in said.calls))
    spoken = tokens_of("".join(part for part in parts if part))
    return {
        "prompt_tokens": envelope.prompt_tokens,
        "completion_tokens": spoken,
        "total_tokens": envelope.prompt_tokens + spoken,
        "cached_tokens": envelope.cached_tokens,
    }


def _call(call: SaidCall, call_id: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _object(envelope: Envelope, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    # `created` is constant: the same request gets the same bytes.
    return {
        "id": envelope.id,
        "object": kind,
        "created": 0,
        "model": envelope.model,
        "system_fingerprint": NAME,
        "choices": choices,
    }


def _pieces(text: str, size: int = 24) -> Iterator[str]:
    for start in range(0, len(text), size):
        yield text[start : start + size]
