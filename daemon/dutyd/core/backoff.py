"""How long to wait before something that failed is tried again: twice as long each time, up to a limit.

Called by whoever tries again: breakers, effects, questions, the evaluator. What chance there is in it, so that many do
not come back in step, is the caller's.
"""


def doubled(first: float, times: int, longest: float) -> float:
    """Return *first* seconds, doubled *times* times, at most *longest*; something may fail for days, so any *times*."""
    return min(longest, first * 2.0 ** min(times, 60))
