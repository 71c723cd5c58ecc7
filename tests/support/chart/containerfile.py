"""Reads a Containerfile: its instructions, in stages, with continued lines joined."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Instruction:
    """One instruction; ``stage`` counts the ``FROM`` before it, 0 before the first."""

    stage: int
    word: str
    rest: str

    @property
    def words(self) -> list[str]:
        """The words of ``rest``, also where it is a JSON list."""
        return list(json.loads(self.rest)) if self.rest.startswith("[") else shlex.split(self.rest)


def instructions(file: Path) -> Iterator[Instruction]:
    """Yield the instructions of *file*."""
    lines = [line for line in file.read_text().splitlines() if not line.lstrip().startswith("#")]
    stage = 0
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word:
            stage += word == "FROM"
            yield Instruction(stage, word, rest.strip())
