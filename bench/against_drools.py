"""Beside Drools, the engine of ansible-rulebook: the same rules and events, JSON texts in, matches out.

``make bench-drools`` makes an environment with ``drools_jpy`` and runs this with its interpreter as argument; Java 17
must be there. Rules are thresholds on one of a hundred fields, of events from production; every event is an entity of
its own, so that each match counts, as it does there, and both must find the same number. Events a second of processor
time, those of the virtual machine's threads included; the baseline is Drools.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from dutyd.core.expr import parse
from dutyd.core.rule import Rule
from dutyd.core.topic import Topic
from dutyd.evaluate.engine import State, judge, plan
from dutyd.evaluate.path import POLL_RECORDS
from dutyd.stream.formats import Decoder
from measure import as_an_evaluator, cpu_seconds
from row import Row
from run import table
from worlds import HIGHEST, Raw, records

EVENTS = 60_000
WARM = 20_000
"""Events before the clock starts: the virtual machine compiles what it runs often."""

FIELDS = 100
SIZES = (10, 100, 1_000)


def main() -> None:
    """Print the table."""
    Console().print(table(list(rows(sys.argv[1]))))


def rows(interpreter: str) -> Iterator[Row]:
    """Measure, and yield the rows ``drools_N``."""
    for size in SIZES:
        raw = records(EVENTS + WARM, FIELDS, passing=100)
        theirs = drools(interpreter, size, raw)
        cpu, matches = ours(size, raw)
        if matches != theirs["matches"]:
            raise RuntimeError(f"{size} rules: {matches} matches here, {theirs['matches']} there")
        value, baseline = EVENTS / cpu, EVENTS / theirs["cpu"]
        print(f"{size} rules: {matches} matches; Drools took {theirs['wall']:.1f} s by the clock", file=sys.stderr)
        yield Row(f"drools_{size}", value, "events/s", baseline, value / baseline)


def ours(size: int, raw: Sequence[Raw]) -> tuple[float, int]:
    """Return the processor seconds that all but the first events take here, and how many matches there are."""
    made = plan([_rule(number) for number in range(size)])
    decoder, state = Decoder(Topic(alias="metrics", topic="metrics"), 0), State()
    matches = 0

    def tell(found: Sequence[Raw]) -> None:
        nonlocal matches
        for start in range(0, len(found), POLL_RECORDS):
            events = decoder.decode(found[start : start + POLL_RECORDS]).events
            matches += len(judge(made, state, "metrics", events))
            state.take_changed()

    with as_an_evaluator():
        tell(raw[:WARM])
        matches = 0
        return cpu_seconds(partial(tell, raw[WARM:])), matches


def drools(interpreter: str, size: int, raw: Sequence[Raw]) -> dict[str, Any]:
    """Return what ``drools_events`` says."""
    given = {
        "rules": [_theirs(number) for number in range(size)],
        "events": [record.value.decode() for record in raw],
        "warm": WARM,
    }
    java = Path(os.environ.get("JAVA_HOME") or Path("/usr/bin/java").resolve().parents[1])
    environment = {**os.environ, "JAVA_HOME": str(java), "LD_LIBRARY_PATH": str(java / "lib" / "server")}
    script = Path(__file__).with_name("drools_events.py")
    done = subprocess.run(  # our own script
        [interpreter, script], input=json.dumps(given), env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"Drools does not run: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _bound(number: int) -> float:
    return HIGHEST + 100 + number // FIELDS


def _rule(number: int) -> Rule:
    return Rule(
        id=f"rule-{number}",
        topic="metrics",
        per=("id",),
        where=parse('env == "prod"'),
        when=parse(f"m{number % FIELDS} > {_bound(number)}"),
    )


def _theirs(number: int) -> dict[str, Any]:
    is_prod = {"EqualsExpression": {"lhs": {"Event": "env"}, "rhs": {"String": "prod"}}}
    is_high = {"GreaterThanExpression": {"lhs": {"Event": f"m{number % FIELDS}"}, "rhs": {"Float": _bound(number)}}}
    # Its index of ranges can't bear an event without the field, so that is asked first.
    is_there = {"AndExpression": {"lhs": {"IsDefinedExpression": {"Event": f"m{number % FIELDS}"}}, "rhs": is_prod}}
    condition = {"AllCondition": [{"AndExpression": {"lhs": is_there, "rhs": is_high}}]}
    action = {"Action": {"action": "debug", "action_args": {}}}
    return {"Rule": {"name": f"rule-{number}", "enabled": True, "condition": condition, "actions": [action]}}


if __name__ == "__main__":
    main()
