"""What a row of the kill matrix stands for, switched off, makes that row fail: so its check can fail."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from support.broker import Broker
from support.crash.kills import Case, Ground, Row, cases, play

CONTROLS = (
    ("answer -> record", "C", ("parking",), "doubled"),
    ("approve -> answer", "C", ("waking",), "lost"),
    ("agreed -> forbidden", "C", ("gates again",), "doubled"),
    ("clear accepted -> call withdrawn", "C", ("withdrawal", "no send after a clear"), "doubled"),
    ("expired -> produce", "C", ("expiry",), "doubled"),
    ("reminder -> next look", "B", ("memory of notices",), "doubled"),
    ("outcomes read -> adopted", "C", ("adoption",), "lost"),
    ("reserved again -> in doubt", "C", ("doubt",), "doubled"),
)
"""Point, class, the protections that are off, and what the row then shows."""


def without(point: str, kind: str, off: tuple[str, ...]) -> Case:
    """Return the row of *point* and *kind* with one kill, and with *off*."""
    named = (case for case in cases(long=False) if (case.point, case.kind, case.kills) == (point, kind, 1))
    return replace(next(named), off=off)


@pytest.fixture(scope="module")
def rows(real_broker: Broker, valkey_url: str) -> Mapping[str, Row]:
    """Play all of them side by side: each mostly waits."""
    ground = Ground(real_broker.address, valkey_url)
    chosen = [without(point, kind, off) for point, kind, off, _ in CONTROLS]
    with ThreadPoolExecutor(len(chosen)) as pool:
        return {row.point: row for row in pool.map(lambda case: play(ground, case), chosen)}


@pytest.mark.parametrize(("point", "kind", "off", "shown"), CONTROLS, ids=[" and ".join(each[2]) for each in CONTROLS])
def test_a_row_fails_without_what_it_stands_for(
    rows: Mapping[str, Row], point: str, kind: str, off: tuple[str, ...], shown: str
) -> None:
    row = rows[point]
    assert getattr(row, shown) > 0, f"{kind} without {off}: {row}"
