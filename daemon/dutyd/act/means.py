"""What a worker works with: the ledger, the rules, the ceiling, the tools, their providers, the model.

Wired once by ``app``; handed to every episode.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from dutyd.act.accept import RuleBook
from dutyd.act.agent.model import Model
from dutyd.act.muting import Muting
from dutyd.act.places import Places
from dutyd.core.backoff import pause
from dutyd.core.policy import Policy
from dutyd.core.route import Routes
from dutyd.core.tool import Catalogue
from dutyd.ledger import Ledger

FIRST_SECONDS, LONGEST_SECONDS = 0.5, 60.0
"""What one wait before another try takes at most, the first time and ever."""


@dataclass(frozen=True, slots=True)
class Waits:
    """How long incidents wait for others, in seconds.

    Attributes:
        approval: for a person's yes; then it is a no.
        answer: for what a step asks, from the first time that it was asked; then what needs it is not done.

    """

    approval: float = 86_400.0
    answer: float = 86_400.0


class Pause(Protocol):
    """Says for how many seconds to wait after *tries*, where the other side may have *asked* for some."""

    def __call__(self, tries: int, asked: float | None = None) -> float:
        """Return the seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Means:
    """The means of one worker.

    Attributes:
        providers: tool family to the systems behind it.
        model: None where the settings name none: decided steps take their fallback at once.
        currency: what amounts without a currency are in.
        places: for agent runs.
        waits: how long incidents wait for others.
        chance: returns a number from 0 up to 1: what waits before another try are made of.

    """

    ledger: Ledger
    rules: RuleBook
    policy: Policy
    catalogue: Catalogue
    providers: Mapping[str, Routes]
    model: Model | None
    currency: str = "EUR"
    places: Places = field(default_factory=Places)
    now: Callable[[], float] = time.time  # noqa: TID251  # the worker's clock: spans of silences
    waits: Waits = field(default_factory=Waits)
    chance: Callable[[], float] = random.random

    def pause(self, tries: int, asked: float | None = None) -> float:
        """Return for how many seconds to wait after *tries*; *asked*: what the other side said, in seconds."""
        return pause(tries, self.chance(), first=FIRST_SECONDS, longest=LONGEST_SECONDS, asked=asked)

    @property
    def muting(self) -> Muting:
        """What mutes incidents."""
        return Muting(self.ledger, self.now)
