"""How long to wait before something that failed is tried again: longer each time, up to a limit, with full jitter.

Called by whoever tries again: breakers, effects, questions, the model's loop. Chance comes in, so that nothing here is
random; what it is for: many that failed at once must not come back at once.
(https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter compares the kinds of jitter.)
"""


def pause(times: int, chance: float, *, first: float, longest: float, asked: float | None = None) -> float:
    """Return for how many seconds to wait.

    Args:
        times: how often this was waited for already.
        chance: from 0 up to 1; the wait is that share of what it may be at most.
        first: the most that the first wait may take, in seconds; twice as much each time.
        longest: and never more.
        asked: the seconds that the other side said (``Retry-After``): never less, and *first* is only what is added,
            so that not all who were told the same come at once.

    """
    return chance * doubled(first, times, longest) if asked is None else asked + chance * first


def doubled(first: float, times: int, longest: float) -> float:
    """Return *first* seconds, doubled *times* times, at most *longest*; something may fail for days, so any *times*."""
    return min(longest, first * 2.0 ** min(times, 60))
