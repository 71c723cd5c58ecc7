"""A ceiling for what hostile input may cost: so generous that only work which explodes meets it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

CEILING = 10.0


@contextmanager
def quickly() -> Iterator[None]:
    """Fail if the body takes longer than the ceiling."""
    begun = time.perf_counter()
    yield
    assert time.perf_counter() - begun < CEILING
