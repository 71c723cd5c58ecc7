"""A file while it is read: its text, the problems found in it so far, and the nodes of its YAML.

``yaml_reader`` makes the nodes, the readers of this package take values out of them. A node knows where it begins and
ends in the text, so that every message can point. ``Broken`` stands where a problem was already reported: readers
pass over it in silence, which keeps one mistake one message.
"""

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

from dutyd.core.place import Place
from dutyd.rules.problems import LINE_END, Problem
from dutyd.rules.syntax.scalars import ScalarValue


@dataclass(frozen=True, slots=True)
class Scalar:
    """A scalar: its text and the value it stands for; *style* is ``'``, ``"``, ``|``, ``>``, or empty for plain."""

    text: str
    value: ScalarValue
    start: int
    end: int
    style: str = ""


@dataclass(frozen=True, slots=True)
class ListNode:
    """A sequence."""

    items: tuple["Node", ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class MapNode:
    """A mapping, its keys in the order of the file; every key is a text and stands once."""

    pairs: tuple[tuple[Scalar, "Node"], ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Broken:
    """Something that can't be read; it was reported."""

    start: int
    end: int


Node = Scalar | ListNode | MapNode | Broken


class SourceFile:
    """One file: *name* is its relative path, *problems* grows while it is read."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.problems: list[Problem] = []

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(end.end() for end in LINE_END.finditer(self.text))]

    def place(self, index: int) -> Place:
        """Return where the character at *index* stands."""
        line = bisect_right(self._line_starts, index)
        return Place(self.name, line, index - self._line_starts[line - 1] + 1)

    def line_span(self, index: int) -> tuple[int, int]:
        """Return where the line of the character at *index* begins and ends, its line end not counted."""
        line = bisect_right(self._line_starts, index)
        begin = self._line_starts[line - 1]
        end = self._line_starts[line] if line < len(self._line_starts) else len(self.text)
        return begin, begin + len(self.text[begin:end].rstrip("\r\n"))

    def report_at(self, line: int, column: int, code: str, message: str, hint: str = "") -> None:
        """Note that *message* is wrong at a place."""
        self.problems.append(Problem(self.name, line, column, code, message, hint))

    def report(self, at: Node | int, code: str, message: str, hint: str = "") -> None:
        """Note that *message* is wrong at a node, or at an index of the text; both texts become one line each."""
        place = self.place(at if isinstance(at, int) else at.start)
        self.problems.append(Problem(self.name, place.line, place.column, code, _line(message), _line(hint)))


def _line(text: str) -> str:
    """Return *text* in one line that a terminal shows and never obeys: it may quote the file."""
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)
