"""What an answer says, whatever its host made of it: calls, words, or nothing usable.

Hosts disagree about ``finish_reason``, send ``tool_calls: []``, leak calls as raw tokens into content or reasoning, and
answer with nothing at all. ``read`` decides by what is there; only ``length`` and ``content_filter`` are believed,
because a call that was cut must never be made. Pure; the loop reads fresh and replayed turns alike.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dutyd.act.agent.model import Message
from dutyd.act.gateway import Call, read_arguments

_MARKER: Final = "<|tool_call"
_RAW_CALL: Final = re.compile(
    r"<\|tool_call_begin\|>\s*(?:functions\.)?(?P<name>[\w-]+)(?::\d+)?\s*"
    r"<\|tool_call_argument_begin\|>(?P<arguments>.*?)<\|tool_call_end\|>",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Calls:
    """It asks for something: each id is there once. *message* goes back into the dialogue."""

    calls: tuple[Call, ...]
    message: Message


@dataclass(frozen=True, slots=True)
class Words:
    """It only says something."""

    text: str
    message: Message


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing usable: worth one more try."""

    reason: str


@dataclass(frozen=True, slots=True)
class CutShort:
    """The output limit ended it; whatever calls it holds are incomplete."""


@dataclass(frozen=True, slots=True)
class Filtered:
    """The host's moderation ended it."""


Reading = Calls | Words | Nothing | CutShort | Filtered


def read(message: Message, finish: str, before: int) -> Reading:
    """Return what *message* says; *before* is how many calls the dialogue holds already, for ids that are missing."""
    if finish == "length":
        return CutShort()
    if finish == "content_filter":
        return Filtered()
    if message.get("tool_calls"):
        return _calls(message, before)
    text, thought = _text(message, "content"), _text(message, "reasoning_content")
    leaked = text if _MARKER in text else thought if not text.strip() else ""
    if _MARKER in leaked:
        return _leaked(message, leaked, before)
    return Words(text, _said(message)) if text.strip() else Nothing("an empty answer")


def _text(message: Message, name: str) -> str:
    value = message.get(name)
    return value if isinstance(value, str) else ""


def _said(message: Message) -> dict[str, Any]:
    """Return *message* without what is empty: no host needs it, and some refuse it; and without words that are no text,
    which nobody takes back.
    """
    return {name: value for name, value in message.items() if _goes_back(name, value)}


def _goes_back(name: str, value: Any) -> bool:
    if name == "reasoning_content":  # an empty one is asked for, too
        return isinstance(value, str)
    return bool(value) and isinstance(value, str) if name == "content" else value not in ([], "")


def _calls(message: Message, before: int) -> Calls | Nothing:
    calls = tuple(_each(message["tool_calls"], before))
    if not calls:
        return Nothing("calls that nobody can read")
    wire = [_wire(call) for call in calls]
    # The host's own objects stay as they came where they have the form that a request must have.
    same = [_sent(raw) for raw in message["tool_calls"]] == [(call.id, call.name, _object(call)) for call in calls]
    return Calls(calls, _said(message) if same else _said(message) | {"tool_calls": wire})


def _sent(raw: Any) -> tuple[Any, Any, Any] | None:
    """Return a call's id, name and arguments with the types that they came with, None where they can't be read."""
    if _read_call(raw) is None:
        return None
    return raw.get("id"), raw["function"]["name"], raw["function"].get("arguments")


def _each(raws: Any, before: int) -> Iterator[Call]:
    seen: set[str] = set()
    for raw in raws if isinstance(raws, list) else ():
        found = _read_call(raw)
        if found is None:
            continue
        call_id, name, arguments = found
        if not call_id or call_id in seen:
            call_id = f"{name}:{before + len(seen)}"
        seen.add(call_id)
        yield Call(call_id, name, arguments)


def _read_call(raw: Any) -> tuple[str, str, str] | None:
    function = raw.get("function") if isinstance(raw, Mapping) else None
    name = function.get("name") if isinstance(function, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(name, str) or not name:
        return None
    arguments = function.get("arguments")
    arguments = "" if arguments is None else arguments  # no arguments, as where the key is absent
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return str(raw.get("id") or ""), name, text


def _wire(call: Call) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": _object(call)}}


def _object(call: Call) -> str:
    """Return the arguments as they go back: servers of one's own (vLLM, SGLang, llama.cpp) parse those of every call in
    the dialogue, and refuse the whole request where one is no JSON object. What was wrong is in the call's answer.
    """
    return call.arguments if call.arguments and isinstance(read_arguments(call.arguments), dict) else "{}"


def _leaked(message: Message, text: str, before: int) -> Calls | Nothing:
    """Read calls that the host should have parsed, and give the dialogue the form that they should have had."""
    found = enumerate(_RAW_CALL.finditer(text), before)
    calls = tuple(
        Call(f"functions.{match['name']}:{index}", match["name"], match["arguments"].strip()) for index, match in found
    )
    if not calls:
        return Nothing("call markers without a whole call")
    clear = {
        name: value.partition(_MARKER)[0].strip() if isinstance(value, str) else value
        for name, value in message.items()
    }
    return Calls(calls, _said(clear) | {"tool_calls": [_wire(call) for call in calls]})
