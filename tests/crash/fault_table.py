"""Faults of real servers: what the provider holds in the end against what the events ask for, class by class.

``make crash`` runs it after the kill matrix: a real Kafka broker, real Valkey, real daemons. Each fault is an
installation of its own that asks for a ticket at a system of each class. Prints the table, writes
``bench/faults.json``, and fails on any loss or double. A and B: once. C: never twice, and what nobody knows is parked.
"""

import argparse
import json
import sys
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from support.broker import running_broker
from support.faults import FAULTS, Fault, play
from support.scene import Row
from support.valkey import running_valkey

JOBS = 4
"""Faults at a time: most of each is waiting."""

ANSWER = Path(__file__).parents[2] / "bench" / "faults.json"


def table(rows: Sequence[Row]) -> str:
    """Return the rows for people."""
    head = f"{'fault':<43}{'class':<6}{'expected':>9}{'seen':>6}{'parked':>8}{'lost':>6}{'doubled':>9}"
    lines = [
        f"{row.fault:<43}{row.kind:<6}{row.expected:>9}{row.seen:>6}{row.parked:>8}{row.lost:>6}{row.doubled:>9}"
        f"  {row.note}".rstrip()
        for row in rows
    ]
    return "\n".join([head, *lines])


def failed(row: Row) -> bool:
    """Whether the row shows a loss, a double, or nothing at all."""
    return bool(row.lost or row.doubled or not row.expected)


def main() -> int:
    """Play all faults; return how many rows failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="only faults that hold this text")
    options = parser.parse_args()
    chosen = [fault for fault in FAULTS if options.only in fault.name]
    with ExitStack() as open_:
        broker = open_.enter_context(running_broker())
        if broker.lacks:
            print("the faults need a real Kafka broker (Java 17 and Maven): not run")  # noqa: T201
            return 0
        valkey = open_.enter_context(running_valkey())

        def one(fault: Fault) -> list[Row]:
            try:
                return play(fault, broker, valkey)
            except Exception as error:  # noqa: BLE001  # a row that breaks must not hide the others
                traceback.print_exception(error)
                return [Row(fault.name, "-", 0, 0, 0, 0, 0, f"broke: {error}".splitlines()[0])]

        with ThreadPoolExecutor(JOBS) as pool:
            rows: list[Row] = []
            for number, found in enumerate(pool.map(one, chosen), 1):
                rows += found
                print(f"{number}/{len(chosen)} {found[0].fault}", file=sys.stderr, flush=True)  # noqa: T201
    ANSWER.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    wrong = sum(map(failed, rows))
    print(table(rows))  # noqa: T201
    print(f"{len(rows) - wrong} passed, {wrong} failed")  # noqa: T201
    return wrong


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
