"""Many thresholds on one number: a sorted list of cuts, so that an event asks only the rules its number passed.

Every threshold, of ``when`` and of ``clear``, is a *cut*: a number from which on it holds, or up to which it does. The
place of a value among the cuts is its *rank*. As long as an entity's rank stays the same nothing can move, and from
one rank to another only the rules with a cut in between are asked. So a thousand rules on one metric cost a search
in a sorted list and the latches that really change. Used by ``tables`` from 16 rules on; below, plain code is faster.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dutyd.evaluate.engine.compiled.codegen import Hits, firing_bit, pending_bit
from dutyd.evaluate.engine.compiled.conditions import Conditions
from dutyd.evaluate.engine.compiled.touch import Threshold, threshold_of

LEAST = 16
"""From how many rules on one number on."""


class Step(NamedTuple):
    """One rule's two cuts.

    Attributes:
        up: whether it opens at and above *opens*; else below it.
        opens, clears: the cuts: the side of *opens* away from where it opens is where ``when`` is false.

    """

    up: bool
    opens: float
    clears: float


def step_of(rule: Conditions) -> Step | None:
    """Return the cuts of a rule on one number; None where its ``when`` and its ``clear`` can hold at once.

    ``keep_firing_for`` has no place in them either: it makes a third place to stand.
    """
    when = threshold_of(rule.when)
    if when is None or rule.rule.keep > 0:
        return None
    up, opens = _up(when), _cut(when)
    if rule.clear is None:
        return Step(up, opens, opens)
    clear = threshold_of(rule.clear)
    if clear is None or clear.quantity != when.quantity or _up(clear) is up:
        return None
    clears = _cut(clear)
    apart = clears <= opens if up else clears >= opens
    return Step(up, opens, clears) if apart else None


def _up(threshold: Threshold) -> bool:
    return threshold.op in (">", ">=")


def _cut(threshold: Threshold) -> float:
    """Return the number from which on ``>`` and ``>=`` hold, and ``<`` and ``<=`` do not."""
    return math.nextafter(threshold.bound, math.inf) if threshold.op in (">", "<=") else threshold.bound


class Cuts:
    """The cuts of all rules of one table, by their numbers in it."""

    def __init__(self, steps: Sequence[Step]) -> None:
        """Sort them."""
        self._steps = steps
        found = sorted((cut, number) for number, step in enumerate(steps) for cut in {step.opens, step.clears})
        self._places = [cut for cut, _ in found]
        self._rules = [number for _, number in found]
        ups = sorted((step.opens, number) for number, step in enumerate(steps) if step.up)
        downs = sorted((step.opens, number) for number, step in enumerate(steps) if not step.up)
        self._up_places, self._ups = [cut for cut, _ in ups], [number for _, number in ups]
        self._down_places, self._downs = [cut for cut, _ in downs], [number for _, number in downs]

    def rank(self, value: float) -> int:
        """Return how many cuts lie at or below *value*."""
        return bisect_right(self._places, value)

    def hits(self, value: float, mask: int, before: int | None, rank: int) -> Hits:
        """Return the rules whose latch moves at *value* on the way from rank *before*; None: ask whoever may move."""
        if before is None:
            asked = self._holding(value) | set(_active(mask))
        else:
            asked = set(self._rules[min(before, rank) : max(before, rank)])
        return [number for number in sorted(asked) if self._moves(number, value, mask)]

    def _holding(self, value: float) -> set[int]:
        """Return the rules whose ``when`` is true."""
        ups = self._ups[: bisect_right(self._up_places, value)]
        downs = self._downs[bisect_right(self._down_places, value) :]
        return {*ups, *downs}

    def _moves(self, number: int, value: float, mask: int) -> bool:
        up, opens, clears = self._steps[number]
        if mask & firing_bit(number):
            return (value < clears) is up
        return ((value >= opens) is up) is not bool(mask & pending_bit(number))


def _active(mask: int) -> Iterator[int]:
    """Yield the numbers of the rules that are not inactive."""
    while mask:
        lowest = mask & -mask
        yield (lowest.bit_length() - 1) // 2
        mask ^= lowest
