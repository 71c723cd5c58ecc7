"""The other side of ``against_drools``: runs in an environment of its own, where ``drools_jpy`` is; prints JSON.

Reads ``{"rules": [...], "events": [...], "warm": N}`` from standard input: rules as Drools' own syntax tree, events as
JSON texts. Gives the engine each event as ansible-rulebook does, counts matches, and says how many processor seconds,
those of the virtual machine's threads included, and how many by the clock, all but the first N events took.
"""

import json
import resource
import sys
import time
from collections.abc import Sequence
from typing import Any

from drools.rule import Rule  # type: ignore[import-not-found]  # not in this environment
from drools.ruleset import Ruleset  # type: ignore[import-not-found]  # the same


def main() -> None:
    """Run it."""
    given = json.load(sys.stdin)
    matches = 0

    def match(_: object) -> None:
        nonlocal matches
        matches += 1

    found = {"name": "bench", "hosts": ["all"], "sources": [], "match_multiple_rules": True, "rules": given["rules"]}
    ruleset = Ruleset("bench", json.dumps(found))
    for each in given["rules"]:
        ruleset.add_rule(Rule(each["Rule"]["name"], match))
    warm, events = given["events"][: given["warm"]], given["events"][given["warm"] :]
    tell(ruleset, warm)
    cpu, wall, before = cpu_seconds(), time.perf_counter(), matches
    tell(ruleset, events)
    took = {"cpu": cpu_seconds() - cpu, "wall": time.perf_counter() - wall, "matches": matches - before}
    print(json.dumps(took))


def tell(ruleset: Any, events: Sequence[str]) -> None:
    """Give *ruleset* each of *events*."""
    for event in events:
        ruleset.assert_event(event)


def cpu_seconds() -> float:
    """Return the processor seconds of this process and all its threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
