"""Which rule set is in use when two things happen at once; with files and a real Redis: ``tests/integration/rules``."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from dutyd.app import rule_files
from dutyd.app.rule_files import RuleFiles
from dutyd.rules.load import load_files
from support.rule_files import GOOD, KNOWN

OLD, NEW = (load_files({"a.yaml": text}, KNOWN) for text in (GOOD, GOOD.replace("> 10", "> 11")))


class Slow:
    """Rule sets in a Redis that lost the old one and takes its time to store it again."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.asked, self.answers = asyncio.Event(), asyncio.Event()

    async def knows(self, digest: str) -> bool:
        return digest in self.order

    async def store(self, digest: str, files: dict[str, str]) -> int:
        del files
        if digest == OLD.digest:
            self.asked.set()
            await self.answers.wait()
        self.order.append(digest)
        return len(self.order)


async def test_an_edit_is_not_replaced_by_the_set_before_that_is_stored_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rule_files, "KEPT_SECONDS", 0.0)
    stored, others = Slow(), cast("Any", None)
    files = RuleFiles(tmp_path, KNOWN, cast("Any", stored), others, others, OLD)
    keeping = asyncio.create_task(files._keep_stored())
    await stored.asked.wait()
    edited = asyncio.create_task(files._use_when_stored(NEW))
    for _ in range(5):
        await asyncio.sleep(0)
    stored.answers.set()
    await edited
    files.stop()
    await keeping
    assert (stored.order[-1], files.current()) == (NEW.digest, NEW)
