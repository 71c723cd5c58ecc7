"""Random faults in simulation: ``make crash-long`` plays 30,000 of them, ``--runs`` says another number.

Each run is one incident in a world of its own (``support.simulation.world``). Nothing may be lost, nothing done twice
at classes A and B, nor at C unless the rule says ``repeat``. What breaks is named with the command that plays it again.
*Parked* is what a person must look at; *needless* are those of them of which no request ever left.
"""

import argparse
import asyncio
import logging
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import redis.asyncio
import structlog

from dutyd.ledger import open_ledger
from dutyd.rules.known import Known
from dutyd.rules.load import load_files
from support.acting import CATALOGUE, FixedBook
from support.simulation.database import our_redis
from support.simulation.laws import end_of
from support.simulation.run import simulate
from support.simulation.world import KINDS, Kind, rules_of
from support.valkey import running_valkey

TOGETHER = 15
"""Worlds that are played side by side, each in a database of its own; the server's first is left to others."""


@dataclass
class Found:
    """What the runs of one kind came to."""

    runs: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    effects: int = 0
    parked: int = 0
    needless: int = 0
    wrong: list[str] = field(default_factory=list)


async def play(url: str, kind: Kind, seeds: range) -> Found:
    """Play *seeds* in worlds of *kind*."""
    rules = load_files({"rules.yaml": rules_of(kind)}, Known(CATALOGUE))
    book, found = FixedBook(rules, {rules.digest: rules}), Found()

    async def one(client: Any, seed: int) -> None:
        run = await simulate(seed, kind, open_ledger(client, "sim"), book)
        end = await end_of(run)
        found.runs += 1
        found.faults.update(name for name in run.world.faults.elements())
        found.effects += sum(map(bool, run.world.done.values()))
        found.parked += end.parked
        found.needless += end.needless
        found.wrong += [f"{kind}: {each}; again: simulation.py --seed {seed} --runs {len(KINDS)}" for each in end.wrong]

    async def some(database: int) -> None:
        client = redis.asyncio.Redis.from_url(url, db=database, single_connection_client=True)  # a world asks in turn
        try:
            for seed in seeds[database - 1 :: TOGETHER]:
                await client.flushdb()
                await one(client, seed)
            await client.flushdb()
        finally:
            await client.aclose()

    await asyncio.gather(*(some(database) for database in range(1, TOGETHER + 1)))
    return found


def simulation(
    url: str, runs: int, first: int = 1, kinds: tuple[Kind, ...] = KINDS, off: tuple[tuple[str, str], ...] = ()
) -> dict[Kind, Found]:
    """Play *runs* worlds, as many of each kind; the protections *off* are off in the ledger's scripts."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        with our_redis(*off):
            each = range(first, first + max(1, runs // len(kinds)))
            return {kind: asyncio.run(play(url, kind, each)) for kind in kinds}
    finally:
        structlog.reset_defaults()


def table(found: Mapping[Kind, Found]) -> str:
    """Return what was found for people."""
    names = ("runs", "faults", "effects", "parked", "needless", "wrong")
    lines = [f"{'class':<7}{'if unsure':<11}" + "".join(f"{name:>10}" for name in names)]
    for kind, one in found.items():
        numbers = (one.runs, sum(one.faults.values()), one.effects, one.parked, one.needless, len(one.wrong))
        lines.append(f"{kind.cls.value:<7}{kind.if_unsure:<11}" + "".join(f"{number:>10}" for number in numbers))
    struck = sum((one.faults for one in found.values()), Counter())
    lines.append("; ".join(f"{name} {number}" for name, number in sorted(struck.items())))
    return "\n".join(lines)


def main() -> int:
    """Play, print, and say whether anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=30_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began = time.monotonic()
    with running_valkey() as url:
        found = simulation(url, given.runs, given.seed)
    seconds = time.monotonic() - began
    print(table(found))
    print(f"{sum(one.runs for one in found.values())} runs in {seconds:.0f} s")
    print("\n".join([each for one in found.values() for each in one.wrong][:20]), file=sys.stderr)
    return int(any(one.wrong for one in found.values()))


if __name__ == "__main__":
    sys.exit(main())
