"""What a test needs and a machine may lack: it is skipped with what is missing, and nothing is skipped silently."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.broker import Broker
from support.debian import UnavailableError

DATA = Path(__file__).parents[3] / "shared" / "data"
"""Real data that lies beside the project where it is made, and that nobody else has."""


def real(broker: Broker) -> Broker:
    """Return *broker* where it is a real one; else skip: librdkafka's mock can't show what the test is about."""
    if broker.lacks:
        lacks = ", ".join(sorted(broker.lacks))
        pytest.skip(f"needs a real broker (Java 17 and Maven): the mock that stands in lacks {lacks}")
    return broker


@contextmanager
def skipped_where_unavailable() -> Iterator[None]:
    """Skip where the packages of a real server can't be had here, with the reason that the package client gave."""
    try:
        yield
    except UnavailableError as error:
        pytest.skip(str(error))


def beside(name: str) -> pytest.MarkDecorator:
    """Return the mark of tests that need *name* of the real data: skipped where it is not beside the project."""
    return pytest.mark.skipif(not (DATA / name).exists(), reason=f"the real data is not beside the project: no {name}")


def data(name: str) -> Path:
    """Return the file *name* of the real data; skip where it is not beside the project."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"the real data is not beside the project: no {name}")
    return path
