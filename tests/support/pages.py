"""The fenced blocks of a Markdown page, so that what it shows can be run.

``sh`` blocks are commands, ``console`` blocks commands behind ``$ `` with what they print (``...`` stands for
anything), and a block whose info string has a second word (``yaml rules/a.yaml``) is that file. A block right after a
comment that says ``not run here:`` is left alone.
"""

import doctest
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from support.program import environment

_BLOCK = re.compile(r"(?P<before>(?:^[^\n]*\n)?)^```(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """One block: where it begins, its language, the file it is (or an empty text), whether it is to be run."""

    line: int
    language: str
    file: str
    text: str
    run: bool


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a block, and what it is expected to print; None: anything."""

    line: int
    text: str
    output: str | None


def blocks(page: Path) -> list[Block]:
    """Return the blocks of *page* in order."""
    content = page.read_text(encoding="utf-8")
    found = []
    for match in _BLOCK.finditer(content):
        language, _, file = match["info"].strip().partition(" ")
        line = content.count("\n", 0, match.start("text")) + 1
        found.append(Block(line, language, file.strip(), match["text"], "not run here:" not in match["before"]))
    return found


def commands(block: Block) -> list[Command]:
    """Return the commands of an ``sh`` or ``console`` block."""
    if block.language == "sh":
        return [Command(block.line, block.text, None)]
    found: list[Command] = []
    for number, line in enumerate(block.text.splitlines(keepends=True), block.line):
        if line.startswith("$ "):
            found.append(Command(number, line[2:], ""))
        else:
            before = found.pop()
            found.append(Command(before.line, before.text, (before.output or "") + line))
    return found


def run_command(command: Command, folder: Path, where: str) -> None:
    """Run *command* in *folder* as a user does; it must succeed and print what the page says, which is *where*."""
    shell = ["bash", "-euo", "pipefail", "-c", command.text]
    done = subprocess.run(
        shell, cwd=folder, env=environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"{where}: {command.text}{done.stdout}{done.stderr}"
    if command.output is not None:
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        fits = doctest.OutputChecker().check_output(command.output, done.stdout, flags)
        assert fits, f"{where}: {command.text}expected:\n{command.output}\ngot:\n{done.stdout}{done.stderr}"
