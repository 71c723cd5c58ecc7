"""The stand-in over real HTTP: streams, headers, counts and faults as clients of the real API know them."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from dutyd.act.agent.client import Client, Endpoint
from dutyd.act.agent.model import ModelDown, ModelRejected
from dutyd.core.errors import SettingsError
from dutyd.embedded.standin.script import MODELS, FaultKind, read_script
from support.agent_run import playing

TICKET = {
    "type": "function",
    "function": {
        "name": "ticket",
        "parameters": {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]},
    },
}
BODY = {"model": "kimi-k2.6", "messages": [{"role": "user", "content": "Disk is full"}], "tools": [TICKET]}


def post(url: str, **changes: Any) -> httpx2.Response:
    headers = {"authorization": "Bearer sk-test"}
    return httpx2.post(f"{url}/chat/completions", json=BODY | changes, headers=headers)


def events(response: httpx2.Response) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


def test_it_says_what_it_is() -> None:
    with playing() as served:
        response = post(served.url)
        about = httpx2.get(served.url.removesuffix("/v1")).json()
    assert response.headers["x-standin"] == "dutyd-standin"
    assert response.headers["x-trace-id"] == "standin-1"
    body = response.json()
    assert body["system_fingerprint"] == "dutyd-standin"
    assert body["model"] == "kimi-k2.6 (dutyd-standin)"
    assert "no model is behind it" in about["about"]
    assert (about["requests"], about["answered"]) == (1, 1)


def test_the_same_request_gets_the_same_answer() -> None:
    with playing() as one, playing() as other:
        assert post(one.url).content == post(other.url).content


def test_an_answer_has_reasoning_then_calls_with_ids_counted_over_the_dialogue() -> None:
    with playing() as served:
        first = post(served.url).json()["choices"][0]
        message = first["message"]
        assert first["finish_reason"] == "tool_calls"
        assert message["reasoning_content"]
        assert message["tool_calls"][0]["id"] == "ticket:0"
        assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {
            "title": "[dutyd-standin] Disk is full"
        }
        done = {"role": "tool", "tool_call_id": "ticket:0", "content": "T-1"}
        whole = post(served.url, messages=[*BODY["messages"], message, done])
        replayed = {name: value for name, value in message.items() if value != ""}
        second = post(served.url, messages=[*BODY["messages"], replayed, done]).json()
    assert "text content is empty" in whole.json()["error"]["message"]  # valid as it came, and not as it goes back
    assert second["choices"][0]["message"]["content"] == "[dutyd-standin] Done: ticket."
    assert second["usage"]["cached_tokens"] > 0
    assert first.get("usage") is None


def test_ids_can_have_the_form_of_self_hosted_models() -> None:
    with playing({"ids": "vllm"}) as served:
        (call,) = post(served.url).json()["choices"][0]["message"]["tool_calls"]
    assert call["id"] == "functions.ticket:0"


def test_a_stream_holds_what_the_whole_answer_holds_in_the_order_of_the_real_api() -> None:
    with playing() as served:
        whole = post(served.url).json()
        chunks = events(post(served.url, stream=True, stream_options={"include_usage": True}))
    *parts, last, counted = chunks
    deltas = [part["choices"][0]["delta"] for part in parts]
    kinds = [next(iter(delta)) for delta in deltas]
    assert kinds[0] == "role"
    assert sorted(set(kinds[1:]), key=kinds.index) == ["reasoning_content", "tool_calls"]
    message = whole["choices"][0]["message"]
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == message["reasoning_content"]
    fragments = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
    assert (fragments[0]["id"], fragments[0]["index"], fragments[0]["function"]["arguments"]) == ("ticket:0", 0, "")
    arguments = "".join(fragment["function"]["arguments"] for fragment in fragments)
    assert arguments == message["tool_calls"][0]["function"]["arguments"]
    assert last["choices"][0]["finish_reason"] == "tool_calls"
    assert last["choices"][0]["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"]
    assert counted["choices"] == []
    assert counted["usage"]["total_tokens"] == whole["usage"]["total_tokens"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_cut_answer_is_a_broken_connection(stream: bool) -> None:
    with playing({"faults": [{"kind": "cut"}]}) as served, pytest.raises(httpx2.RemoteProtocolError):
        post(served.url, stream=stream)


def test_a_small_output_limit_cuts_reasoning_first_and_arguments_last() -> None:
    with playing() as served:
        tiny = post(served.url, max_completion_tokens=3).json()
        more = post(served.url, max_completion_tokens=20).json()
    for answer, tokens in ((tiny, 3), (more, 20)):
        assert answer["choices"][0]["finish_reason"] == "length"
        assert answer["usage"]["completion_tokens"] == tokens
    assert not tiny["choices"][0]["message"]["content"]
    (call,) = more["choices"][0]["message"]["tool_calls"]
    with pytest.raises(json.JSONDecodeError):
        json.loads(call["function"]["arguments"])


@pytest.mark.parametrize(
    ("kind", "status", "error"),
    [
        ("overloaded", 429, "engine_overloaded_error"),
        ("rate_limit", 429, "rate_limit_reached_error"),
        ("quota", 429, "exceeded_current_quota_error"),
        ("filter", 400, "content_filter"),
        ("server_error", 500, "server_error"),
    ],
)
def test_failing_requests_have_the_real_api_s_form(kind: str, status: int, error: str) -> None:
    with playing({"faults": [{"kind": kind, "retry_after": 2}, {"kind": "fine"}]}) as served:
        response = post(served.url)
        assert post(served.url).status_code == 200
    assert response.status_code == status
    assert response.json()["error"]["type"] == error
    assert "code" not in response.json()["error"]
    assert response.headers["retry-after"] == "2"


@pytest.mark.parametrize(("kind", "status"), [("gateway", 504), ("down", 503)])
def test_what_stands_before_the_api_answers_with_a_page_and_no_json(kind: str, status: int) -> None:
    with playing({"faults": [{"kind": kind}]}) as served:
        response = post(served.url)
    assert response.status_code == status
    assert response.text.startswith("<html>")


def test_a_body_that_is_no_json_is_refused() -> None:
    with playing() as served:
        headers = {"authorization": "Bearer x"}
        response = httpx2.post(f"{served.url}/chat/completions", content=b"{", headers=headers)
        assert httpx2.post(f"{served.url}/chat/completions", json=BODY).status_code == 401
    assert response.status_code == 400


async def test_the_client_library_streams_from_it() -> None:
    with playing() as served:
        async with openai.AsyncOpenAI(base_url=served.url, api_key="sk", max_retries=0) as client:
            asked: dict[str, Any] = dict(BODY)
            stream = await client.chat.completions.create(**asked, stream=True)
            names = [
                call.function.name
                async for chunk in stream
                for call in chunk.choices[0].delta.tool_calls or []
                if call.function and call.function.name
            ]
    assert names == ["ticket"]


async def test_the_list_of_models_is_what_a_start_compares_with() -> None:
    with playing({"wrong_key": "sk-wrong"}) as served:
        client, wrong = Client(Endpoint(base_url=served.url)), Client(Endpoint(base_url=served.url, key="sk-wrong"))
        assert await client.known_models() == MODELS
        assert isinstance(await wrong.known_models(), ModelRejected)
        await asyncio.gather(client.close(), wrong.close())
    gone = Client(Endpoint(base_url=served.url))
    assert isinstance(await gone.known_models(), ModelDown)
    await gone.close()


def test_a_script_file_is_read_from_yaml_and_json(tmp_path: Path) -> None:
    data = {"parallel": True, "faults": [{"kind": "slow", "seconds": 3, "times": 0}], "answers": [{"turn": "every"}]}
    (tmp_path / "script.json").write_text(json.dumps(data))
    (tmp_path / "script.yaml").write_text(
        "parallel: true\nfaults: [{kind: slow, seconds: 3, times: 0}]\nanswers:\n  - turn: every\n"
    )
    script = read_script(tmp_path / "script.yaml")
    assert script == read_script(tmp_path / "script.json")
    assert (script.faults[0].kind, script.answers[0].turn) == ("slow", "every")
    (tmp_path / "empty.yaml").write_text("")
    assert read_script(tmp_path / "empty.yaml").faults == ()


def test_the_page_about_scripts_shows_one_that_is_right_and_names_every_kind_of_fault(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "steps.md").read_text().partition("## A model that answers badly")[2]
    (tmp_path / "faults.yaml").write_text(page.split("```")[1].removeprefix("yaml faults.yaml"))
    assert [fault.kind for fault in read_script(tmp_path / "faults.yaml").faults] == ["rate_limit", "slow"]
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    assert sorted(re.findall("`([a-z_]+)`", "".join(rows))) == sorted(FaultKind)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("faults: [{kind: sloww}]", "Invalid enum value 'sloww' - at `$.faults[0].kind`; did you mean 'slow'?"),
        ("fault: []", "unknown field `fault`"),
        ("answers: [{turn: never}]", "never"),
        ("- 1", "Expected `object`"),
        ("a: [", "can't be read"),
    ],
)
def test_a_wrong_script_is_refused_with_the_file_and_the_mistake(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "script.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        read_script(path)
    assert words in str(caught.value)
    assert "script.yaml" in str(caught.value)


def test_a_missing_script_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.yaml can't be read"):
        read_script(tmp_path / "nowhere.yaml")
