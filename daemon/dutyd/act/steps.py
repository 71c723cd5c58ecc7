"""The step graph, pure: which steps of a rule come next, and what became of each.

``act.path`` goes through a graph by its ``waves``; ``rules test`` does the same with a recorder in place of providers.
Steps without ``decide`` are *plain*: nothing is left open, so they go before the model is asked.
"""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from dutyd.core.expr import Look, evaluate
from dutyd.core.step import Step


class StepState(StrEnum):
    """What became of one step."""

    DONE = "done"
    REFUSED = "refused"  # a gate, a person or the provider said no
    FAILED = "failed"  # it was tried, and it is not known to have worked
    SKIPPED = "skipped"  # its `if` was not true, or the model chose not to
    STOPPED = "stopped"  # a step it needs did not get done
    WAITING = "waiting"  # a retry, a settle time, a person: not ended


@dataclass(frozen=True, slots=True)
class StepResult:
    """The result of one step.

    Attributes:
        data: what later steps see as ``steps.NAME``.
        reason: why it did not get done.
        due: seconds until it should be looked at again, for WAITING; None: not by itself.
        waiting: what it waits for, the ledger's word.

    """

    state: StepState
    data: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    due: float | None = None
    waiting: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing will change it any more."""
        return self.state is not StepState.WAITING


Results = Mapping[str, StepResult]


@dataclass(frozen=True, slots=True)
class Ready:
    """What can be done now.

    Attributes:
        plain: nothing is left to decide: do them.
        decided: open steps that the model decides; empty until everything they need from plain steps has ended.
        settled: results that follow from other results without doing anything (SKIPPED, STOPPED).

    """

    plain: tuple[Step, ...]
    decided: tuple[Step, ...]
    settled: Mapping[str, StepResult]


class Work(Protocol):
    """The work on one incident: what became of its steps so far, and the names that conditions read by now."""

    results: dict[str, StepResult]

    @property
    def look(self) -> Look:
        """The names, with the results so far."""
        ...


def waves(work: Work, steps: Mapping[str, Step]) -> Iterator[Ready]:
    """Yield what can be done next of *steps*, until nothing is left or nothing of it was done.

    Whoever goes through them puts the result of each step that it does into ``results`` before it asks for more; what
    follows from other results is put there first.
    """
    while True:
        now = ready(steps, work.results, work.look)
        work.results.update(now.settled)
        if now.settled:
            continue
        shown = (*now.plain, *now.decided)
        if shown:
            yield now
        if not any(step.name in work.results for step in shown):
            return


def ready(steps: Mapping[str, Step], results: Results, look: Look) -> Ready:
    """Return what can be done now, given the *results* so far and the names that conditions read."""
    plain: list[Step] = []
    settled: dict[str, StepResult] = {}
    open_ = [step for step in steps.values() if step.name not in results]
    for step in open_:
        if not may_start(step, steps, results):
            continue
        refused = _hindrance(step, steps, results, look)
        if refused is not None:
            settled[step.name] = refused
        elif not step.decide:
            plain.append(step)
    return Ready(tuple(plain), _to_decide(steps, {**results, **settled}), settled)


def may_start(step: Step, steps: Mapping[str, Step], results: Results) -> bool:
    """Whether all that *step* needs has ended."""
    return all(name in results and results[name].ended for name in step.after if name in steps or name in results)


def _to_decide(steps: Mapping[str, Step], results: Results) -> tuple[Step, ...]:
    """Return what the model is asked now: once, when all that its steps need is done but for what it decides itself."""
    ended = {name for name, result in results.items() if result.ended}
    deciding = [step for step in steps.values() if step.decide and step.name not in results]
    for step in deciding:
        for name in needed_by({step.name}, steps, ended):
            if not steps[name].decide and not any(steps[each].decide for each in needed_by({name}, steps, ended)):
                return ()  # a plain step is on its way without the model: wait for it
    reachable = {step.name for step in deciding}
    while True:
        kept = {name for name in reachable if not steps[name].after & steps.keys() - ended - reachable}
        if kept == reachable:
            return tuple(step for step in deciding if step.name in kept)
        reachable = kept


def needed_by(names: AbstractSet[str], steps: Mapping[str, Step], ended: AbstractSet[str] = frozenset()) -> set[str]:
    """Return every step that *names* still wait for, directly or through others."""
    found: set[str] = set()
    following = {needed for name in names for needed in steps[name].after}
    while following:
        name = following.pop()
        if name in steps and name not in ended | found:
            found.add(name)
            following |= steps[name].after
    return found


def not_chosen(steps: Iterable[Step], graph: Mapping[str, Step], results: Results) -> list[Step]:
    """Return those of *steps*, which the model was to decide in a run that is over, that it left alone.

    Not those behind something that had not ended by then: it could not decide these.
    """
    ended = {name for name, result in results.items() if result.ended}
    left = [step for step in steps if step.name not in results]
    return [
        step
        for step in left
        if all(graph[name].decide and name not in results for name in needed_by({step.name}, graph, ended))
    ]


TOO_LATE = "the model was asked before what it needs was done, and it has no fallback"
"""Why a step is not done that no run could decide."""


def _hindrance(step: Step, steps: Mapping[str, Step], results: Results, look: Look) -> StepResult | None:
    """Return why *step* will not be done, or None."""
    broken = {StepState.REFUSED, StepState.FAILED, StepState.STOPPED}
    for name in sorted(step.after):
        if name not in results:
            return StepResult(StepState.STOPPED, reason=f"step '{name}' is no longer in the rule")
        if results[name].state in broken and (name not in steps or steps[name].on_error == "stop"):
            return StepResult(StepState.STOPPED, reason=f"step '{name}' was {results[name].state}")
    return None if step.each is not None else skipped(step, look)  # its `if` is asked of each item


def skipped(step: Step, look: Look) -> StepResult | None:
    """Return that *step* is skipped, None where its ``if`` holds or it has none."""
    holds = True if step.if_ is None else evaluate(step.if_, look)
    if step.if_ is None or holds is True:
        return None
    return StepResult(StepState.SKIPPED, reason=f"if: {step.if_.text} is {'unknown' if holds is None else 'not true'}")


def encode_result(result: StepResult) -> bytes:
    """Return the result of a reading step as the ledger keeps it."""
    return msgspec.json.encode({"state": result.state, "data": result.data, "reason": result.reason})


def recall_result(value: bytes) -> StepResult:
    """Return what ``encode_result`` made."""
    said = msgspec.json.decode(value)
    return StepResult(StepState(said["state"]), said["data"], said["reason"])
