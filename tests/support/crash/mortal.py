"""``dutyd`` in a process that dies, or stops, at one named point.

``python -m support.crash.mortal PLAN run --settings ...`` is how it is started (``Installation.mortal``).

PLAN is JSON: ``{"at": POINT, "hit": N, "do": "kill" | "stop", "line": N, "off": [PROTECTION]}``. Points are those of
``points``, protections those of ``protections``.
"""

import functools
import importlib
import inspect
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from support.crash.points import POINTS, Point, When
from support.crash.protections import PROTECTIONS


def main() -> None:
    """Read the plan, then run the program."""
    live(json.loads(sys.argv[1]), sys.argv[2:])


def live(plan: Mapping[str, Any], arguments: Sequence[str]) -> None:
    """Arm *plan*, then run the program with *arguments* to its end, or into its death."""
    sys.argv[1:] = arguments
    for protection in plan.get("off", ()):
        PROTECTIONS[protection]()
    if plan.get("at"):
        arm(POINTS[plan["at"]], plan.get("hit", 1), signal.SIGSTOP if plan.get("do") == "stop" else signal.SIGKILL)
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

    owner, name = find(point.function)
    setattr(owner, name, _around(getattr(owner, name), point.when, pass_by))


def find(function: str) -> tuple[Any, str]:
    """Return the owner and the name of ``module:Class.function``."""
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


if __name__ == "__main__":
    main()
