"""One real question to a model endpoint, to see before an incident does whether it can decide: ``dutyd model check``.

It is asked what every agent run asks: to make one call with arguments inside bounds. What comes back is read by the
same code as in a run, and each way to fail gets plain words and what to do. The call does nothing, whatever it says.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dutyd.act.agent.model import (
    Answer,
    Fault,
    Message,
    Model,
    ModelDown,
    ModelFiltered,
    ModelLimited,
    ModelRefused,
    ModelRejected,
    Question,
)
from dutyd.act.agent.reading import Calls, CutShort, Filtered, Nothing, Words, read
from dutyd.act.gateway import Call, Function, read_arguments
from dutyd.core.secrets import quoted

TOKENS: Final = 4_000
"""What the answer may take, reasoning included."""

LIGHTS: Final = ("green", "red")
ASKED: Final = {"light": "green", "number": 5}

FUNCTION: Final = Function(
    name="report_check",
    about="Reports that you can make calls. It has no effect.",
    parameters={
        "type": "object",
        "properties": {
            "light": {"type": "string", "enum": list(LIGHTS), "description": "The colour."},
            "number": {"type": "integer", "minimum": 1, "maximum": 9, "description": "A whole number."},
        },
        "required": ["light", "number"],
        "additionalProperties": False,
    },
    decides=True,
)

MESSAGES: Final[tuple[Message, ...]] = (
    {"role": "system", "content": "You are being checked. Do what you are asked by calling the function, once."},
    {"role": "user", "content": "Call report_check with light green and number 5."},
)


@dataclass(frozen=True, slots=True)
class Trial:
    """How it went.

    Attributes:
        problem: why decided steps would take their fallback; empty where they would not.
        what_to_do: about the problem, or about what was only noticed.
        noticed: what was odd, and did no harm.
        seconds: until the answer, or the failure, was there.
        answer: None where there was none.
        usd: None where the price is unknown.

    """

    problem: str
    what_to_do: str
    noticed: str
    seconds: float
    answer: Answer | None = None
    usd: float | None = None


async def try_model(model: Model, seconds: float, clock: Callable[[], float]) -> Trial:
    """Ask *model* once, for at most *seconds*; *clock* is monotonic."""
    began = clock()
    answer = await model.ask(Question(MESSAGES, (FUNCTION,), TOKENS, seconds))
    took = clock() - began
    if not isinstance(answer, Answer):
        return Trial(*_fault(answer), "", took)
    price = model.price
    usd = None if price is None else price.of(answer.prompt_tokens or 0, answer.completion_tokens or 0)
    problem, what, noticed = _judged(answer)
    return Trial(problem, what, noticed, took, answer, usd)


_KEY: Final = "see model.api_key_file or model.api_key_env in the settings, and the key's rights at its host"
_LATER: Final = "try again later; meanwhile decided steps take their fallback"
_REJECTED: Final = {
    "401": ("the key is refused", _KEY),
    "402": ("the account has no balance", "top it up at the host"),
    "403": ("the key may not use this model", _KEY),
    "404": (
        "there is no such model, or no such address",
        "see model.name and model.base_url; `dutyd doctor` names ids",
    ),
    "429": ("the account's quota is used up: waiting does not help", "top it up at the host"),
}


def _fault(fault: Fault) -> tuple[str, str]:
    """Return the problem and what to do."""
    match fault:
        case ModelRejected(reason):
            problem, what = _REJECTED.get(reason[:3], ("it turns us away", _KEY))
            return f"{problem} ({reason})", what
        case ModelLimited(reason, after):
            return f"our rate is used up ({reason})", f"wait {after or 60:g} s, or ask its host for a higher rate"
        case ModelFiltered(reason):
            return f"its moderation refuses a harmless question ({reason})", "ask its host, or choose another one"
        case ModelRefused(reason):
            what = "is it a Chat Completions endpoint with tool calls? A server of your own: is its tool parser on?"
            return f"it refuses the request ({reason})", what
        case ModelDown(reason):
            return f"it does not answer ({reason})", f"see model.base_url; {_LATER}"


_PARSER: Final = (
    "a server of your own needs its tool parser (vLLM: --enable-auto-tool-choice --tool-call-parser kimi_k2)"
)


def _judged(answer: Answer) -> tuple[str, str, str]:
    """Return the problem, what to do and what was noticed of an answer."""
    match read(answer.message, answer.finish, 0):
        case Calls(calls):
            problem, noticed = _call(calls)
            if not problem and not answer.message.get("tool_calls"):
                return "", _PARSER, "the call came as raw text; dutyd reads it, another client would not"
            return problem, _PARSER if problem else "", noticed
        case Words(text):
            return f"it answered with words instead of a call: {quoted(text, 120)!r}", _PARSER, ""
        case Nothing(reason):
            return f"it gave no usable answer: {reason}", _PARSER, ""
        case CutShort():
            return (
                f"its answer hit the limit of {TOKENS} tokens",
                "choose a model that reasons less",
                "",
            )
        case Filtered():
            return "its moderation ended a harmless answer", "ask its host, or choose another one", ""


def _call(calls: tuple[Call, ...]) -> tuple[str, str]:
    """Return what is wrong with the call, and what is only odd."""
    call = calls[0]
    if call.name != FUNCTION.name:
        return f"it called '{quoted(call.name, 60)}', which nobody offered", ""
    found = read_arguments(call.arguments)
    if not isinstance(found, dict):
        return f"the arguments of its call are unusable: the text {found.reason}", ""
    if unknown := sorted(set(found) - set(ASKED)):
        return f"its call has an argument that nobody offered: {quoted(unknown[0], 60)}", ""
    number = found.get("number")
    whole = isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= 9
    if found.get("light") not in LIGHTS or not whole:
        return f"its call is outside the schema: {quoted(str(found), 120)}", ""
    if found != ASKED:
        return "", f"it filled in other values than it was asked for: {found}"
    return "", "" if len(
        calls
    ) == 1 else f"it made {len(calls)} calls where one was asked for; equal ones are done once"
