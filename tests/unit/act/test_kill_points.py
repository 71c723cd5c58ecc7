"""The kill matrix is complete: every named point has its rows, and every script of the ledger a point or a reason."""

import inspect
import re
from importlib.resources import files

from support.crash.kills import cases
from support.crash.mortal import find
from support.crash.points import FAMILIES, POINTS

OF_PEOPLE = "what a person says is one write: approving, denying, editing and settling stand for all of them"
BY_ITSELF = "one write that no step follows from"
NO_POINT = {
    "handle": OF_PEOPLE,
    "pause": OF_PEOPLE,
    "release": OF_PEOPLE,
    "silence": OF_PEOPLE,
    "replay": OF_PEOPLE,
    "replayed": OF_PEOPLE,
    "drop_outcome": BY_ITSELF,
    "model_reserve": "a repeated one replaces: tests/integration/ledger/test_model_spend.py",
    "model_settle": BY_ITSELF,
    "pace": BY_ITSELF,
    "pass_by": BY_ITSELF,
    "pending": BY_ITSELF,
    "standing": BY_ITSELF,
    "store_rules": BY_ITSELF,
    "renew": "the simulation loses leases at every place",
}
"""Scripts without a point, and why."""

SCRIPT = re.compile(r'\.run(?:_many)?\(\s*"(\w+)"')


def test_every_named_point_has_its_rows_in_the_kill_matrix() -> None:
    assert {case.point for case in cases(long=False)} == set(POINTS)
    assert sum(map(len, FAMILIES)) == len(POINTS), "two points have one name"


def test_every_script_of_the_ledger_has_a_point_or_a_reason() -> None:
    functions = [getattr(*find(point.function)) for point in POINTS.values()]
    passed = {name for function in functions for name in SCRIPT.findall(inspect.getsource(function))}
    scripts = {file.name.removesuffix(".lua") for file in (files("dutyd.ledger") / "lua").iterdir()} - {"common"}
    assert passed | NO_POINT.keys() == scripts
    assert not passed & NO_POINT.keys()
