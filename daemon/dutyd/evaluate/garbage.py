"""Python's garbage collector, out of the way of an evaluator.

Counting references frees nearly everything here; what is left is looking through live objects in vain. A poll brings
thousands of records that die young by themselves: looking at the usual rate takes a quarter of the time. A task that is
taken up may bring a million latches that live for days: while they are read the collector rests, and afterwards it
passes over them, until tasks go. ``path`` calls all of it.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

THRESHOLDS = (50_000, 20, 100)


@contextmanager
def seldom() -> Iterator[None]:
    """Collect less often than usual."""
    usual = gc.get_threshold()
    gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        look_at_all()


@contextmanager
def not_while_loading() -> Iterator[None]:
    """Collect nothing inside, and pass over everything that is there at the end."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()


def look_at_all() -> None:
    """Pass over nothing any more: something that was passed over has gone, and its cycles with it."""
    gc.unfreeze()
