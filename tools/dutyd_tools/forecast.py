"""Demand ahead, from demand so far: two well-known methods in plain arithmetic.

Steady demand is smoothed exponentially, with the factor that would have erred least on the past. Demand with many days
of nothing is split into how much and how often (Croston's method, with the correction of Syntetos and Boylan for its
known bias). Neither sees seasons or campaigns; the result names the method, so that nobody takes it for more.
Called by the tool ``predict_demand``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

FACTORS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)  # for smoothing steady demand
CROSTON_FACTOR = 0.1
INTERMITTENT = 1.32  # average days from one demand to the next, from which Croston's method does better


@dataclass(frozen=True, slots=True)
class Forecast:
    """Expected demand per day, and how it was found."""

    per_day: float
    method: str


def daily(demand: Mapping[str, float]) -> list[float]:
    """Return one number a day, from the first day told to the last; days between them that were not told are 0."""
    if not demand:
        return []
    first, last = (date.fromisoformat(day) for day in (min(demand), max(demand)))
    days = ((first + timedelta(days=at)).isoformat() for at in range((last - first).days + 1))
    return [demand.get(day, 0.0) for day in days]


def forecast(history: Sequence[float]) -> Forecast:
    """Return what to expect per day after *history*, one number a day, at least one day."""
    busy = sum(1 for quantity in history if quantity > 0)
    if busy == 0:
        return Forecast(0.0, "nothing was wanted so far")
    if len(history) / busy >= INTERMITTENT:
        return Forecast(_croston(history), "Croston, for intermittent demand")
    best = min(FACTORS, key=lambda factor: _smoothed(history, factor)[1])
    return Forecast(_smoothed(history, best)[0], "exponential smoothing")


def _smoothed(history: Sequence[float], factor: float) -> tuple[float, float]:
    """Return the level after *history*, and the sum of squared errors on the way."""
    level, error = history[0], 0.0
    for quantity in history[1:]:
        error += (quantity - level) ** 2
        level += factor * (quantity - level)
    return level, error


def _croston(history: Sequence[float]) -> float:
    size = interval = None
    waited = 0
    for quantity in history:
        waited += 1
        if quantity > 0:
            size = quantity if size is None else size + CROSTON_FACTOR * (quantity - size)
            interval = float(waited) if interval is None else interval + CROSTON_FACTOR * (waited - interval)
            waited = 0
    assert size is not None
    assert interval is not None
    return (1 - CROSTON_FACTOR / 2) * size / interval
