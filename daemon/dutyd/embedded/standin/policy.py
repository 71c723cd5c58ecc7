"""How the stand-in decides: a request comes in, an answer goes out; the same request always gets the same answer.

It is no model. It calls each offered function once, fills the arguments from the middle of the bounds that the schema
gives, then ends with a sentence. What a script makes it say goes before that, and ``spoil`` gives an answer the faults
that real hosts have. Called by ``embedded.standin``.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dutyd.embedded.standin.script import FaultKind, Script, ScriptedAnswer
from dutyd.embedded.standin.wire import NAME, Said, SaidCall

_MULTIPLE = re.compile(r"multiple of (\d+(?:\.\d+)?)")
_MOST = 2.0**53


def decide(body: Mapping[str, Any], script: Script, *, thinking: bool) -> Said:
    """Return the answer to a request that was taken."""
    messages = body["messages"]
    said = _scripted(messages, script.answers) or _own(body, parallel=script.parallel)
    reasoning = said.reasoning or f"[{NAME}] The functions are called in order."
    return replace(said, reasoning=reasoning if thinking else None)


def spoil(said: Said, kind: FaultKind, body: Mapping[str, Any]) -> Said:
    """Return *said* with the fault *kind*; kinds that are no matter of the answer change nothing."""
    first = said.calls[0] if said.calls else _first_call(body)
    if kind is FaultKind.REPEAT:
        return _calling(said, _first_call(body))
    return _SPOILED[kind](said, first) if kind in _SPOILED else said


def _calling(said: Said, *calls: SaidCall) -> Said:
    return replace(said, text="", calls=calls, finish="tool_calls")


def _markers(calls: Sequence[SaidCall]) -> str:
    inner = "".join(
        f"<|tool_call_begin|>functions.{call.name}:{index}<|tool_call_argument_begin|>{call.arguments}<|tool_call_end|>"
        for index, call in enumerate(calls)
    )
    return f"<|tool_calls_section_begin|>{inner}<|tool_calls_section_end|>"


_SPOILED: Mapping[FaultKind, Callable[[Said, SaidCall], Said]] = {
    FaultKind.EMPTY: lambda said, _: replace(said, text="", calls=(), finish="stop"),
    FaultKind.NO_CALLS: lambda said, _: replace(said, text=None, calls=(), finish="tool_calls", empty_calls=True),
    FaultKind.PROSE: lambda said, _: replace(said, text=f"[{NAME}] Somebody should look.", calls=(), finish="stop"),
    FaultKind.MARKERS: lambda said, first: replace(
        said, text=_markers(said.calls or (first,)), calls=(), finish="stop"
    ),
    FaultKind.MARKERS_IN_REASONING: lambda said, first: replace(
        said, reasoning=_markers(said.calls or (first,)), text="", calls=(), finish="stop"
    ),
    FaultKind.INVALID_JSON: lambda said, first: _calling(said, SaidCall(first.name, first.arguments[:-1] + ",")),
    FaultKind.LENGTH: lambda said, first: replace(
        _calling(said, SaidCall(first.name, first.arguments[:-2])), finish="length"
    ),
    FaultKind.UNKNOWN_FUNCTION: lambda said, first: _calling(said, SaidCall(f"{first.name}_now", first.arguments)),
    FaultKind.EXTRA_ARGUMENT: lambda said, first: _calling(
        said, SaidCall(first.name, json.dumps(json.loads(first.arguments) | {"approved": True}))
    ),
    FaultKind.TWINS: lambda said, first: _calling(said, first, first),
    FaultKind.ODD_FINISH: lambda said, _: replace(said, finish="unexpected_state"),
}


def _scripted(messages: Sequence[Mapping[str, Any]], answers: Sequence[ScriptedAnswer]) -> Said | None:
    turn = sum(message["role"] == "assistant" for message in messages)
    heard = "\n".join(str(message.get("content")) for message in messages if message["role"] in ("user", "tool"))
    for answer in answers:
        if answer.turn in ("every", turn) and answer.when in heard:
            calls = tuple(
                SaidCall(call.name, call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments))
                for call in answer.calls
            )
            finish = answer.finish or ("tool_calls" if calls else "stop")
            return Said(answer.reasoning or None, answer.text, calls, finish)
    return None


def _own(body: Mapping[str, Any], *, parallel: bool) -> Said:
    called = {
        call["function"]["name"] for message in body["messages"] for call in message.get("tool_calls") or () if call
    }
    offered = [tool["function"] for tool in body.get("tools") or () if body.get("tool_choice") != "none"]
    left = [function for function in offered if function["name"] not in called]
    if not left:
        done = ", ".join(sorted(called)) or "nothing was offered"
        return Said(None, f"[{NAME}] Done: {done}.", (), "stop")
    calls = tuple(_call(function, body) for function in (left if parallel else left[:1]))
    return Said(None, "", calls, "tool_calls")


def _first_call(body: Mapping[str, Any]) -> SaidCall:
    tools = body.get("tools") or ()
    return _call(tools[0]["function"], body) if tools else SaidCall("nothing", "{}")


def _call(function: Mapping[str, Any], body: Mapping[str, Any]) -> SaidCall:
    asked = [str(message.get("content")) for message in body["messages"] if message["role"] == "user"]
    topic = asked[0].strip().partition("\n")[0] if asked else ""
    return SaidCall(function["name"], json.dumps(_value(function["parameters"], topic), ensure_ascii=False))


def _value(schema: Mapping[str, Any], topic: str) -> Any:
    if options := schema.get("enum") or schema.get("anyOf"):
        return options[0] if "enum" in schema else _value(options[0], topic)
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {})
            return {name: _value(properties[name], topic) for name in schema.get("required", ())}
        case "array":
            return [_value(schema["items"], topic)] * schema.get("minItems", 0)
        case "integer" | "number":
            return _number(schema)
        case "string":
            return f"[{NAME}] {topic}"[: schema.get("maxLength", 200)]
        case kind:
            return True if kind == "boolean" else None


def _number(schema: Mapping[str, Any]) -> float:
    """Return the middle of the range, rounded down to what the description says it must be a multiple of."""
    whole = schema.get("type") == "integer"
    low = schema.get("minimum", min(1, schema.get("maximum", 1)))
    high = schema.get("maximum", low)
    found = _MULTIPLE.search(str(schema.get("description", "")))
    step = float(found[1]) if found else (1.0 if whole else 0.0)
    middle = (low + high) / 2
    value = max(math.floor(middle / step) * step, low) if step and abs(middle) < _MOST else middle
    return int(value) if whole else value
