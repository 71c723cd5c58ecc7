"""What PagerDuty and Slack are sent, and what their odd answers mean."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from dutyd.core.errors import SettingsError
from dutyd.core.tool import NotSentError, Paced, Provider, RefusedError, UnknownOutcomeError
from dutyd_tools.providers import pagerduty, slack
from support.modern import PAGERDUTY, SLACK, ModernSystem, PagerdutyDesk, SlackDesk, modern_system
from support.providers import Break, promise

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


def held(system: ModernSystem) -> Any:
    assert isinstance(system.desk, PagerdutyDesk | SlackDesk)
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


async def test_the_address_of_a_channel_is_a_secret(chat: ModernSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", f"{chat.url}/services/T/B/hidden")
    provider = slack.connect({"url_env": "HOOK"})
    with pytest.raises(RefusedError, match="no_service") as told:
        await provider.create("message", KEY, {"text": "x"})
    assert "hidden" not in str(told.value)
    assert "hidden" not in await provider.check()
    await provider.close()
