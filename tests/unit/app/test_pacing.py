"""Routes keep one pace where they use the same credentials at the same system, and only there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dutyd.act.pacing import SharedPace
from dutyd.app.pacing import credential_of, shared_paces
from dutyd.app.providers import open_providers
from dutyd.ledger.paces import Paces
from dutyd.ledger.scripts import Scripts
from dutyd.settings.model import Settings

JIRA = {"url": "https://acme.test/jira", "username": "bot", "password_env": "PASSWORD"}


@pytest.fixture(autouse=True)
def passwords(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("PASSWORD", "geheim-1")
    monkeypatch.setenv("ANOTHER", "geheim-2")
    monkeypatch.setenv("HOOK", "https://hooks.slack.test/services/a")
    monkeypatch.setenv("OTHER_HOOK", "https://hooks.slack.test/services/b")
    (tmp_path / "password").write_text("geheim-1\n")
    return tmp_path / "password"


def test_what_is_the_same_login_at_the_same_system_is_one_credential(passwords: Path) -> None:
    one = credential_of("jira", JIRA, "dutyd")
    by_file = {"url": JIRA["url"], "username": "bot", "password_file": str(passwords)}
    assert credential_of("rest", {**JIRA, "url": "https://acme.test/other", "timeout": 3}, "dutyd") == one
    assert credential_of("jira", by_file, "dutyd") == one


@pytest.mark.parametrize(
    "other",
    [{"url": "https://b.test/jira"}, {"username": "ops"}, {"password_env": "ANOTHER"}, {"secrets": {"x_env": "HOOK"}}],
)
def test_another_system_user_or_secret_is_another_credential(other: Mapping[str, Any]) -> None:
    assert credential_of("jira", {**JIRA, **other}, "dutyd") != credential_of("jira", JIRA, "dutyd")


def test_its_name_shows_nothing_and_differs_from_installation_to_installation() -> None:
    one = credential_of("jira", JIRA, "dutyd")
    assert len(one) == 24
    assert "geheim" not in one
    assert credential_of("jira", JIRA, "another") != one


def paces(providers: Mapping[str, Any]) -> Mapping[tuple[str, str], SharedPace]:
    settings = Settings.model_validate({"providers": providers})
    families = {family for family, setting in settings.providers if setting is not None}
    opened = open_providers(settings, families, lambda: "")
    return shared_paces(settings, opened, Paces(Scripts(None, "t")))  # type: ignore[arg-type]  # nobody asks it here


def test_routes_and_families_with_one_credential_share_the_lowest_limit() -> None:
    rest = {"kind": "rest", "url": "https://acme.test/api", "token_env": "PASSWORD"}
    seen = paces(
        {
            "ticketing": {**rest, "per_minute": 30, "routes": {"b": {"per_minute": 10}, "c": {"token_env": "ANOTHER"}}},
            "alerting": {**rest, "per_minute": 20},
            "stock": rest,
        }
    )
    assert {place: pace.per_minute for place, pace in seen.items()} == {
        ("ticketing", ""): 10,
        ("ticketing", "b"): 10,
        ("ticketing", "c"): 30,
        ("alerting", ""): 10,
    }
    assert seen["ticketing", ""] is seen["ticketing", "b"] is seen["alerting", ""]


def test_what_a_system_publishes_counts_for_each_of_its_addresses() -> None:
    slack = {
        "kind": "slack",
        "url_env": "HOOK",
        "routes": {"same": {"text": "{{ text }}"}, "b": {"url_env": "OTHER_HOOK"}},
    }
    seen = paces({"notify": slack})
    assert {pace.per_minute for pace in seen.values()} == {60}
    assert seen["notify", ""] is seen["notify", "same"] is not seen["notify", "b"]
