"""Faults of real servers: what the provider holds in the end against what the events ask for, class by class.

``make crash`` runs it after the kill matrix: a real Kafka broker, real Valkey, real daemons. Each fault is an
installation of its own that asks for a ticket at a system of each class. Prints the table, writes
``bench/faults.json``, and fails on any loss or double. A and B: once. C: never twice, and what nobody
can know is parked, where the fault leaves such sends.
"""

import sys
import traceback
from dataclasses import replace

from support.broker import Broker
from support.crash.faults import FAULTS, Fault, play
from support.crash.run import Run, arguments, exit_code
from support.crash.scene import Row

JOBS = 4
"""Faults at a time: most of each is waiting."""


def failed(row: Row) -> bool:
    """Whether the row shows a loss, a double, or nothing at all."""
    return bool(row.lost or row.doubled or not row.expected)


def one(broker: Broker, valkey: str, fault: Fault) -> list[Row]:
    """Play *fault*; a row that breaks must not hide the others."""
    try:
        rows = play(fault, broker, valkey)
        return rows if fault.unsure else [_needless(row) if row.parked else row for row in rows]
    except Exception as error:  # noqa: BLE001  # whatever it is, the row says it
        traceback.print_exception(error)
        return [Row(fault.name, "-", 0, 0, 0, 0, 0, f"broke: {error}".splitlines()[0])]


def _needless(row: Row) -> Row:
    """Return a row in which people are asked about what nobody doubts: that is as good as lost."""
    return replace(row, lost=row.lost + row.parked, note=f"parked without a doubt; {row.note}")


def main() -> int:
    """Play the faults that are asked for."""
    only = arguments(__doc__).parse_args().only
    run = Run("the table of faults", FAULTS, lambda fault: fault.name, one, failed, JOBS, "faults.json")
    return exit_code(run, only)


if __name__ == "__main__":
    sys.exit(main())
