"""How the samples of a window become one number; ``aggregates`` say which fold, ``windows`` use it."""

import math
import operator
from collections.abc import Callable
from enum import Enum


class Fold(Enum):
    """How samples become one number: what joins two, and what none are."""

    SUM = (operator.add, 0.0)
    MIN = (min, math.inf)
    MAX = (max, -math.inf)

    def __init__(self, join: Callable[[float, float], float], empty: float) -> None:
        self.join = join
        self.empty = empty
