"""Random faults in simulation: ``make crash-long`` plays 30,000 of them, ``--runs`` says another number.

Each run is one incident in a world of its own (``support.simulated``). Nothing may be lost, nothing done twice at
classes A and B, nor at C unless the rule says ``repeat``. What breaks is named with the command that plays it
again.
"""

import argparse
import asyncio
import logging
import secrets
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from dutyd.ledger import open_ledger
from dutyd.ledger.connect import connect_async
from dutyd.rules.known import Known
from dutyd.rules.load import load_files
from support.acting import CATALOGUE, FixedBook
from support.clocked import our_clock
from support.simulated import KINDS, Kind, rules_of, simulate
from support.valkey import running_valkey

TOGETHER = 16
"""Worlds that are played side by side: they share nothing but the server."""


@dataclass
class Found:
    """What the runs of one kind came to."""

    runs: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    effects: int = 0
    wrong: list[str] = field(default_factory=list)


async def play(url: str, kind: Kind, seeds: range) -> Found:
    """Play *seeds* in worlds of *kind*."""
    client = connect_async(url)
    rules = load_files({"rules.yaml": rules_of(kind)}, Known(CATALOGUE))
    book, found = FixedBook(rules, {rules.digest: rules}), Found()

    async def one(seed: int) -> None:
        world, wrong = await simulate(seed, kind, open_ledger(client, f"s{secrets.token_hex(4)}"), book)
        found.runs += 1
        found.faults += Counter({name.partition(" ")[0]: n for name, n in world.faults.items()})
        found.effects += sum(map(bool, world.done.values()))
        found.wrong += [f"{kind}: {each}; again: simulation.py --seed {seed} --runs {len(KINDS)}" for each in wrong]

    try:
        for some in range(seeds.start, seeds.stop, TOGETHER):
            await asyncio.gather(*(one(seed) for seed in range(some, min(some + TOGETHER, seeds.stop))))
        await client.flushall()
    finally:
        await client.aclose()
    return found


def simulation(url: str, runs: int, first: int = 1, kinds: tuple[Kind, ...] = KINDS) -> dict[Kind, Found]:
    """Play *runs* worlds, as many of each kind."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        with our_clock():
            each = range(first, first + max(1, runs // len(kinds)))
            return {kind: asyncio.run(play(url, kind, each)) for kind in kinds}
    finally:
        structlog.reset_defaults()


def table(found: Mapping[Kind, Found]) -> str:
    """Return what was found for people."""
    lines = [f"{'class':<7}{'if unsure':<11}{'runs':>7}{'faults':>9}{'effects':>9}{'wrong':>7}"]
    for kind, one in found.items():
        numbers = f"{one.runs:>7}{sum(one.faults.values()):>9}{one.effects:>9}{len(one.wrong):>7}"
        lines.append(f"{kind.cls.value:<7}{kind.if_unsure:<11}{numbers}")
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
