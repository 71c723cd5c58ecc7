"""A folder of rules that becomes wrong while dutyd runs: people are told once, and a mistake can be taken back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from dutyd.app.rule_files import RuleFiles
from dutyd.ops.notices import Addressee, Notices
from dutyd.rules.book import Book
from dutyd.rules.known import Known
from dutyd_tools.notification import notify
from dutyd_tools.providers.backoffice import connect
from support.acting import CATALOGUE, Office, office

GOOD = """\
language: 1
rules:
  - id: errors
    from: metrics
    per: [service]
    when: n > 1
    steps:
      page: {tool: send_alert, with: {severity: info, summary: x}}
"""


@pytest.fixture
async def there(valkey_url: str, unique: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(valkey_url, unique, tmp_path, GOOD) as opened:
        yield opened


@asynccontextmanager
async def watched(there: Office, folder: Path) -> AsyncIterator[None]:
    """Follow *folder* as an evaluator does."""
    provider = connect({"url": there.url})
    notices = Notices(there.ledger.standings, "shop", Addressee(notify, provider, "ops@example.com"))
    book = Book(there.ledger.rule_sets, CATALOGUE)
    files = RuleFiles(folder, Known(CATALOGUE), there.ledger.rule_sets, book, notices)
    await files.start()
    watching = asyncio.create_task(files.watch())
    try:
        yield
    finally:
        files.stop()
        await watching
        await provider.close()


def good() -> bool:
    return REGISTRY.get_sample_value("dutyd_rules_last_reload_successful") == 1


async def comes(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await true():
            await asyncio.sleep(0.05)


async def test_a_wrong_file_is_told_once_and_a_mistake_can_be_taken_back(there: Office, tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "a.yaml").write_text(GOOD)

    async def messages(count: int) -> bool:
        return len(await there.listed("/messages")) == count

    async def is_good() -> bool:
        return good()

    with capture_logs() as said:
        async with watched(there, folder), watched(there, folder):
            assert good()
            (folder / "a.yaml").write_text(GOOD.replace("n > 1", "n >"))
            await comes(lambda: messages(1))
            assert not good()
            (folder / "a.yaml").write_text(GOOD)
            await comes(is_good)
    assert "the rule files are right again: they are as they were" in [line["event"] for line in said]
    [message] = await there.listed("/messages")
    assert message["subject"] == "dutyd shop: rules"
    assert "the last good ones stay in use" in message["text"]
    assert "a.yaml:6" in message["text"]
