"""The points at which a process may be killed: each stands between two steps of a path.

They are put around the program's own functions from outside (``mortal``), so that the product has no hook. A
family is what one course of events passes (``courses``); the kill matrix has a row for every point of each.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
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


def _carries(args: tuple[Any, ...], _: Any) -> bool:
    """Only events on their way to a by-key topic, no marks."""
    return any(outward.key is not None for outward in args[1])


def _passes_carried(args: tuple[Any, ...], _: Any) -> bool:
    """Only writes by which a source partition has passed records."""
    return any(
        decided.offset for write in args[1] for topic, decided in write.offsets.items() if ".by-key." not in topic
    )


def _waits_for_yes(_: Any, result: Any) -> bool:
    """Only effects that wait for a person."""
    return bool(result.state == "AWAITING_APPROVAL")


def _agreed(args: tuple[Any, ...], _: Any) -> bool:
    """Only effects that a person has agreed to."""
    return bool(args[2].approved)


def _expired(_: Any, result: Any) -> bool:
    return bool(result == 0)


def _tells_expired(args: tuple[Any, ...], _: Any) -> bool:
    return any(b"approval expired" in value for value in args[1].values())


def _reminds(_: Any, result: Any) -> bool:
    """Only calls that were told of before."""
    return any(name.startswith("approval:") and not name.endswith("/0") for name in result)


def _is_reminder(args: tuple[Any, ...], _: Any) -> bool:
    return " h now: " in args[3]


def _finds_nothing(_: Any, result: Any) -> bool:
    return bool(result == "none")


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
_CARRY = "dutyd.evaluate.sender:Sender._carry"

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
BY_KEY = {
    "judging -> carrying": Point(_CARRY, When.BEFORE, _carries),
    "carrying -> acknowledgement": Point(_CARRY, When.AFTER, _carries),
    "carried -> write": Point(_WRITE, When.BEFORE, _passes_carried),
    "write of what was carried": Point(_WRITE, When.AFTER, _passes_carried),
    "judging by key -> write": Point(_WRITE, When.BEFORE, _triggers),
    "write by key -> send": Point(_WRITE, When.AFTER, _triggers),
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
    "outcome -> produce": Point(_PRODUCE, When.BEFORE),
    "produce -> drop of the outcome": Point(_PRODUCE, When.AFTER),
}
UNKNOWN = {
    "taken over -> settled": Point("dutyd.ledger.effects:Effects.take", When.AFTER),
}
CLEARS = {
    "clear read -> accept": Point(_ACCEPT, When.BEFORE, _clears),
    "clear accepted -> withdraw": Point(_ACCEPT, When.AFTER, _clears),
    "withdraw -> on_clear": Point("dutyd.ledger.effects:Effects.withdraw", When.AFTER),
}
GROUPS = {
    "member -> group": Point("dutyd.ledger.incidents:Incidents.join", When.AFTER),
    "members read -> group formed": Point("dutyd.ledger.incidents:Incidents.form", When.BEFORE),
    "group formed -> work": Point("dutyd.ledger.incidents:Incidents.form", When.AFTER),
}
SWEEP = {
    "taken -> look": Point("dutyd.ledger.sweeps:Sweeps.take", When.AFTER, _something),
    "look -> note": Point("dutyd.ledger.sweeps:Sweeps.note", When.BEFORE),
    "note of a look": Point("dutyd.ledger.sweeps:Sweeps.note", When.AFTER),
}
RUN = {
    "model's answer -> turn": Point("dutyd.ledger.incidents:Incidents.note_turn", When.BEFORE),
    "turn -> its call": Point("dutyd.ledger.incidents:Incidents.note_turn", When.AFTER),
    "model's call executed -> record": Point(_CREATE, When.AFTER),
    "record -> next turn": Point("dutyd.ledger.effects:Effects.record", When.AFTER),
    "last turn -> end of the run": Point("dutyd.ledger.incidents:Incidents.note_run", When.BEFORE),
    "end of the run": Point("dutyd.ledger.incidents:Incidents.note_run", When.AFTER),
}
SETTLE = {
    "parked read -> settle": Point("dutyd.ledger.decisions:Decisions.settle", When.BEFORE),
    "settle -> answer": Point("dutyd.ledger.decisions:Decisions.settle", When.AFTER),
}
ASK = {
    "reserve -> person": Point("dutyd.ledger.effects:Effects.reserve", When.AFTER, _waits_for_yes),
}
DECIDE = {
    what: {
        f"call read -> {what}": Point(f"dutyd.ledger.decisions:Decisions.{what}", When.BEFORE),
        f"{what} -> answer": Point(f"dutyd.ledger.decisions:Decisions.{what}", When.AFTER),
    }
    for what in ("approve", "deny", "edit")
}
AGREED = {
    "agreed -> SENDING": Point("dutyd.ledger.effects:Effects.sending", When.BEFORE, _agreed),
    "agreed, SENDING -> request": Point("dutyd.ledger.effects:Effects.sending", When.AFTER, _agreed),
}
STRICTER = {
    "agreed -> forbidden": Point("dutyd.ledger.effects:Effects.regate", When.BEFORE),
    "forbidden -> next step": Point("dutyd.ledger.effects:Effects.regate", When.AFTER),
}
WITHDRAW = {
    "clear accepted -> call withdrawn": Point("dutyd.ledger.effects:Effects.withdraw", When.BEFORE),
    "call withdrawn -> close": Point("dutyd.ledger.effects:Effects.withdraw", When.AFTER),
}
EXPIRE = {
    "expired -> next step": Point("dutyd.ledger.effects:Effects.expire", When.AFTER, _expired),
    "expired -> produce": Point(_PRODUCE, When.BEFORE, _tells_expired),
}
REMIND = {
    "reminder noted -> message": Point("dutyd.ledger.standing:Standings.untold", When.AFTER, _reminds),
    "reminder -> next look": Point("dutyd.ops.notices:Addressee.send", When.AFTER, _is_reminder),
}
ADOPT = {
    "loss found -> outcomes read": Point("dutyd.ledger.birth:Birth.look", When.AFTER, _finds_nothing),
    "outcomes read -> adopted": Point("dutyd.ledger.birth:Birth.adopt", When.BEFORE),
    "adopted -> birth": Point("dutyd.ledger.birth:Birth.adopt", When.AFTER),
    "birth -> accept": Point("dutyd.ledger.birth:Birth.born", When.AFTER),
    "accepted again -> commit": Point(_ACCEPT, When.AFTER, _opens),
    "reserved again -> in doubt": Point("dutyd.ledger.effects:Effects.doubt", When.BEFORE),
    "in doubt -> settled": Point("dutyd.ledger.effects:Effects.doubt", When.AFTER),
    "claim of a lost task": Point("dutyd.evaluate.checkpoint:Checkpoint.claim", When.AFTER),
}
FAMILIES: tuple[Mapping[str, Point], ...] = (
    *(EVALUATE, BY_KEY, ACT, UNKNOWN, CLEARS, GROUPS, SWEEP, RUN, SETTLE),
    *(ASK, *DECIDE.values(), AGREED, STRICTER, WITHDRAW, EXPIRE, REMIND, ADOPT),
)
POINTS = {name: point for family in FAMILIES for name, point in family.items()}
