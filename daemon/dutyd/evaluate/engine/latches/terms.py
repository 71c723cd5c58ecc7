"""What time alone does to a latch: which of a rule's terms is the next to run out, and when.

Pure: a rule, a latch and the entity's newest event time in, the next ``Term`` out. ``timing`` keeps a timer for it,
``runner`` does what it says. A rule without such terms has none: its latches cost nothing here.
"""

import math
from enum import IntEnum
from typing import NamedTuple

from dutyd.core.opening import Then
from dutyd.core.rule import Rule
from dutyd.evaluate.engine.latches.latch import Latch, Phase


class Ends(IntEnum):
    """What happens when a term runs out; at equal times the first of these."""

    CLEARS = 0  # what clears was true for `keep_firing_for`
    EXPIRES = 1
    SILENT = 2
    OPENS = 3  # `when` was true for `for`
    AGAIN = 4


BECAUSE = {Ends.CLEARS: "clear", Ends.EXPIRES: "expired", Ends.SILENT: "silent"}
"""Why an incident cleared."""


class Term(NamedTuple):
    """When what happens; infinite: never."""

    due: float
    ends: Ends


NEVER = Term(math.inf, Ends.AGAIN)


def next_term(rule: Rule, latch: Latch, newest: float) -> Term:
    """Return what runs out next for *latch* of *rule*, whose entity was last heard of at *newest*."""
    if latch.phase is Phase.PENDING:
        return Term(latch.since + rule.hold, Ends.OPENS)
    if latch.phase is Phase.INACTIVE:
        return NEVER
    found = [Term(latch.ending + rule.keep, Ends.CLEARS)] if latch.ending is not None else []
    if latch.timing == rule.timing:  # else it was edited, and begins when the time is known
        found += _open_terms(rule, latch, newest)
    return min(found, default=NEVER)


def _open_terms(rule: Rule, latch: Latch, newest: float) -> list[Term]:
    begun = max(latch.opened, latch.edited)
    found: list[Term] = []
    if rule.expire is not None:
        found.append(Term(begun + rule.expire, Ends.EXPIRES))
    if rule.silent is not None and rule.silent.then is Then.END:
        found.append(Term(max(begun, newest) + rule.silent.after, Ends.SILENT))
    if rule.again is not None and (rule.again.at_most is None or latch.round <= rule.again.at_most):
        found.append(Term(max(begun, latch.acted) + rule.again.every, Ends.AGAIN))
    return found


def is_timed(rule: Rule) -> bool:
    """Return whether an open incident of *rule* may need a timer."""
    return rule.keep > 0 or bool(rule.timing)
