"""Tickets in a real Roundup tracker: its key property, its texts, and the answers that mean something else."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest

from dutyd.core.errors import SettingsError
from dutyd.core.tool import NotSentError, Provider, ProviderClass, RefusedError, UnknownOutcomeError
from dutyd_tools.providers import roundup as adapter
from support.providers import TICKET, Connect, closing, promise
from support.trackers import ACCOUNT, PASSWORD, StartTracker, Tracker


@pytest.fixture(scope="module")
def tracker(roundup: StartTracker) -> Iterator[Tracker]:
    with roundup() as tracker:
        yield tracker


@pytest.fixture
async def connect(tracker: Tracker) -> AsyncIterator[Connect]:
    def new(at: Tracker = tracker, **settings: Any) -> Provider:
        return adapter.connect({**settings_of(at), **settings})

    async with closing(new) as connect:
        yield connect


@pytest.fixture
def key(unique: str) -> str:
    return f"dutyd-{unique}"


def settings_of(tracker: Tracker) -> dict[str, Any]:
    return {"url": tracker.url, "username": ACCOUNT, "password_file": str(tracker.secret)}


def texts(tracker: Tracker, issue: str) -> list[str]:
    """Return the texts of *issue*, as its page shows them."""
    (found,) = tracker.items("issue", **{"id": issue, "@fields": "messages", "@verbose": "2"})
    shown = {each["id"]: each for each in tracker.items("msg", **{"@fields": "content,author", "@verbose": "3"})}
    return [shown[message["id"]]["content"] for message in found["messages"]]


async def test_of_eight_at_once_one_makes_the_ticket_and_all_get_it(
    tracker: Tracker, connect: Connect, key: str
) -> None:
    provider = connect()
    made = await asyncio.gather(*(provider.create("ticket", key, TICKET) for _ in range(8)), return_exceptions=True)
    receipts = [each for each in made if not isinstance(each, BaseException)]
    assert {receipt.id for receipt in receipts} == {tracker.items("issue", **{"dutyd_key:": key})[0]["id"]}
    assert len(tracker.items("issue", **{"dutyd_key:": key})) == 1
    # What the database had no time for is sent again: it was never a refusal.
    assert not [each for each in made if isinstance(each, RefusedError)]


async def test_a_ticket_is_an_issue_with_its_text_by_our_account(tracker: Tracker, connect: Connect, key: str) -> None:
    receipt = await connect().create("ticket", key, {**TICKET, "priority": "P2"})
    shown = tracker.items("issue", **{"dutyd_key:": key, "@fields": "title,priority,creator", "@verbose": "2"})
    (issue,) = shown
    assert (issue["title"], issue["priority"]["name"], issue["creator"]["username"]) == ("Errors", "urgent", ACCOUNT)
    assert texts(tracker, receipt.id) == ["checkout fails\n\nproject: OPS\nkind: incident"]
    assert httpx2.get(receipt.data["url"], auth=(ACCOUNT, PASSWORD)).is_success


async def test_members_go_to_the_properties_that_the_settings_name(
    tracker: Tracker, connect: Connect, key: str
) -> None:
    tracker.admin("create", "keyword", f"name={key}")
    provider = connect(properties={"project": "keyword"}, priorities={}, fields={"assignedto": ACCOUNT})
    made = await provider.create("ticket", key, {**TICKET, "project": key, "priority": "wish"})
    assert texts(tracker, made.id) == ["checkout fails\n\nkind: incident"]
    (row,) = await provider.read("tickets", {"query": "CHECKOUT fails", "project": key})
    assert row == {
        "id": made.id,
        "title": "Errors",
        "body": "checkout fails\n\nkind: incident",
        "project": key,
        "priority": "wish",
        "status": "unread",
    }


async def test_people_still_open_issues_without_a_key(tracker: Tracker, key: str) -> None:
    form = {"@action": "new", "title": key, "@template": "item"}
    page = f"{tracker.url}/issue"
    answer = httpx2.post(page, data=form, auth=(ACCOUNT, PASSWORD), headers={"Referer": page})
    assert "created" in answer.headers["Location"]
    (issue,) = tracker.items("issue", **{"title": key, "@fields": "dutyd_key"})
    assert issue["dutyd_key"]


async def test_a_wrong_value_answers_409_and_is_no_known_key(connect: Connect, key: str) -> None:
    with pytest.raises(RefusedError, match=r"answered 409.*9999"):
        await connect(fields={"superseder": "9999"}).create("ticket", key, TICKET)
    assert await connect().lookup("ticket", key) is None


async def test_a_crash_in_the_tracker_answers_400_and_is_an_unknown_outcome(connect: Connect, key: str) -> None:
    with pytest.raises(UnknownOutcomeError, match="server log"):
        await connect().create("ticket", key, {**TICKET, "title": "crash"})
    with pytest.raises(RefusedError, match="wants no such title"):
        await connect().create("ticket", key, {**TICKET, "title": "unwanted"})


async def test_a_comment_is_made_once_and_found_once_it_can_be_seen(
    tracker: Tracker, connect: Connect, key: str
) -> None:
    provider = connect()
    assert promise(provider, "comment").kind is ProviderClass.B
    ticket = await provider.create("ticket", key, TICKET)
    comment = {"ticket": ticket.id, "text": "deployed at noon"}
    # A first try that came no further than the text: nobody has seen it, so that it was not made.
    tracker.post("msg", content=comment["text"], messageid=f"<{key}-c@dutyd>", author=ACCOUNT)
    assert await provider.lookup("comment", f"{key}-c") is None
    made = await provider.create("comment", f"{key}-c", comment)
    assert await provider.lookup("comment", f"{key}-c") == made
    assert await provider.create("comment", f"{key}-c", comment) == made
    assert texts(tracker, ticket.id)[1:] == ["deployed at noon"]


@pytest.mark.parametrize(("ticket", "words"), [("9999", "404|409"), ("OPS-1", "no issue"), ("../user/1", "no issue")])
async def test_a_comment_on_no_issue_is_refused(connect: Connect, key: str, ticket: str, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        await connect().create("comment", key, {"ticket": ticket, "text": "x"})


async def test_tickets_are_found_by_words_of_title_text_and_comments(connect: Connect, key: str) -> None:
    provider = connect()
    made = await provider.create("ticket", key, {**TICKET, "title": f"Odd {key}"})
    await provider.create("comment", f"{key}-c", {"ticket": made.id, "text": f"seen by {key}"})
    for words in (f"{key} odd", f"checkout {key}", f"{key} seen"):
        assert [row["id"] for row in await provider.read("tickets", {"query": words, "project": None})] == [made.id]
    assert await provider.read("tickets", {"query": f"{key} nowhere", "project": None}) == []


async def test_a_tracker_at_its_limit_says_when_to_come_back(roundup: StartTracker, connect: Connect, key: str) -> None:
    with roundup(api_calls_per_interval="1", api_interval_in_sec="30") as strict:
        provider = connect(strict)
        assert await provider.lookup("ticket", key) is None
        with pytest.raises(NotSentError) as told:
            await provider.create("ticket", key, TICKET)
        assert 0 < (told.value.retry_after or 0) <= 30


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"key_property": "idem"}, r'not the key of the tracker.s issues.*issue\.setkey\("idem"\)'),
        ({"priorities": {"P1": "panic"}}, "no priority panic, only bug, critical.*`priorities`"),
        ({"headers": {"Origin": "https://elsewhere.example"}}, "is `url` the tracker's own"),
        ({"password_env": "WRONG_PASSWORD"}, "401"),
    ],
)
async def test_a_check_says_what_is_wrong_and_what_to_do(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], words: str
) -> None:
    monkeypatch.setenv("WRONG_PASSWORD", "letmein-please")
    if "password_env" in settings:
        settings = {**settings, "password_file": None}
    with pytest.raises(RefusedError, match=words) as told:
        await connect(**settings).check()
    assert "letmein" not in str(told.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"propertys": {}}, "unknown setting 'propertys'.*properties"),
        ({"properties": {"titel": "x"}}, "properties.titel: a ticket has project, kind, priority, status"),
        ({"properties": {"project": "a b"}}, "properties.project: 'a b' is no name of a property"),
        ({"key_property": "dutyd-key"}, "key_property: 'dutyd-key' is no name of a property"),
        ({"fields": {"title": "x"}}, "fields.title is ours"),
        ({"fields": {"topic": "{{ projekt }}"}}, "fields.topic: .*project"),
        ({"username": None, "password_file": None}, "set username, or author"),
    ],
)
def test_wrong_settings_are_told_before_anything_is_asked(
    tracker: Tracker, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        adapter.connect({**settings_of(tracker), **settings})
