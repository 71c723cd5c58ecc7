"""What is secret is found in a text, whole, wherever and however it stands there; and no cut leaves the half of one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutyd.act.agent import prompt
from dutyd.act.gateway import Bound, bind
from dutyd.app.secrets import known_secrets
from dutyd.core import secrets
from dutyd.core.expr import parse_template
from dutyd.core.incident import Evidence
from dutyd.core.secrets import NOTHING_KNOWN, Known, masked, quoted
from dutyd.core.step import Agent, Budget, Step
from dutyd.core.step import Bound as Limit
from dutyd.evaluate.engine.latches.evidence import cut_evidence
from dutyd.settings.model import Settings
from dutyd_tools.providers import jira, pagerduty, slack
from support.agent_run import a_brief
from support.grants import CATALOGUE, a_rule, a_ticket, names
from support.quickly import quickly

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7\n-----END RSA PRIVATE KEY-----"
FORMS = {
    "Authorization: Bearer abcdef123456": "Authorization: Bearer *",
    "sk-proj-AbCdEfGhIjKlMnOp1234": "*",
    "xoxb-123456789012-abcdefghij": "*",
    "AKIAIOSFODNN7EXAMPLE": "*",
    "ghp_" + "a1" * 18: "*",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl": "*",
    "https://hooks.slack.com/services/T000/B000/XXXX": "https://hooks.slack.com/services/*",
    "postgres://admin:hunter22@db/main": "postgres://*@db/main",
    PEM: "*",
}


@pytest.mark.parametrize("text", FORMS)
def test_what_looks_like_a_token_is_taken_out_and_nothing_else(text: str) -> None:
    assert NOTHING_KNOWN.mask(f"before {text} after", "*") == (f"before {FORMS[text]} after", 1)


def test_what_is_no_secret_stays() -> None:
    text = "Disk sda-1 is full; see https://wiki.example.test/a@b, ask-for-risk-assessment-of-all"
    assert NOTHING_KNOWN.mask(text, "*") == (text, 0)


@pytest.mark.parametrize(
    ("hostile", "left"),
    [
        ("eyJ" * 120_000, None),
        ("-----BEGIN PRIVATE KEY-----" * 12_000, "*"),
        ("://" * 120_000, None),
        ("sk-" * 120_000, "*"),
    ],
    ids=["web tokens", "keys", "addresses", "keys of model hosts"],
)
def test_hostile_text_does_not_make_it_slow(hostile: str, left: str | None) -> None:
    with quickly():  # at this length work that grows with the square takes longer
        told, number = NOTHING_KNOWN.mask(hostile, "*")
        NOTHING_KNOWN.cut(hostile, len(hostile) - 1)
    assert (told, number) == ((hostile, 0) if left is None else (left, 1))


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


# A letter of these stands in secrets only: where one is left, something of a secret is.
SECRET = 'QZXJ-QZXJ "QZXJ\\QZXJ'
TOKEN = "sk-" + "QZXJ" * 6
LETTERS = set("QZXJ")


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process knows ``SECRET``."""
    monkeypatch.setattr(secrets._Process, "known", Known([SECRET]))


@given(
    pieces=st.lists(
        st.sampled_from([SECRET, TOKEN, f"Bearer {TOKEN}", f"a://b:{TOKEN}@c", "word", "…", "\n"]), max_size=9
    ),
    between=st.sampled_from([" ", ", ", " \t "]),
    limit=st.integers(0, 300),
    mark=st.sampled_from(["", "…", "..."]),
)
def test_a_cut_leaves_nothing_that_masking_would_not_find(
    pieces: list[str], between: str, limit: int, mark: str
) -> None:
    known, text = Known([SECRET]), between.join(pieces)
    short = known.cut(text, limit, mark)
    assert len(short) <= limit or short == text
    assert short == text or text.startswith(short.removesuffix(mark[:limit]))
    assert not LETTERS & set(known.mask(short, "*")[0])


def in_the_goal(text: str) -> str:
    agent = Agent(parse_template("Look at {{ service }}."), (), Budget())
    return str(prompt.opening(a_brief(a_rule(agent=agent), service=text))[1]["content"]).partition("\n")[0]


def in_the_data(text: str) -> str:
    return str(prompt.opening(a_brief(service=text))[1]["content"])


def in_a_result(text: str) -> str:
    return str(prompt.result("a:0", text)["content"])


def in_a_bound_title(text: str) -> str:
    return title(a_ticket(decide={}, args={"title": parse_template("{{ service }}")}), text)


def in_a_fallback(text: str) -> str:
    left = {"title": Limit(kind="text", limit=60)}
    return title(a_ticket(args={}, decide=left, fallback={"title": parse_template("{{ service }}")}), text)


def title(step: Step, text: str) -> str:
    bound = bind(step, CATALOGUE, names(service=text))
    assert isinstance(bound, Bound)
    return str(bound.args["title"])


def in_evidence(text: str) -> str:
    return str(cut_evidence(Evidence("1", "s", 0.0, {"text": f"{text}{'y' * 5_000}"}), limit=4_000).fields["text"])


def in_a_ticket_of_jira(text: str) -> str:
    body = jira.Jira(jira.JiraSettings(url="https://acme.test"))._issue("k", {"title": text})
    return str(body["fields"]["summary"])


def in_a_page_of_pagerduty(text: str) -> str:
    provider = pagerduty.Pagerduty(pagerduty.PagerdutySettings(routing_key_env="KEY"), "k", None)
    return str(provider._page("k", {"summary": text})["payload"]["summary"])


def in_a_message_of_slack(text: str) -> str:
    return slack.Slack(slack.SlackSettings(url="https://acme.test/hook"))._text("k", {"text": text})


PLACES: dict[Callable[[str], str], int] = {
    in_the_goal: 80,
    in_the_data: 2_000,
    in_a_result: 12_000,
    in_a_bound_title: 100,
    in_a_fallback: 60,
    in_evidence: 1_000,
    in_a_ticket_of_jira: jira.MOST_SUMMARY,
    in_a_page_of_pagerduty: pagerduty.MOST_SUMMARY,
    in_a_message_of_slack: slack.MOST_TEXT,
    quoted: 300,
}


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("secret", [SECRET, TOKEN], ids=["of the settings", "by its form"])
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_the_half_of_a_secret_is_left_nowhere(place: Callable[[str], str], secret: str) -> None:
    limit = PLACES[place]
    for before in range(limit - len(secret) - 30, limit + 1):
        told = place(f"{'x' * (before - 1)} {secret} {'y' * 60}{'z' * (limit // 50)}")
        assert not LETTERS & set(masked(told)), before
    assert "x" * 30 in told


@pytest.mark.usefixtures("kept")
def test_a_secret_that_is_not_at_the_cut_stays_for_who_may_see_it() -> None:
    assert SECRET in in_a_bound_title(f"{SECRET} {'x' * 200}")


@pytest.mark.usefixtures("kept")
def test_what_a_message_repeats_is_one_line_without_secrets() -> None:
    assert quoted(f"no:\n {SECRET}, and\t{TOKEN}") == "no: ***, and ***"
