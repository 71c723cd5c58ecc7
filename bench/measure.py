"""How the in-process benches measure: processor time of this process, rounds taken in turns, the median.

Processor time, because other work on the machine must not count; turns, because the machine itself gets faster and
slower: what is compared is measured in the same second. Python's garbage collector is set as an evaluator sets it.
"""

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from dutyd.evaluate import garbage

ROUNDS = 5


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the processor seconds that *work* takes in this process, the kernel's included."""
    began = time.process_time()
    work()
    return time.process_time() - began


def wall_seconds(work: Callable[[], object]) -> float:
    """Return the seconds that *work* takes by the clock: for what waits."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@contextmanager
def as_an_evaluator() -> Iterator[None]:
    """Have the collector pass over what is there already, and come as seldom as in ``Evaluator.run``."""
    with garbage.seldom():
        gc.collect()
        gc.freeze()
        yield


def in_turns(candidates: Mapping[str, Callable[[], float]], rounds: int = ROUNDS) -> dict[str, float]:
    """Return the median of what each of *candidates* measures, taken one after the other in every round."""
    found: dict[str, list[float]] = {name: [] for name in candidates}
    with as_an_evaluator():
        for _ in range(rounds):
            for name, measured in candidates.items():
                found[name].append(measured())
    return {name: statistics.median(values) for name, values in found.items()}
