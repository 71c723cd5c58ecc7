"""What a worker works with: the ledger, the rules, the ceiling, the tools, their providers, the model.

Wired once by ``app``; handed to every episode.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dutyd.act.accept import RuleBook
from dutyd.act.agent.model import Model
from dutyd.act.muting import Muting
from dutyd.act.places import Places
from dutyd.core.policy import Policy
from dutyd.core.route import Routes
from dutyd.core.tool import Catalogue
from dutyd.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Means:
    """The means of one worker.

    Attributes:
        providers: tool family to the systems behind it.
        model: None where the settings name none: decided steps take their fallback at once.
        currency: what amounts without a currency are in.
        places: for agent runs.

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

    @property
    def muting(self) -> Muting:
        """What mutes incidents."""
        return Muting(self.ledger, self.now)
