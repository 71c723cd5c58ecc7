"""A restart with a million active latches: from the fenced claim to a state that can judge, and what it weighs.

``restart`` is the seconds until the first event could be judged, by the wall clock, from a real Valkey on this machine;
the baseline is reading the same hash without looking into it. ``bytes_restart`` is what an active latch adds to the
process' memory, evidence included, against the bytes that Redis holds for it. Fewer with
``DUTYD_BENCH_LATCHES=100000``.
"""

import gc
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import redis

from dutyd.core.event import Event
from dutyd.core.expr import parse
from dutyd.core.incident import Evidence
from dutyd.core.rule import Rule
from dutyd.evaluate import garbage
from dutyd.evaluate.checkpoint import Checkpoint
from dutyd.evaluate.engine import Latch, Limits, Phase, State, judge, plan
from dutyd.evaluate.records import latch_name, read_stored, write_latch
from dutyd.evaluate.saved import Decided, Write
from row import Row
from support.valkey import running_valkey

LATCHES = int(os.environ.get("DUTYD_BENCH_LATCHES", "1000000"))


def rows() -> Iterator[Row]:
    """Measure, and yield the rows ``restart`` and ``bytes_restart``."""
    with running_valkey() as url, redis.Redis.from_url(url) as client:
        stored = fill(client)
        began = time.perf_counter()
        key = "bench:task:1.0:latches"
        for _ in client.hscan_iter(key, count=2_000):
            pass
        bare = time.perf_counter() - began
        gc.collect()
        before = resident()
        began = time.perf_counter()
        with garbage.not_while_loading():
            state = restart(client)
        took = time.perf_counter() - began
        gc.collect()
        weight = (resident() - before) / LATCHES
    if state.active() != LATCHES:
        raise RuntimeError(f"{state.active()} latches were found, {LATCHES} were stored")
    yield Row("restart", took * 1000, "ms", bare * 1000, took / bare)
    yield Row("bytes_restart", weight, "bytes", stored, weight / stored)


def restart(client: "redis.Redis") -> State:
    """Return the state as a new owner has it when it could judge its first event."""
    checkpoint = Checkpoint(client, "bench")
    checkpoint.claim("1.0", "after")
    checkpoint.load("1.0")
    state = State()
    for page in checkpoint.pages("1.0"):
        state.adopt(read_stored(page))
    rules = [Rule(id=f"rule-{at}", topic="metrics", per=("service",), when=parse(f"m{at} > 10")) for at in range(100)]
    first = Event("first", "bench", 2e9, 2e9, LATCHES, {"service": "another"})
    judge(plan(rules, limits=Limits(latches=LATCHES)), state, "metrics", [first])
    return state


def fill(client: "redis.Redis") -> float:
    """Store the latches as ``restore`` does; return the bytes of one."""
    checkpoint = Checkpoint(client, "bench")
    owner, _ = checkpoint.claim("1.0", "before")
    latches = {}
    for at in range(LATCHES):
        service = f"service-{at}"
        fields = {"service": service, "env": "prod", f"m{at % 100}": 12.5, "y": 1.5, "z": 2.5}
        evidence = Evidence(f"{at:032x}", "bench", 1e9, fields)
        latch = Latch(
            phase=Phase.FIRING,
            since=1e9,
            occurrence=f"bench|{at:032x}|1000000000.000000",
            opened=1e9,
            evidence=evidence,
            offset=at,
            topic="metrics",
            per=("service",),
        )
        latches[latch_name((f"rule-{at % 100}", (service,)))] = write_latch(latch)
    checkpoint.restore(Write(owner, checkpoint.number(), {"metrics": Decided(LATCHES)}, latches))
    return sum(len(name) + len(value) for name, value in latches.items()) / LATCHES


def resident() -> int:
    """Return the bytes of this process that are in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
