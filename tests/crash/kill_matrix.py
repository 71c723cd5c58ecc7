"""SIGKILL at each point of ``support.crash.points``, at the classes of provider it has to do with, once and twice.

``make crash`` runs it: real Kafka, real Valkey that fsyncs, a back office that does again whatever it is asked to do
again. Each row is an installation of its own; what the back office holds at the end is held against what the events
ask for. Prints the table, writes ``bench/crash.json``, and fails on any loss or double, and on a point that was not
reached. ``--long`` takes every row several times, at later passes of its point, and kills at random lines of code.
"""

import sys
import traceback

from support.broker import Broker
from support.crash.kills import Case, Ground, Row, cases, lines, play
from support.crash.run import Run, arguments, exit_code

JOBS = 10
"""Rows at a time: most of a row is waiting for Kafka to take a dead member for dead."""

LINE_ROWS = 100
"""Rows of ``--long`` that die at a random line; the last lines may not be reached."""


def failed(row: Row) -> bool:
    """Whether the row shows a loss, a double, or nothing at all."""
    late = row.note and not row.point.startswith("line")
    return bool(row.lost or row.doubled or not row.expected or late)


def one(broker: Broker, valkey: str, case: Case) -> list[Row]:
    """Play *case*; a row that breaks must not hide the others."""
    try:
        return [play(Ground(broker.address, valkey), case)]
    except Exception as error:  # noqa: BLE001  # whatever it is, the row says it
        traceback.print_exception(error)
        return [Row(case.point, case.kind, case.kills, 0, 0, 0, 0, f"broke: {error}".splitlines()[0])]


def main() -> int:
    """Play the cases that are asked for."""
    parser = arguments(__doc__)
    parser.add_argument("--long", action="store_true", help="every row at four passes of its point")
    parser.add_argument("--seed", type=int, default=1, help="of the lines at which --long kills")
    options = parser.parse_args()
    every = [*cases(long=options.long), *(lines(LINE_ROWS, options.seed) if options.long else ())]
    run = Run("the kill matrix", every, lambda case: case.point, one, failed, JOBS, "crash.json")
    return exit_code(run, options.only)


if __name__ == "__main__":
    sys.exit(main())
