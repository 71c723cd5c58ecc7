"""``dutyd run`` in a process that dies, or stops, at one named point: ``python mortal.py PLAN run --settings ...``.

Points stand between two steps of the paths. They are put around the program's own functions from outside, so that the
product has no hook. PLAN is JSON: ``{"at": POINT, "hit": N, "do": "kill" | "stop", "line": N, "off": [PROTECTION]}``.
Protections are switched off to show that the tests notice.
"""

import functools
import importlib
import inspect
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any


class When(Enum):
    """On which side of a call the point is."""

    BEFORE = "before"
    AFTER = "after"


def _always(*_: Any) -> bool:
    return True


def _something(_: Any, result: Any) -> bool:
    """Only calls that brought something count."""
    return bool(result)


def _opens(args: tuple[Any, ...], _: Any) -> bool:
    """Only accepts of openings."""
    return any(arrival.trigger.kind == "opened" for arrival in args[1])


def _clears(args: tuple[Any, ...], _: Any) -> bool:
    """Only accepts of clears."""
    return any(arrival.trigger.kind == "cleared" for arrival in args[1])


def _triggers(args: tuple[Any, ...], _: Any) -> bool:
    """Only writes that hold a trigger."""
    return any(write.triggers for write in args[1])


def _drops(args: tuple[Any, ...], _: Any) -> bool:
    """Only writes that drop triggers that are out."""
    return any(write.acked for write in args[1])


def _unsent(args: tuple[Any, ...], _: Any) -> bool:
    return any(task.outbox.kept for task in args[1])


def _of_worker(args: tuple[Any, ...], _: Any) -> bool:
    return any(partition.topic.endswith(".triggers") for partition in args[1])


def _of_evaluator(args: tuple[Any, ...], _: Any) -> bool:
    return any(not partition.topic.endswith(".triggers") for partition in args[1])


@dataclass(frozen=True)
class Point:
    """A place between two steps: a function of the program, a side of it, and which calls count."""

    function: str
    when: When
    counts: Callable[[tuple[Any, ...], Any], bool] = field(default=_always)


_ACCEPT = "dutyd.ledger.incidents:Incidents.accept"
_COMMIT = "dutyd.stream.kafka.consumer:KafkaGroupConsumer.commit"
_WRITE = "dutyd.evaluate.checkpoint:Checkpoint.write"
_CREATE = "dutyd_tools.providers.backoffice:Backoffice.create"
_PRODUCE = "dutyd.act.outcomes:Writer._produce"

EVALUATE = {
    "claim of a task": Point("dutyd.evaluate.checkpoint:Checkpoint.claim", When.AFTER),
    "load of a task": Point("dutyd.evaluate.checkpoint:Checkpoint.load", When.AFTER),
    "judging -> write": Point(_WRITE, When.BEFORE, _triggers),
    "write -> send": Point(_WRITE, When.AFTER, _triggers),
    "send -> acknowledgement": Point("dutyd.evaluate.sender:Sender.send", When.AFTER, _unsent),
    "acknowledgement -> drop of the outbox": Point(_WRITE, When.BEFORE, _drops),
    "drop of the outbox -> commit": Point(_WRITE, When.AFTER, _drops),
    "commit of events": Point(_COMMIT, When.AFTER, _of_evaluator),
}
ACT = {
    "trigger read -> accept": Point(_ACCEPT, When.BEFORE, _opens),
    "accept -> commit": Point(_ACCEPT, When.AFTER, _opens),
    "commit of triggers": Point(_COMMIT, When.AFTER, _of_worker),
    "claim -> work": Point("dutyd.ledger.incidents:Incidents.claim", When.AFTER, _something),
    "work -> reserve": Point("dutyd.ledger.effects:Effects.reserve", When.BEFORE),
    "reserve -> SENDING": Point("dutyd.ledger.effects:Effects.reserve", When.AFTER),
    "SENDING -> look-up": Point("dutyd.ledger.effects:Effects.sending", When.AFTER),
    "look-up -> request": Point(_CREATE, When.BEFORE),
    "answer -> record": Point(_CREATE, When.AFTER),
    "record -> next step": Point("dutyd.ledger.effects:Effects.record", When.AFTER),
    "work -> rest": Point("dutyd.ledger.incidents:Incidents.rest", When.BEFORE),
    "rest": Point("dutyd.ledger.incidents:Incidents.rest", When.AFTER),
    "clear read -> accept": Point(_ACCEPT, When.BEFORE, _clears),
    "clear accepted -> withdraw": Point(_ACCEPT, When.AFTER, _clears),
    "withdraw -> on_clear": Point("dutyd.ledger.effects:Effects.withdraw", When.AFTER),
    "outcome -> produce": Point(_PRODUCE, When.BEFORE),
    "produce -> drop of the outcome": Point(_PRODUCE, When.AFTER),
}
POINTS = {**EVALUATE, **ACT}
GROUPS = {
    "member -> group": Point("dutyd.ledger.incidents:Incidents.join", When.AFTER),
    "members read -> group formed": Point("dutyd.ledger.incidents:Incidents.form", When.BEFORE),
    "group formed -> work": Point("dutyd.ledger.incidents:Incidents.form", When.AFTER),
}
"""Points that only rules with groups pass."""


def main() -> None:
    """Arm the plan, then run the program."""
    plan = json.loads(sys.argv[1])
    del sys.argv[1]
    for protection in plan.get("off", ()):
        PROTECTIONS[protection]()
    if plan.get("at"):
        point = (POINTS | GROUPS)[plan["at"]]
        arm(point, plan.get("hit", 1), signal.SIGSTOP if plan.get("do") == "stop" else signal.SIGKILL)
    if plan.get("line"):
        die_at_line(plan["line"])
    from dutyd.cli import main as program

    program()


def die_at_line(number: int) -> None:
    """Have this process kill itself before the *number*-th line of the paths and the ledger that it executes."""
    import dutyd

    watched = tuple(str(Path(dutyd.__file__).parent / part) for part in ("act", "evaluate", "ledger"))
    executed = 0

    def line(_frame: Any, event: str, _: Any) -> Any:
        nonlocal executed
        if event == "line":
            executed += 1
            if executed == number:
                os.kill(os.getpid(), signal.SIGKILL)
        return line

    def call(frame: Any, _event: str, _: Any) -> Any:
        file = frame.f_code.co_filename
        # Importing executes lines, too: only what functions do counts.
        return line if file.startswith(watched) and frame.f_code.co_name != "<module>" else None

    threading.settrace(call)
    sys.settrace(call)


def arm(point: Point, hit: int, how: signal.Signals) -> None:
    """Have this process send itself the signal *how* when *point* is passed for the *hit*-th time."""
    passed = 0

    def pass_by(args: tuple[Any, ...], result: Any) -> None:
        nonlocal passed
        if point.counts(args, result):
            passed += 1
            if passed == hit:
                os.kill(os.getpid(), how)

    owner, name = _find(point.function)
    setattr(owner, name, _around(getattr(owner, name), point.when, pass_by))


def _find(function: str) -> tuple[Any, str]:
    module, _, path = function.partition(":")
    *owners, name = path.split(".")
    owner = importlib.import_module(module)
    for each in owners:
        owner = getattr(owner, each)
    return owner, name


def _around(function: Callable[..., Any], when: When, pass_by: Callable[[tuple[Any, ...], Any], None]) -> Any:
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def later(*args: Any, **named: Any) -> Any:
            if when is When.BEFORE:
                pass_by(args, None)
            result = await function(*args, **named)
            if when is When.AFTER:
                pass_by(args, result)
            return result

        return later

    @functools.wraps(function)
    def now(*args: Any, **named: Any) -> Any:
        if when is When.BEFORE:
            pass_by(args, None)
        result = function(*args, **named)
        if when is When.AFTER:
            pass_by(args, result)
        return result

    return now


def _without_lookup() -> None:
    from dutyd_tools.providers.backoffice import Backoffice

    async def nothing(*_: Any) -> None:
        return None

    Backoffice.lookup = nothing  # type: ignore[assignment,method-assign]


def _without_outbox() -> None:
    from dataclasses import replace

    from dutyd.evaluate.checkpoint import Checkpoint

    write = Checkpoint.write
    Checkpoint.write = lambda self, writes: write(self, [replace(one, triggers=(), acked=0) for one in writes])  # type: ignore[method-assign]


def unfenced(source: Callable[[str], str]) -> Callable[[str], str]:
    """Return what reads the ledger's scripts without the comparison of fencing tokens in them."""
    fence = "local function holds(id, fence) return redis.call('HGET', key('incident', id), 'fence') == fence end"

    def read(name: str) -> str:
        text = source(name)
        assert fence in text
        return text.replace(fence, "local function holds(id, fence) return true end")

    return read


def _without_lease_check() -> None:
    from dutyd.act.lease import Lease

    Lease.lasts = lambda self: True  # type: ignore[method-assign]  # noqa: ARG005  # its name is the method's


PROTECTIONS: dict[str, Callable[[], None]] = {
    "lookup": _without_lookup,
    "outbox": _without_outbox,
    "lease check": _without_lease_check,
}

if __name__ == "__main__":
    main()
