"""The turns of a run, remembered: what a crash must not cost twice, and what a person reads afterwards.

The loop records a turn before any effect of it starts; after a crash it replays the recorded turns and asks the model
nothing that was answered already. The ledger implements ``Journal``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from dutyd.core.version import VERSION


class Turn(msgspec.Struct, frozen=True):
    """One answer of the model.

    Attributes:
        number: from 1.
        message: the assistant message whole.
        finish: ``finish_reason`` as it came.
        prompt_tokens, completion_tokens, cached_tokens: counted by the endpoint, estimated where it did not say.
        usd: what it cost; None where the price is unknown.
        seconds: how long the run had taken when the answer was there.
        model, trace: who answered, and the endpoint's own id of the answer.

    """

    number: int
    message: dict[str, Any]
    finish: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    usd: float | None = None
    seconds: float = 0.0
    model: str = ""
    trace: str = ""
    v: int = VERSION


@dataclass(frozen=True, slots=True)
class Stop:
    """The incident was cleared (or taken back for another reason): the run ends here."""

    reason: str = "cleared"


class Journal(Protocol):
    """Where the turns of one run are."""

    @property
    def turns(self) -> Sequence[Turn]:
        """The turns that were recorded before, in order; fixed when the run starts."""
        ...

    async def record(self, turn: Turn) -> Stop | None:
        """Store *turn* durably before anything it asks for is done; a ``Stop`` ends the run at once."""
        ...
