"""A run of ``make crash``: cases side by side on a real broker and a real Valkey, with a table and a file of the rows.

``tests/crash/kill_matrix.py`` and ``tests/crash/fault_table.py`` say what a case is and when its row has failed.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from dutyd.core.errors import nearest
from support.broker import Broker, running_broker
from support.valkey import running_valkey

BENCH = Path(__file__).parents[3] / "bench"


class Row(Protocol):
    """A dataclass; what it holds are columns, but for ``note``, which is put behind them where there is one."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def note(self) -> str: ...


OneCase = TypeVar("OneCase")
OneRow = TypeVar("OneRow", bound=Row)


@dataclass(frozen=True)
class Run(Generic[OneCase, OneRow]):
    """What is played.

    Attributes:
        name: as the words for people have it.
        cases: what there is to play; their text is told when they are done.
        named: returns the name by which a case is chosen.
        play: plays a case on a broker and a Valkey at an URL.
        failed: whether a row shows what must not be.
        jobs: cases at a time.
        file: where the rows go, in ``bench``.

    """

    name: str
    cases: Sequence[OneCase]
    named: Callable[[OneCase], str]
    play: Callable[[Broker, str, OneCase], Sequence[OneRow]]
    failed: Callable[[OneRow], bool]
    jobs: int
    file: str


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Return a parser of what every run can be told."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--only", default="", help="only cases whose name holds this text")
    return parser


def exit_code(run: Run[OneCase, OneRow], only: str = "") -> int:
    """Play the cases whose names hold *only*, tell and write what came of them; return 1 if a row failed.

    Where no name holds it nothing runs, and the answer is 2, as of any wrong argument. Without a real broker nothing
    runs, either; the last line says so. At home that is no failure, in continuous integration (``CI`` is set) it is.
    The file is of whole runs only.
    """
    cases = [case for case in run.cases if only in run.named(case)]
    if not cases:
        names = {run.named(case): None for case in run.cases}
        known = nearest(only, set(names)) or f" (its cases: {'; '.join(names)})"
        print(f"--only: no case of {run.name} has '{only}' in its name{known}", file=sys.stderr)
        return 2
    with running_broker() as broker:
        if broker.lacks:
            print(f"NOT RUN: {run.name} needs a real Kafka broker (Java 17 and Maven)")
            return int(bool(os.environ.get("CI")))
        with running_valkey() as valkey:
            rows = list(_played(run, cases, broker, valkey))
    if not only:
        (BENCH / run.file).write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    wrong = sum(map(run.failed, rows))
    print(table(rows))
    print(f"{len(rows) - wrong} passed, {wrong} failed")
    return int(wrong > 0)


def _played(run: Run[OneCase, OneRow], cases: Sequence[OneCase], broker: Broker, valkey: str) -> Iterator[OneRow]:
    with ThreadPoolExecutor(run.jobs) as pool:
        done = pool.map(lambda case: run.play(broker, valkey, case), cases)
        for number, (case, rows) in enumerate(zip(cases, done, strict=True), 1):
            print(f"{number}/{len(cases)} {case}", file=sys.stderr, flush=True)
            yield from rows


def table(rows: Sequence[Row]) -> str:
    """Return the rows (at least one) for people: texts to the left, numbers to the right, the note behind."""
    names = [each.name for each in fields(rows[0]) if each.name != "note"]
    heads = {name: "class" if name == "kind" else name for name in names}
    lines = [heads, *(asdict(row) for row in rows)]
    numbers = {name for name in names if isinstance(getattr(rows[0], name), int)}
    widths = {name: max(len(str(line[name])) for line in lines) + 2 for name in names}
    return "\n".join(
        "".join(f"{line[name]:{'>' if name in numbers else '<'}{widths[name]}}" for name in names)
        + (f"  {line['note']}" if line.get("note") else "")
        for line in lines
    )
