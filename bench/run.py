"""``make bench``: run every bench file of this folder, print the table, write ``latest.json`` beside it.

A bench file has ``def rows() -> Iterator[Row]``. Each runs in a process of its own, one after the other, so that none
measures another's garbage. Only ratios inside one row compare: the machine is noisy.
"""

import logging
import multiprocessing
import sys
import traceback
from importlib import import_module
from pathlib import Path

import msgspec
import structlog
from rich.console import Console
from rich.table import Table

from row import Row

FOLDER = Path(__file__).parent
ORDER = (
    "decode",
    "engine",
    "decide",
    "changes",
    "memory",
    "restart",
    "worker",
    "kafka_in_trigger_out",
    "by_key",
    "event_to_effect",
)
"""The files that are run, in the order of the table."""


def main() -> None:
    """Run all, or those named on the command line."""
    names = sys.argv[1:] or ORDER
    unknown = [name for name in names if name not in ORDER]
    if unknown:
        sys.exit(f"there is no bench {', '.join(unknown)}; there are: {', '.join(ORDER)}")
    found: list[Row] = []
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for name in names:
            print(f"{name} ...", file=sys.stderr, flush=True)
            found += pool.apply(measure, (name,))
    if names == ORDER:
        (FOLDER / "latest.json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    Console().print(table(found))


def measure(name: str) -> list[Row]:
    """Return the rows of one bench file."""
    sys.path.insert(0, str(FOLDER.parent / "tests"))  # for the servers that the tests start, too
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        return list(import_module(name).rows())
    except Exception:  # noqa: BLE001  # whatever it is, it ends the run
        # As text: not every exception finds its way out of another process.
        raise RuntimeError(traceback.format_exc()) from None


def table(found: list[Row]) -> Table:
    """Return *found* as people read it."""
    shown = Table("row", "value", "baseline", "unit", "ratio")
    for column in shown.columns[1:]:
        column.justify = "right"
    for row in found:
        shown.add_row(row.name, f"{row.value:,.1f}", f"{row.baseline:,.1f}", row.unit, f"{row.ratio:.2f}")
    return shown


if __name__ == "__main__":
    main()
