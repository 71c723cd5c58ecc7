"""The client of any Chat Completions endpoint (Moonshot, vLLM, SGLang, llama.cpp); the only module that knows openai.

A ``Question`` goes in, an ``Answer`` or a named fault comes out. Retries are the loop's business, so the client has
none. No sampling parameter is sent, because current models refuse any value but their own; the output limit always is,
because its default is a guess; ``tool_choice`` stays ``auto``, the one value that every host understands.

Requests and answers are JSON as they are: what the library makes of them, types of its own, nobody here reads, and it
takes as long as all the rest of a turn.
"""

import asyncio
import math
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai

from dutyd.act.agent.model import (
    Answer,
    Fault,
    ModelDown,
    ModelFiltered,
    ModelLimited,
    ModelRefused,
    ModelRejected,
    Price,
    Question,
)
from dutyd.act.gateway import Function
from dutyd.core.secrets import quoted

_CAN_STOP_THINKING = "kimi-k2.6"  # the family that takes `thinking: disabled`; later ones refuse it
_OURS_TO_MEND = (401, 402, 403, 404)
_PASSING = (408, 409, 425)
_NO_LIST = (404, 405, 501)
_LIST_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where the model is and how it is asked.

    Attributes:
        base_url: up to and including ``/v1``.
        key: the bearer key; some hosts want none, the client library wants some text.
        name: the model's id there.
        tokens: how many tokens one answer may take at most, reasoning included.
        thinking: whether a model that can be told not to reason (kimi-k2.6) shall do it; short decisions rarely gain.
        price: None: unknown.

    """

    base_url: str
    key: str = "none"
    name: str = "kimi-k2.6"
    tokens: int = 16_384
    thinking: bool = False
    price: Price | None = None


class Client:
    """A ``Model`` behind an endpoint; used by one event loop."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        # A proxy from the environment is for the world outside, never for a server on this machine.
        transport = openai.DefaultAsyncHttpxClient(trust_env=not _is_local(endpoint.base_url))
        self._openai = openai.AsyncOpenAI(
            base_url=endpoint.base_url, api_key=endpoint.key, max_retries=0, http_client=transport
        )

    @property
    def price(self) -> Price | None:
        """What tokens cost, None where the settings don't say."""
        return self._endpoint.price

    @property
    def tokens(self) -> int:
        """How many tokens one answer may take at most."""
        return self._endpoint.tokens

    async def ask(self, question: Question) -> Answer | Fault:
        """Ask once."""
        body = _body(self._endpoint, question)
        try:
            async with asyncio.timeout(question.seconds):
                said = await self._openai.post(
                    "/chat/completions", body=body, cast_to=httpx2.Response, options={"timeout": question.seconds}
                )
                return _answer(said.json(), said.headers.get("x-trace-id", ""))
        except TimeoutError:
            return ModelDown(f"no answer within {question.seconds:.0f} s")
        except openai.APIStatusError as error:
            return _fault(error)
        except (openai.APIError, ValueError) as error:
            return ModelDown(f"no usable answer: {error}")

    async def known_models(self) -> tuple[str, ...] | Fault:
        """Return the ids that the endpoint serves: what a start or ``doctor`` compares the settings with.

        A host that has no such list is ``ModelRefused``.
        """
        try:
            async with asyncio.timeout(_LIST_SECONDS):
                said = await self._openai.get("/models", cast_to=httpx2.Response)
                return _ids(said.json())
        except TimeoutError:
            return ModelDown(f"no answer within {_LIST_SECONDS:.0f} s")
        except openai.APIStatusError as error:
            fault = _fault(error)
            return ModelRefused(fault.reason) if error.status_code in _NO_LIST else fault
        except (openai.APIError, ValueError) as error:
            return ModelDown(f"no usable answer: {error}")

    async def close(self) -> None:
        """Close connections."""
        await self._openai.close()


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def _body(endpoint: Endpoint, question: Question) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": endpoint.name,
        "messages": list(question.messages),
        "max_completion_tokens": question.tokens,
    }
    if question.functions:
        body |= {"tools": [_tool(function) for function in question.functions], "tool_choice": "auto"}
    if endpoint.name.startswith(_CAN_STOP_THINKING) and not endpoint.thinking:
        body["thinking"] = {"type": "disabled"}
    return body


def _tool(function: Function) -> dict[str, Any]:
    parameters = dict(function.parameters)
    return {
        "type": "function",
        "function": {"name": function.name, "description": function.about, "parameters": parameters},
    }


def _answer(completion: Any, trace: str) -> Answer | Fault:
    choices = completion.get("choices") if isinstance(completion, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        return ModelDown("no usable answer: it is no chat completion with a message")
    usage = _usage(completion, choice)
    return Answer(
        # Whole, reasoning included: a message built anew would lack fields that the next request must have.
        message={"role": "assistant"} | _sound(message),
        finish=str(choice.get("finish_reason") or ""),
        prompt_tokens=_count(usage, "prompt_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
        cached_tokens=_cached(usage),
        trace=trace,
        model=str(completion.get("model") or ""),
    )


def _ids(listed: Any) -> tuple[str, ...]:
    models = listed.get("data") if isinstance(listed, dict) else None
    if not isinstance(models, list):
        raise ValueError("it is no list of models")  # noqa: TRY004  # an answer like any that can't be read
    ids = (model.get("id") for model in models if isinstance(model, dict))
    return tuple(name for name in ids if isinstance(name, str))


def _sound(value: Any) -> Any:
    """Return a JSON value without lone surrogates, which JSON may hold and UTF-8 can't, and without nulls in objects,
    which some hosts send and refuse to get back.
    """
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_sound(name): _sound(inner) for name, inner in value.items() if inner is not None}
    return [_sound(inner) for inner in value] if isinstance(value, list) else value


def _usage(completion: dict[str, Any], choice: dict[str, Any]) -> dict[str, Any]:
    """Return the token counts from where they are: beside the choices, or inside the first one."""
    places = (completion.get("usage"), choice.get("usage"))
    return next((usage for usage in places if isinstance(usage, dict)), {})


def _count(usage: dict[str, Any], name: str) -> int | None:
    value = usage.get(name)
    return value if isinstance(value, int) and value >= 0 else None


def _cached(usage: dict[str, Any]) -> int:
    details = usage.get("prompt_tokens_details")
    inner = details.get("cached_tokens") if isinstance(details, dict) else None
    value = usage.get("cached_tokens", inner)
    return value if isinstance(value, int) else 0


def _fault(error: openai.APIStatusError) -> Fault:
    """Tell faults apart by status *and* ``error.type``: three very different things are a 429."""
    kind = error.type or ""
    trace = error.response.headers.get("x-trace-id", "")  # what the host's support asks for
    reason = f"{error.status_code} {kind}".rstrip() + f": {_said(error)}" + (f" (trace {trace})" if trace else "")
    if kind == "exceeded_current_quota_error" or error.status_code in _OURS_TO_MEND:
        return ModelRejected(reason)
    if error.status_code == 429:
        limited = ModelLimited if kind == "rate_limit_reached_error" else ModelDown
        return limited(reason, _retry_after(error))
    if error.status_code in _PASSING or error.status_code >= 500:
        return ModelDown(reason, _retry_after(error))
    return ModelFiltered(reason) if kind == "content_filter" else ModelRefused(reason)


def _said(error: openai.APIStatusError) -> str:
    said = error.body.get("message") if isinstance(error.body, dict) else None
    return quoted(str(said or error.response.text or error.message))


def _retry_after(error: openai.APIStatusError) -> float | None:
    try:
        seconds = float(error.response.headers.get("retry-after", ""))
    except ValueError:
        return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None
