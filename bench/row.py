"""One line of the bench table. A bench file yields them from ``rows()``; ``run`` collects them."""

import msgspec


class Row(msgspec.Struct, frozen=True):
    """One figure.

    Attributes:
        name: what was measured.
        value: in *unit*.
        unit: ``events/s`` (more is better) or ``ms`` (less is better).
        baseline: what it is held against, measured in the same run.
        ratio: value / baseline.

    """

    name: str
    value: float
    unit: str
    baseline: float
    ratio: float
