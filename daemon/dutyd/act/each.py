"""Steps that run once for each item of a list, pure: the items, their names, and one result of many.

An item's name goes into its effect key, so that the same item is done once, in whatever order and however often the
list has it. ``perform`` and the rehearsal's ``actor`` do the items; ``Episode.recall`` takes up those that were begun.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from dutyd.act.steps import StepResult, StepState
from dutyd.core.expr import Look, number_text
from dutyd.core.step import Step
from dutyd.ledger.claims import Waiting

MOST_ITEMS: Final = 100
"""Of one step; a list that is longer is refused as a whole, so that nobody has to find out which part was done."""

_LONGEST: Final = 120  # characters of a name; a longer one is its digest


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the list: what expressions see as ``item``, and its name in keys."""

    value: Any
    name: str


def items_of(step: Step, look: Look) -> list[Item] | str:
    """Return the items of *step*, each once; a text says why they can't be known."""
    listed = None if step.each is None else step.each.render(look)
    source = "" if step.each is None else step.each.source
    if not isinstance(listed, list | tuple):
        return f"each is {'unknown' if listed is None else 'no list'}: {source}"
    if any(value is None for value in listed):
        return f"each has an item that is unknown: {source}"
    found: dict[str, Item] = {}
    for value in listed:
        name = name_of(value)
        found.setdefault(name, Item(value, name))
    if len(found) > MOST_ITEMS:
        return f"each has {len(found)} items, at most {MOST_ITEMS} are done: {source}"
    return list(found.values())


def name_of(value: Any) -> str:
    """Return what an item is called in keys: a text or a number as it is, the result of an item as that item."""
    if isinstance(value, Mapping):
        return name_of(value["item"]) if "item" in value else _digest(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return number_text(value)
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else _digest(value)
    return _digest(value)


def _digest(value: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()[:32]


def waited_for(waiting: Sequence[StepResult]) -> tuple[str, float | None]:
    """Return what results that are all *waiting* wait for, and in how many seconds the first is due.

    What goes on by itself is named before what waits for a person: `--until-idle` waits for it.
    """
    due = min((result.due for result in waiting if result.due is not None), default=None)
    names = {result.waiting for result in waiting}
    return next((name.value for name in Waiting if name.value in names), waiting[0].waiting), due


def together(results: Sequence[tuple[Item, StepResult]]) -> StepResult:
    """Return one result of all items: done where each that was not skipped is done, ``results`` lists what was.

    It waits as long as one of them waits, and then for what goes on by itself first.
    """
    done = [{**result.data, "item": item.value} for item, result in results if result.state is StepState.DONE]
    data = {"results": done}
    waiting = [result for _, result in results if result.state is StepState.WAITING]
    if waiting:
        first, due = waited_for(waiting)
        return StepResult(StepState.WAITING, data, waiting[0].reason, due, first)
    off = [(item, result) for item, result in results if result.state not in (StepState.DONE, StepState.SKIPPED)]
    if off:
        item, result = off[0]
        return StepResult(
            result.state, data, f"{len(off)} of {len(results)} items, first '{item.name}': {result.reason}"
        )
    if results and not done:
        return StepResult(StepState.SKIPPED, data, results[0][1].reason)
    reasons = {result.reason for _, result in results if result.state is StepState.DONE}
    return StepResult(StepState.DONE, data, reasons.pop() if len(reasons) == 1 else "")


def to_take_back(results: Sequence[tuple[Item, StepResult]]) -> StepResult:
    """Return one result for after a clear: what was done is to be taken back, whatever became of the rest."""
    matter = [pair for pair in results if pair[1].state in (StepState.DONE, StepState.WAITING)]
    return together(matter or results)
