"""What would have waited for a provider's pace: the sends of a backtest through ``core.pace``, one credential a route.

Pure; ``backtest`` puts it into its summary. Only what makes something is counted: reads and look-ups take from a pace,
too, and are not known to a history.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from dutyd.core.incident import EffectState
from dutyd.core.pace import Pace
from dutyd.core.route import DEFAULT_ROUTE, route_of
from dutyd.rules.known import Known
from dutyd.rules.rehearsal.actor import Done

Paces = Mapping[tuple[str, str], float]
"""Family and route to requests a minute."""


def waits_of(effects: Iterable[Done], paces: Paces, known: Known) -> list[dict[str, Any]]:
    """Return, for each pace that held something up, how many waited and how long the longest did, in seconds."""
    found: dict[tuple[str, str], list[float]] = {}
    running: dict[tuple[str, str], tuple[Pace, float]] = {}
    for done in sorted((each for each in effects if each.state is EffectState.DONE), key=lambda each: each.at):
        tool = known.catalogue[done.tool]
        names = (known.routes or {}).get(tool.family, frozenset())
        way = (tool.family, route_of(tool, done.args.get("to"), names) or DEFAULT_ROUTE)
        if way not in paces:
            continue
        pace, free = running.get(way, (Pace(paces[way]), done.at))
        sent = max(done.at, free)  # the first come are the first served
        while wait := pace.wait(sent):
            sent += wait
        running[way] = pace, sent
        if sent > done.at:
            found.setdefault(way, []).append(sent - done.at)
    return [
        {"provider": family, "to": route, "waited": len(waits), "longest": round(max(waits), 1)}
        for (family, route), waits in sorted(found.items())
    ]
