"""Runbooks from a folder of Markdown files: the provider behind ``search_runbooks``.

Settings: ``dir``. Files are read again when they change; names that begin with a dot are skipped (a mounted ConfigMap
holds each file twice). It only reads: there is nothing to make here.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from dutyd.core.secrets import cut
from dutyd.core.tool import NotSentError, Provider, RefusedError
from dutyd_tools.providers.settings import ProviderSettings, read_settings
from dutyd_tools.search import Index, Section, sections_of

MOST_FOUND = 5  # sections in one answer
EXCERPT = 1500  # characters of each

State = tuple[tuple[Path, int, int], ...]
"""Every file with its time of change and size."""


class FolderSettings(ProviderSettings):
    """Settings of the kind ``folder``."""

    dir: Path


def connect(settings: Mapping[str, Any]) -> Provider:
    """Return the provider for *settings*.

    Raises:
        SettingsError: they are wrong.

    """
    return Folder(read_settings("folder", FolderSettings, settings).dir)


class Folder:
    """The Markdown files below *directory*."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: tuple[State, Index] | None = None

    def promise_of(self, kind: str) -> None:
        """Return None: nothing is made here."""

    async def create(self, kind: str, key: str, body: Mapping[str, Any]) -> NoReturn:
        """Refuse: runbooks are only read."""
        raise RefusedError(f"a folder of runbooks can't make a {kind} ({key}, {len(body)} members)")

    async def lookup(self, kind: str, key: str) -> None:
        """Return None: nothing is made here."""

    async def read(self, kind: str, query: Mapping[str, Any]) -> Any:
        """Return the sections that fit ``query`` best.

        Raises:
            RefusedError: there is no such folder.
            NotSentError: a page can't be read now, such as one that was taken away just then.

        """
        if kind != "runbooks":
            raise RefusedError(f"a folder of runbooks knows no {kind}")
        try:
            found = await asyncio.to_thread(self._search, str(query["query"]))
        except OSError as error:
            raise NotSentError(f"{error.filename or self._directory} can't be read: {error.strerror}") from error
        return [{"page": one.page, "heading": one.heading, "text": cut(one.text, EXCERPT)} for one in found]

    async def check(self) -> str:
        """Count the pages.

        Raises:
            RefusedError: there is no such folder.

        """
        pages = await asyncio.to_thread(self._pages)
        return f"{self._directory}, pages: {len(pages)}"

    async def close(self) -> None:
        """Do nothing: no file stays open."""

    def _search(self, words: str) -> list[Section]:
        return self._index().search(words, MOST_FOUND)

    def _index(self) -> Index:
        state = tuple(sorted((file, *_stamp(file)) for file in self._pages()))
        if self._known is None or self._known[0] != state:
            pages = ((file.relative_to(self._directory).as_posix(), file) for file, *_ in state)
            sections = [part for page, file in pages for part in sections_of(page, file.read_text("utf-8", "replace"))]
            self._known = (state, Index(sections))
        return self._known[1]

    def _pages(self) -> list[Path]:
        if not self._directory.is_dir():
            raise RefusedError(
                f"there is no folder {self._directory}: name the folder of your runbooks in the settings"
            )
        return [
            file
            for file in self._directory.rglob("*.md")
            if file.is_file() and not any(part.startswith(".") for part in file.relative_to(self._directory).parts)
        ]


def _stamp(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_mtime_ns, found.st_size
