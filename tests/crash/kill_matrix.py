"""SIGKILL at every point between two steps of both paths, at each class of provider, once and twice.

``make crash`` runs it: real Kafka, real Valkey that fsyncs, a back office that does again whatever it is asked to do
again. Each row is an installation of its own; what the back office holds at the end is held against what the events
ask for. Prints the table, writes ``bench/crash.json``, and fails on any loss or double, and on a point that was not
reached. ``--long`` takes every row several times, at later passes of its point, and kills at random lines of code.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from support.broker import running_broker
from support.kills import Ground, Row, cases, lines, play
from support.valkey import running_valkey

JOBS = 5
"""Rows at a time: most of a row is waiting for Kafka to take a dead member for dead."""

LINE_ROWS = 100
"""Rows of ``--long`` that die at a random line; the last lines may not be reached."""

ANSWER = Path(__file__).parents[2] / "bench" / "crash.json"


def table(rows: Sequence[Row]) -> str:
    """Return the rows for people."""
    head = f"{'point':<40}{'class':<10}{'kills':>5}{'expected':>10}{'seen':>6}{'lost':>6}{'doubled':>9}"
    lines = [
        f"{row.point:<40}{row.kind:<10}{row.kills:>5}{row.expected:>10}{row.seen:>6}{row.lost:>6}{row.doubled:>9}"
        + (f"  {row.note}" if row.note else "")
        for row in rows
    ]
    return "\n".join([head, *lines])


def failed(row: Row) -> bool:
    """Whether the row shows a loss, a double, or nothing at all."""
    return bool(row.lost or row.doubled or (row.note and not row.point.startswith("line")))


def main() -> int:
    """Play all cases; return how many failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="every row at four passes of its point")
    parser.add_argument("--only", default="", help="only points that hold this text")
    parser.add_argument("--seed", type=int, default=1, help="of the lines at which --long kills")
    options = parser.parse_args()
    every = [*cases(long=options.long), *(lines(LINE_ROWS, options.seed) if options.long else ())]
    chosen = [case for case in every if options.only in case.point]
    with ExitStack() as open_:
        broker = open_.enter_context(running_broker())
        if broker.lacks:
            print("the kill matrix needs a real Kafka broker (Java 17 and Maven): not run")  # noqa: T201
            return 0
        ground = Ground(broker.address, open_.enter_context(running_valkey()))
        with ThreadPoolExecutor(JOBS) as pool:
            rows = []
            for row in pool.map(lambda case: play(ground, case), chosen):
                rows.append(row)
                print(f"{len(rows)}/{len(chosen)} {row.point}, {row.kind}", file=sys.stderr, flush=True)  # noqa: T201
    ANSWER.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    wrong = sum(map(failed, rows))
    print(table(rows))  # noqa: T201
    print(f"{len(rows) - wrong} passed, {wrong} failed")  # noqa: T201
    return wrong


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
