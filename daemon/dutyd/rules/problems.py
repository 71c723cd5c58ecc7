"""What is wrong in a file that a person wrote: the message, where it points, and all of them at once.

Every reader of this package (rule files, ``policy.yaml``, rule tests) reports ``Problem`` values and goes on, so that
one run shows all mistakes; the loader raises them together as ``RuleErrors``. The command line prints ``render()``.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dutyd.core.errors import WrongError

_WIDTH = 110  # characters of a source line that are shown around the caret
LINE_END = re.compile(r"\r\n|\n|\r")
"""Where editors end a line."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake.

    Attributes:
        file: path relative to the folder that was read.
        line, column: 1-based; 0 where the problem is the file itself.
        code: a short stable name, such as ``unknown-key``.
        message: what is wrong and what was expected.
        hint: what to do; may be empty.

    """

    file: str
    line: int
    column: int
    code: str
    message: str
    hint: str = ""

    def render(self, source: str = "") -> str:
        """Return the message, and under it the line of *source* (the file's text) with a caret."""
        where = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        parts = [f"{where}: {self.message} [{self.code}]"]
        lines = LINE_END.split(source)
        if 0 < self.line <= len(lines) and source:
            parts += caret(lines[self.line - 1], self.column, f"{self.line:>5} | ")
        if self.hint:
            parts.append(f"    hint: {self.hint}")
        return "\n".join(parts)


def caret(line: str, column: int, margin: str = "") -> list[str]:
    """Return the shown part of *line* behind *margin*, and the caret under *column* (from 1)."""
    start = max(0, column - _WIDTH // 2) if len(line) > _WIDTH else 0
    shown = "".join(char if char.isprintable() else " " for char in line[start : start + _WIDTH])
    return [margin + shown, " " * (len(margin) + column - 1 - start) + "^"]


class RuleErrors(WrongError):  # noqa: N818 - one exception that holds several errors
    """Files that can't be used, with every problem found in them.

    Attributes:
        problems: in the order of files, lines, columns; never empty.
        files: relative path to text, for the carets.

    """

    def __init__(self, problems: Iterable[Problem], files: Mapping[str, str] | None = None) -> None:
        self.problems = tuple(sorted(set(problems)))
        self.files = dict(files or {})
        super().__init__(self.render())

    def render(self) -> str:
        """Return every problem with its line and caret, one after the other."""
        return "\n".join(problem.render(self.files.get(problem.file, "")) for problem in self.problems)
