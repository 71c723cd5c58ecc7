"""What PagerDuty, Slack and Jira are sent, and what their odd answers mean."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from dutyd.core.errors import SettingsError
from dutyd.core.tool import NotSentError, Paced, Provider, RefusedError, UnknownOutcomeError
from dutyd_tools.providers import jira, pagerduty, slack
from support.acting import office, running
from support.modern import (
    JIRA,
    PAGERDUTY,
    SLACK,
    JiraDesk,
    ModernSystem,
    PagerdutyDesk,
    SlackDesk,
    modern_system,
)
from support.providers import TICKET, Break, promise
from support.rule_files import acting_rule

KEY = "dutyd-0123456789abcdef0123456789abcdef"
PAGE = {"severity": "critical", "summary": "checkout fails", "details": "error_count: 12"}


@pytest.fixture
def pager(tmp_path: Path) -> Iterator[ModernSystem]:
    with modern_system(tmp_path, PAGERDUTY) as system:
        yield system


@pytest.fixture
def chat(tmp_path: Path) -> Iterator[ModernSystem]:
    with modern_system(tmp_path, SLACK) as system:
        yield system


@pytest.fixture
async def posting(chat: ModernSystem) -> AsyncIterator[Provider]:
    provider = slack.connect({"url": f"{chat.url}/services/T/B/x"})
    yield provider
    await provider.close()


@pytest.fixture
def tracker(tmp_path: Path) -> Iterator[ModernSystem]:
    with modern_system(tmp_path, JIRA) as system:
        yield system


def held(system: ModernSystem) -> Any:
    assert isinstance(system.desk, PagerdutyDesk | SlackDesk | JiraDesk)
    return system.desk


async def test_a_page_is_acknowledged_and_ended_and_a_late_resend_calls_people_again(pager: ModernSystem) -> None:
    provider = pager.connect(component="shop", group="{{ severity }}")
    first = await provider.create("alert", KEY, PAGE)
    assert await provider.create("alert", KEY, PAGE) == first
    assert held(pager).calls == 1
    for kind, status in (("alert_acknowledgement", "acknowledged"), ("alert_resolution", "resolved")):
        for again in ("1", "2"):
            await provider.create(kind, f"{KEY}-{again}", {"alert": first.id})
        assert held(pager).incidents[0].status == status
    await provider.create("alert", KEY, PAGE)  # why its class has a window
    assert held(pager).calls == 2
    found = await provider.lookup("alert", KEY)
    assert found is not None
    assert (found.id, found.copies) == (KEY, 2)
    await provider.close()


async def test_without_a_token_pages_can_t_be_looked_up(pager: ModernSystem) -> None:
    with_token, without = pager.connect(), pager.connect(api_token_file=None)
    assert promise(with_token, "alert").searchable
    assert not promise(without, "alert").searchable
    assert await without.lookup("alert", KEY) is None
    assert "only a page could show" in await without.check()
    assert "takes the token" in await with_token.check()
    for provider in (with_token, without):
        await provider.close()


async def test_a_wrong_token_is_told_by_the_check(pager: ModernSystem, tmp_path: Path) -> None:
    (tmp_path / "other").write_text("x")
    provider = pager.connect(api_token_file=tmp_path / "other")
    with pytest.raises(RefusedError, match="401"):
        await provider.check()
    await provider.close()


async def test_a_wrong_event_is_refused_with_each_of_its_mistakes(pager: ModernSystem) -> None:
    provider = pager.connect()
    with pytest.raises(RefusedError, match=r"Event object is invalid: .*severity.* is invalid"):
        await provider.create("alert", KEY, {**PAGE, "severity": "high"})
    with pytest.raises(RefusedError, match="at most 524,288"):
        await provider.create("alert", KEY, {**PAGE, "details": "x" * 600_000})
    await provider.create("alert", KEY, {**PAGE, "summary": "x" * 2000})
    assert len(held(pager).incidents[0].summary) == 1024
    await provider.close()


@pytest.mark.parametrize(("how", "wait"), [(Break.BUSY, 7), (None, 60)])
async def test_a_busy_pagerduty_is_left_alone_for_a_minute_unless_it_says_another(
    pager: ModernSystem, how: Break | None, wait: float
) -> None:
    provider = pager.connect()
    if how is not None:
        pager.break_next(how)
    else:
        pager.order(do="fail", status=429)
    with pytest.raises(NotSentError) as told:
        await provider.create("alert", KEY, PAGE)
    assert told.value.retry_after == wait
    await provider.close()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "routing_key_file (or routing_key_env) is missing"),
        ({"routing_key_env": "SHORT"}, "routing_key: it has 5 characters, not 32"),
        ({"routing_key_env": "SHORT", "routing_kee": "x"}, "unknown setting 'routing_kee'"),
        ({"routing_key_env": "SHORT", "group": "{{ severty }}"}, "did you mean 'severity'?"),
    ],
)
def test_wrong_settings_of_pagerduty_say_what_to_do(
    settings: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHORT", "short")
    with pytest.raises(SettingsError) as told:
        pagerduty.connect(settings)
    assert said in str(told.value)
    assert "short" not in str(told.value)


async def test_a_message_stands_in_the_channel_and_can_t_call_it(chat: ModernSystem, posting: Provider) -> None:
    body = {"to": "ops", "subject": "5 > 3", "text": "<!channel> a & b"}
    receipt = await posting.create("message", KEY, body)
    assert receipt.id == KEY
    assert held(chat).texts == ["*5 &gt; 3*\n&lt;!channel&gt; a &amp; b"]
    assert isinstance(posting, Paced)
    assert posting.per_minute == 60


@pytest.mark.parametrize(
    ("word", "error", "said"),
    [
        ("no_service", RefusedError, "make a new one"),
        ("channel_is_archived", RefusedError, "make a webhook of another"),
        ("action_prohibited", RefusedError, "owners forbid it"),
        ("rollup_error", UnknownOutcomeError, "rollup_error"),
    ],
)
async def test_slack_s_word_says_what_to_do(
    chat: ModernSystem, posting: Provider, word: str, error: type[Exception], said: str
) -> None:
    held(chat).gone = word
    with pytest.raises(error, match=said):
        await posting.create("message", KEY, {"text": "x"})


async def test_a_message_without_text_is_refused(posting: Provider) -> None:
    with pytest.raises(RefusedError, match="no_text"):
        await posting.create("message", KEY, {})


@pytest.mark.parametrize("told_by", ["url", "url_env"])
async def test_the_address_of_a_channel_is_a_secret(
    told_by: str, chat: ModernSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", f"{chat.url}/services/T/B/hidden")
    provider = slack.connect({told_by: {"url": f"{chat.url}/services/T/B/hidden", "url_env": "HOOK"}[told_by]})
    with pytest.raises(RefusedError, match="no_service") as told:
        await provider.create("message", KEY, {"text": "x"})
    assert "hidden" not in str(told.value)
    assert "hidden" not in await provider.check()
    await provider.close()


async def test_an_issue_has_what_the_settings_say_and_our_key_as_a_label(tracker: ModernSystem) -> None:
    provider = tracker.connect(
        kinds={"incident": "Bug"},
        priorities={"P1": "Highest"},
        labels=["ops"],
        fields={"customfield_10010": "{{ title }}", "labels": ["shop"]},
    )
    body = {**TICKET, "title": "Errors\nat once", "body": "checkout\nfails\n\n<b>12</b> errors", "priority": "P1"}
    receipt = await provider.create("ticket", KEY, body)
    assert (receipt.id, receipt.data["url"]) == ("OPS-1", f"{tracker.url}/jira/browse/OPS-1")
    (issue,) = held(tracker).issues
    assert issue.fields["issuetype"] == {"name": "Bug"}
    assert issue.fields["priority"] == {"name": "Highest"}
    assert issue.fields["labels"] == ["ops", "shop", KEY]
    assert issue.fields["customfield_10010"] == "Errors\nat once"
    assert issue.fields["summary"] == "Errors at once"
    first, second = issue.fields["description"]["content"]
    assert [node["type"] for node in first["content"]] == ["text", "hardBreak", "text"]
    assert second["content"] == [{"type": "text", "text": "<b>12</b> errors"}]
    (row,) = await provider.read("tickets", {"query": 'at "once"!', "project": "OPS"})
    assert (row["id"], row["kind"], row["body"]) == ("OPS-1", "Bug", "checkout\nfails\n<b>12</b> errors")
    assert await provider.read("tickets", {"query": "?!", "project": None}) == []
    assert (await provider.create("comment", f"{KEY}-2", {"ticket": receipt.id, "text": "still"})).id
    await provider.close()


async def test_the_older_version_of_jira_takes_text(tracker: ModernSystem) -> None:
    provider = tracker.connect(api=2)
    await provider.create("ticket", KEY, TICKET)
    await provider.create("comment", f"{KEY}-2", {"ticket": "OPS-1", "text": "still"})
    (issue,) = held(tracker).issues
    assert (issue.fields["description"], issue.comments) == ("checkout fails", ["still"])
    await provider.close()


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("ticket", {**TICKET, "project": "NO"}, "400: project: valid project is required"),
        (
            "ticket",
            {**TICKET, "kind": "alarm", "title": ""},
            "issuetype: Specify a valid issue type; summary: You must",
        ),
        ("ticket", {**TICKET, "priority": "P9"}, "priority: The priority selected is invalid."),
        ("comment", {"ticket": "OPS-99", "text": "x"}, "404: Issue does not exist or you do not have permission"),
        ("comment", {"ticket": "../myself", "text": "x"}, "is no issue of Jira's"),
    ],
)
async def test_jira_s_no_is_told_in_its_words(tracker: ModernSystem, kind: str, body: Any, said: str) -> None:
    provider = tracker.connect()
    with pytest.raises(RefusedError, match=said):
        await provider.create(kind, KEY, body)
    assert held(tracker).issues == []
    await provider.close()


async def test_a_wrong_login_is_told_and_a_search_without_one_is_no_miss(
    tracker: ModernSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLD", "expired")
    provider = tracker.connect(password_file=None, password_env="OLD")
    for asked in (provider.check(), provider.create("ticket", KEY, TICKET), provider.lookup("ticket", KEY)):
        with pytest.raises(RefusedError, match="401: Client must be authenticated"):
            await asked
    await provider.close()


async def test_an_issue_that_the_search_does_not_find_yet_is_not_made_twice(
    tracker: ModernSystem, valkey_url: str, unique: str, tmp_path: Path
) -> None:
    rules = acting_rule("""
      ticket:
        tool: create_ticket
        with: {project: OPS, kind: incident, title: "{{ service }}", body: checkout fails}
""")
    held(tracker).lags = True
    tracker.break_next(Break.CUT_AFTERWARDS)
    async with office(valkey_url, unique, tmp_path, rules) as desk:
        desk.open_(desk.trigger("errors", {"service": "checkout", "error_count": 12}, {"service": "checkout"}))
        async with running(desk.worker(provider=tracker.connect(timeout=0.5, settle=1.0))):
            await desk.until(desk.effects, {"ticket": "UNKNOWN"})
            held(tracker).catch_up()  # before `settle` is over, as promised
            await desk.until(desk.effects, {"ticket": "DONE"})
        assert [row["result"]["id"] for row in await desk.ledger.queries.effects()] == ["OPS-1"]
    assert tracker.total() == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"labels": ["on call"]}, "labels: 'on call' holds a blank"),
        ({"fields": {"team": "{{ tittle }}"}}, "did you mean 'title'?"),
        ({"fields": "x"}, "fields: holds fields"),
        ({"api": 4}, "api: Input should be 2 or 3"),
        ({"prioritys": {}}, "did you mean 'priorities'?"),
    ],
)
def test_wrong_settings_of_jira_say_what_to_do(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as told:
        jira.connect({"url": "https://acme.atlassian.net", **settings})
    assert said in str(told.value)
