"""``dutyd model check`` against the stand-in, which plays every fault that real endpoints have."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dutyd.embedded.loopback import Loopback
from dutyd.embedded.standin import Standin
from dutyd.embedded.standin.script import Fault, FaultKind, Script
from support.broker import free_port
from support.program import Ended, Program

KEY = "sk-not-to-be-seen"


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Program:
    (tmp_path / "key").write_text(KEY)
    return Program(tmp_path, capsys, monkeypatch)


@contextmanager
def asking(call: Program, script: Script | None = None, **settings: Any) -> Iterator[Callable[..., Ended]]:
    """A stand-in that plays *script*, and the command that asks it."""
    with Loopback(Standin(script or Script()).app) as standin:
        model = {"base_url": f"{standin.url}/v1", "api_key_file": "key", "price": {"input": 1, "output": 3}, **settings}
        (call.folder / "dutyd.yaml").write_text(json.dumps({"model": model}))
        yield lambda *arguments: call("model", "check", *arguments)


def test_a_good_endpoint_is_told_with_what_it_took(call: Program) -> None:
    with asking(call) as check:
        code, out, err = check()
        row = json.loads(check("--json").out)
    assert (code, err) == (0, "")
    assert out.startswith("fine  'kimi-k2.6' at http://127.0.0.1")
    assert "its call is well-formed" in out
    assert "tokens: " in out
    assert " USD" in out
    assert (row["ok"], row["problem"], row["noticed"]) == (True, "", "")
    assert row["prompt_tokens"] > 0
    assert row["cost_usd"] == pytest.approx((row["prompt_tokens"] + 3 * row["completion_tokens"]) / 1e6)


@pytest.mark.parametrize(
    ("script", "problem", "do"),
    [
        (Script(wrong_key=KEY), "the key is refused (401", "see model.api_key_file"),
        (Script(models=("other",)), "no such model, or no such address (404", "see model.name"),
        (FaultKind.OVERLOADED, "it does not answer (429 engine_overloaded", "try again later"),
        (FaultKind.RATE_LIMIT, "our rate is used up (429", "wait "),
        (FaultKind.QUOTA, "the account's quota is used up: waiting does not help (429", "top it up"),
        (FaultKind.FILTER, "its moderation refuses a harmless question (400", "ask its host"),
        (FaultKind.SERVER_ERROR, "it does not answer (500", "try again later"),
        (FaultKind.GATEWAY, "it does not answer (504", "try again later"),
        (FaultKind.DOWN, "it does not answer (503", "try again later"),
        (FaultKind.CUT, "it does not answer (", "try again later"),
        (FaultKind.EMPTY, "it gave no usable answer: an empty answer", "tool parser"),
        (FaultKind.NO_CALLS, "it gave no usable answer", "tool parser"),
        (FaultKind.PROSE, "it answered with words instead of a call", "tool parser"),
        (FaultKind.INVALID_JSON, "the arguments of its call are unusable: the text is not valid JSON", "tool parser"),
        (FaultKind.UNKNOWN_FUNCTION, "it called 'report_check_now', which nobody offered", "tool parser"),
        (FaultKind.EXTRA_ARGUMENT, "its call has an argument that nobody offered: approved", "tool parser"),
        (FaultKind.LENGTH, "its answer hit the limit of 4000 tokens", "reasons less"),
    ],
    ids=str,
)
def test_each_fault_has_its_words_and_what_to_do(
    call: Program, script: Script | FaultKind, problem: str, do: str
) -> None:
    played = script if isinstance(script, Script) else Script(faults=(Fault(kind=script, times=0),))
    with asking(call, played) as check:
        code, out, err = check()
    assert (code, err) == (1, "")
    assert out.startswith("wrong ")
    assert problem in out
    assert do in out
    assert KEY not in out


@pytest.mark.parametrize(
    ("kind", "noticed"),
    [
        (FaultKind.MARKERS, "the call came as raw text"),
        (FaultKind.MARKERS_IN_REASONING, "the call came as raw text"),
        (FaultKind.TWINS, "it made 2 calls where one was asked for"),
        (FaultKind.ODD_FINISH, ""),
    ],
)
def test_what_is_only_odd_is_noticed(call: Program, kind: FaultKind, noticed: str) -> None:
    with asking(call, Script(faults=(Fault(kind=kind, times=0),))) as check:
        code, out, _ = check()
    assert code == 0
    assert noticed in out


def test_one_that_is_away_or_too_slow_is_told(call: Program) -> None:
    with asking(call, base_url=f"http://127.0.0.1:{free_port()}/v1") as check:
        assert "it does not answer (no usable answer" in check().out
    with asking(call, Script(faults=(Fault(kind=FaultKind.SLOW, seconds=5.0),))) as check:
        code, out, _ = check("--patience", "200ms")
    assert (code, "no answer within" in out) == (1, True)


def test_without_a_model_or_a_key_the_settings_are_wrong(call: Program) -> None:
    (call.folder / "dutyd.yaml").write_text("")
    assert call("model", "check") == (
        3,
        "",
        "dutyd: there is no `model` in the settings: decided steps take their fallback\n",
    )
    (call.folder / "key").unlink()
    with asking(call) as check:
        code, _, err = check()
    assert code == 3
    assert err.startswith("dutyd: model.api_key_file: can't read")
