"""No secret reaches the model, wherever it stands in what the model is asked."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from dutyd.act.agent import prompt
from dutyd.act.agent.masking import Masked
from dutyd.act.agent.model import Answer, Fault, Price, Question
from dutyd.act.gateway import Function
from dutyd.app.secrets import known_secrets
from dutyd.core.secrets import NOTHING_KNOWN, Known
from dutyd.settings.model import Settings
from support.agent_run import a_task
from support.quickly import quickly

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7\n-----END RSA PRIVATE KEY-----"
TOKENS = [
    "Authorization: Bearer abcdef123456",
    "sk-proj-AbCdEfGhIjKlMnOp1234",
    "xoxb-123456789012-abcdefghij",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_" + "a1" * 18,
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
    "https://hooks.slack.com/services/T000/B000/XXXX",
    "postgres://admin:hunter22@db/main",
    PEM,
]
SAID = ["abcdef123456", "AbCdEf", "abcdefghij", "AKIA", "a1a1", "eyJ", "XXXX", "hunter22", "MIIE"]


@dataclass
class Hearing:
    asked: list[Question] = field(default_factory=list)
    price: Price | None = None
    tokens: int = 4000

    async def ask(self, question: Question) -> Answer | Fault:
        self.asked.append(question)
        return Answer({"role": "assistant", "content": "Done."}, "stop", 1, 1)


async def heard(known: Known, text: str) -> str:
    """Return all that a model hears where *text* stands in the event, in a step's result and in a tool's."""
    task = replace(a_task(), facts={"message": f"before {text} after"}, results={"ticket": {"deep": [text]}})
    function = Function("step", f"Fixed: {text}.", {"type": "object", "description": text}, decides=True)
    messages = [*prompt.opening(task), prompt.result("a:0", f"{text} in a runbook")]
    model = Hearing()
    await Masked(model, known).ask(Question(messages, (function,), 100, 1.0))
    (question,) = model.asked
    return json.dumps([list(question.messages), [[each.about, each.parameters] for each in question.functions]])


@pytest.mark.parametrize(("text", "secret"), list(zip(TOKENS, SAID, strict=True)))
async def test_what_looks_like_a_token_never_reaches_the_model(text: str, secret: str) -> None:
    told = await heard(NOTHING_KNOWN, text)
    assert secret not in told
    assert told.count("[secret]") == 5
    assert "after" in told
    assert "in a runbook" in told


@pytest.mark.parametrize("secret", ["correct horse", 'quo"ted\\secret', "an<gle>d"])
async def test_a_secret_of_the_settings_never_reaches_the_model_however_it_is_written(secret: str) -> None:
    told = await heard(Known([secret]), secret)
    assert told.count("[secret]") == 5


async def test_what_is_no_secret_stays() -> None:
    text = "Disk sda-1 is full; see https://wiki.example.test/a@b, ask-for-risk-assessment-of-all"
    assert NOTHING_KNOWN.mask(text, "[secret]") == (text, 0)


@pytest.mark.parametrize(
    ("hostile", "masked"),
    [
        ("eyJ" * 120_000, None),
        ("-----BEGIN PRIVATE KEY-----" * 12_000, "[secret]"),
        ("://" * 120_000, None),
        ("sk-" * 120_000, "[secret]"),
    ],
    ids=["web tokens", "keys", "addresses", "keys of model hosts"],
)
def test_hostile_text_does_not_make_it_slow(hostile: str, masked: str | None) -> None:
    with quickly():  # at this length work that grows with the square takes longer
        told, number = NOTHING_KNOWN.mask(hostile, "[secret]")
    assert (told, number) == ((hostile, 0) if masked is None else (masked, 1))


def test_the_secrets_of_the_settings_are_found_wherever_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_MODEL_KEY", "model-key-1")
    (tmp_path / "key").write_text("routing-key-2\n")
    said: dict[str, Any] = {
        "redis": "redis://:redis-pass-3@localhost:6379/0",
        "model": {"base_url": "http://localhost:1/v1", "name": "kimi-k2.6", "api_key_env": "A_MODEL_KEY"},
        "providers": {"alerting": {"kind": "pagerduty", "routing_key_file": str(tmp_path / "key")}},
        "heartbeat": {"url": "https://hc.example.test/ping/uuid-4"},
    }
    known = known_secrets(Settings.model_validate(said))
    text = "model-key-1 routing-key-2 redis-pass-3 https://hc.example.test/ping/uuid-4 localhost"
    assert known.mask(text, "*") == ("* * * * localhost", 4)
