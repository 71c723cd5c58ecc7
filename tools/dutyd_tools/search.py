"""Search in Markdown pages: sections by heading, ranked by BM25.

Pages come in as text, sections go out, best first. BM25 weighs how often a word stands in a section against how rare it
is and how long the section is: for a folder of runbooks that is all that is needed, and it needs no model and no
server. Pure; ``providers.folder`` reads the files.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

SATURATION = 1.5  # how fast a repeated word stops counting
LENGTH = 0.75  # how much longer sections are held back
TITLE = 3  # how often a word of the title counts

_WORD = re.compile(r"\w+")
_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*\s*")
_FENCE = re.compile(r"\s{0,3}(```|~~~)")


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page.

    Attributes:
        page: its path below the folder.
        heading: the headings it stands under, outermost first, joined by `` > ``; empty before the first.
        text: what stands there.

    """

    page: str
    heading: str
    text: str


def sections_of(page: str, markdown: str) -> list[Section]:
    """Return the sections of *markdown* that say something; a ``#`` inside a code block is no heading."""
    found: list[Section] = []
    path: list[tuple[int, str]] = []
    lines: list[str] = []
    fence = ""

    def end() -> None:
        if text := "\n".join(lines).strip():
            found.append(Section(page, " > ".join(title for _, title in path), text))
        lines.clear()

    for line in markdown.splitlines():
        if mark := _FENCE.match(line):
            fence = "" if fence == mark[1] else fence or mark[1]
        heading = None if fence else _HEADING.fullmatch(line)
        if heading is None:
            lines.append(line)
            continue
        end()
        level = len(heading[1])
        path = [*(outer for outer in path if outer[0] < level), (level, heading[2])]
    end()
    return found


class Index:
    """Sections, ready to be searched."""

    def __init__(self, sections: Sequence[Section]) -> None:
        self._sections = sections
        self._words = [Counter(_words(f"{part.page} {part.heading}") * TITLE + _words(part.text)) for part in sections]
        self._lengths = [words.total() for words in self._words]
        self._mean = sum(self._lengths) / max(len(sections), 1)
        self._holders = Counter(word for words in self._words for word in words)

    def search(self, query: str, limit: int) -> list[Section]:
        """Return at most *limit* sections that hold a word of *query*, best first."""
        wanted = set(_words(query))
        scores = [(self._score(wanted, at), at) for at in range(len(self._sections))]
        best = sorted((-score, at) for score, at in scores if score > 0)
        return [self._sections[at] for _, at in best[:limit]]

    def _score(self, wanted: set[str], at: int) -> float:
        words = self._words[at]
        damped = SATURATION * (1 - LENGTH + LENGTH * self._lengths[at] / self._mean)
        return sum(
            self._rarity(word) * words[word] * (SATURATION + 1) / (words[word] + damped)
            for word in wanted
            if word in words
        )

    def _rarity(self, word: str) -> float:
        holders = self._holders[word]
        return math.log(1 + (len(self._sections) - holders + 0.5) / (holders + 0.5))


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
