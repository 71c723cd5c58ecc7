"""The client against hosts that answer oddly: it gives an ``Answer`` or a named fault, never an exception."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dutyd.act.agent.client import Client, Endpoint
from dutyd.act.agent.model import Answer, Fault, ModelDown, ModelLimited, ModelRefused, ModelRejected, Question
from dutyd.embedded.loopback import Loopback

MESSAGES = [{"role": "user", "content": "go"}]
JSON = {"content-type": "application/json"}


async def asked(
    content: object, status: int = 200, headers: Mapping[str, str] = JSON, **endpoint: Any
) -> tuple[Answer | Fault, dict[str, Any]]:
    """Ask a host that answers with *content*; return what became of it and the request that it got."""
    bodies: list[dict[str, Any]] = []

    async def answer(request: Request) -> Response:
        bodies.append(json.loads(await request.body()))
        raw = content if isinstance(content, str) else json.dumps(content)
        return Response(raw, status, dict(headers))

    with Loopback(Starlette(routes=[Route("/v1/chat/completions", answer, methods=["POST"])])) as server:
        client = Client(Endpoint(base_url=f"{server.url}/v1", **endpoint))
        found = await client.ask(Question(MESSAGES, (), 100, 5.0))
        await client.close()
    (body,) = bodies
    return found, body


def completion(message: object, **more: Any) -> dict[str, Any]:
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [{"message": message}],
    } | more


async def test_a_request_holds_no_sampling_parameters_and_always_a_limit() -> None:
    _, body = await asked(completion({"role": "assistant", "content": "hi"}))
    assert body == {
        "model": "kimi-k2.6",
        "messages": MESSAGES,
        "max_completion_tokens": 100,
        "thinking": {"type": "disabled"},
    }


@pytest.mark.parametrize("endpoint", [{"name": "kimi-k3"}, {"name": "qwen3"}, {"thinking": True}])
async def test_only_a_model_that_takes_the_switch_gets_it(endpoint: dict[str, Any]) -> None:
    _, body = await asked(completion({"role": "assistant", "content": "hi"}), **endpoint)
    assert "thinking" not in body


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        ("<html>hello</html>", {"content-type": "text/html"}),
        ("{not json", JSON),
        ("", JSON),
        ([], JSON),
        ("null", JSON),
        ({}, JSON),
        ({"choices": None}, JSON),
        ({"choices": []}, JSON),
        ({"choices": ["x"]}, JSON),
        ({"choices": [None]}, JSON),
        (completion(None), JSON),
        (completion("text"), JSON),
    ],
)
async def test_an_answer_that_is_none_is_model_down(content: object, headers: dict[str, str]) -> None:
    found, _ = await asked(content, headers=headers)
    assert isinstance(found, ModelDown)
    assert found.reason.startswith("no usable answer")


async def test_a_message_comes_whole_with_fields_that_the_library_does_not_know() -> None:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None,
        "reasoning_content": "hm",
        "odd": {"kept": [1]},
        "tool_calls": [],
    }
    found, _ = await asked(completion(message))
    assert isinstance(found, Answer)
    assert found.message == {
        "role": "assistant",
        "reasoning_content": "hm",
        "odd": {"kept": [1]},
        "tool_calls": [],
    }
    assert (found.prompt_tokens, found.completion_tokens, found.finish) == (None, None, "")


async def test_odd_values_in_known_fields_do_no_harm() -> None:
    message = {
        "role": "assistant",
        "content": [1],
        "tool_calls": [{"id": 5, "function": {"name": "f", "arguments": {}}}],
    }
    found, _ = await asked(completion(message, usage={"prompt_tokens": "many"}, model=5))
    assert isinstance(found, Answer)
    assert found.message["tool_calls"][0]["function"] == {"name": "f", "arguments": {}}
    assert found.prompt_tokens is None


async def test_half_characters_are_replaced() -> None:
    found, _ = await asked('{"choices": [{"message": {"role": "assistant", "content": "a\\ud800b"}}]}')
    assert isinstance(found, Answer)
    assert found.message["content"] == "a?b"


@pytest.mark.parametrize(
    "more",
    [
        {"usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10, "cached_tokens": 4}},
        {
            "usage": {
                "prompt_tokens": 7,
                "completion_tokens": 3,
                "total_tokens": 10,
                "prompt_tokens_details": {"cached_tokens": 4},
            }
        },
        {
            "choices": [
                {
                    "message": {"role": "assistant", "content": "x"},
                    "usage": {"prompt_tokens": 7, "completion_tokens": 3, "cached_tokens": 4},
                }
            ]
        },
    ],
)
async def test_tokens_are_counted_wherever_the_host_puts_them(more: dict[str, Any]) -> None:
    found, _ = await asked(completion({"role": "assistant", "content": "x"}, **more))
    assert isinstance(found, Answer)
    assert (found.prompt_tokens, found.completion_tokens, found.cached_tokens) == (7, 3, 4)


def error(kind: str) -> dict[str, Any]:
    return {"error": {"type": kind, "message": "no"}}


@pytest.mark.parametrize(
    ("status", "content", "fault"),
    [
        (429, error("rate_limit_reached_error"), ModelLimited),
        (429, error("engine_overloaded_error"), ModelDown),
        (429, error("exceeded_current_quota_error"), ModelRejected),
        (429, "slow down", ModelDown),
        (401, error("invalid_authentication_error"), ModelRejected),
        (402, error("insufficient_balance"), ModelRejected),
        (403, error("permission"), ModelRejected),
        (404, error("resource_not_found_error"), ModelRejected),
        (400, error("invalid_request_error"), ModelRefused),
        (413, "<html>", ModelRefused),
        (422, error("validation"), ModelRefused),
        (408, "", ModelDown),
        (409, "", ModelDown),
        (500, error("server_error"), ModelDown),
        (503, "<html>", ModelDown),
        (529, "[]", ModelDown),
    ],
)
async def test_faults_are_told_apart_by_status_and_type(status: int, content: object, fault: type[Fault]) -> None:
    found, _ = await asked(content, status)
    assert isinstance(found, fault)
    assert found.reason.startswith(str(status))


@pytest.mark.parametrize(
    ("header", "seconds"), [("3", 3.0), ("0.5", 0.5), ("-1", 0.0), ("soon", None), ("nan", None), ("", None)]
)
async def test_a_pause_is_kept_where_it_can_be_read(header: str, seconds: float | None) -> None:
    found, _ = await asked(error("engine_overloaded_error"), 429, {**JSON, "retry-after": header})
    assert isinstance(found, ModelDown)
    assert found.retry_after == seconds


async def test_a_proxy_of_the_environment_is_not_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    found, _ = await asked(completion({"role": "assistant", "content": "hi"}))
    assert isinstance(found, Answer)


@pytest.mark.parametrize(
    ("content", "status", "known"),
    [
        ({"data": [{"id": "a", "object": "model"}, {"id": 1}, "b", {}]}, 200, ("a",)),
        ({"object": "list", "data": []}, 200, ()),
        ({"error": {"message": "no such page"}}, 404, ModelRefused),
        ("<html>no</html>", 405, ModelRefused),
        ({"error": {"type": "incorrect_api_key_error"}}, 401, ModelRejected),
        ({"models": ["a"]}, 200, ModelDown),
        ("<html>yes</html>", 200, ModelDown),
        ("busy", 503, ModelDown),
    ],
)
async def test_a_list_of_models_or_why_there_is_none_is_read(
    content: object, status: int, known: tuple[str, ...] | type[Fault]
) -> None:
    async def answer(_request: Request) -> Response:
        return Response(content if isinstance(content, str) else json.dumps(content), status)

    with Loopback(Starlette(routes=[Route("/v1/models", answer)])) as server:
        client = Client(Endpoint(base_url=f"{server.url}/v1"))
        found = await client.known_models()
        await client.close()
    assert found == known if isinstance(known, tuple) else isinstance(found, known)
