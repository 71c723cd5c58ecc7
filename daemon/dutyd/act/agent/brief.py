"""What one run is to do and how it ended: the values on both sides of ``loop.run``.

The act path makes a ``Brief`` (``prompt.brief_of``) for the steps that an incident leaves to the model, and reads the
``End``; what was decided on the way is in the ledger, not here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from dutyd.act.gateway import Function
from dutyd.core.step import Budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """One run's work.

    Attributes:
        incident: its id, for logs.
        goal: what the rule's author wants, rendered.
        functions: what is offered.
        facts: what the model may know of the event; text in it may be anybody's.
        results: of the steps done before, by name.
        budget: what the run may use.

    """

    incident: str
    goal: str
    functions: tuple[Function, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    results: Mapping[str, Any] = field(default_factory=dict)
    budget: Budget = field(default_factory=Budget)


class EndKind(StrEnum):
    """How a run ended; whatever it is, steps that were not decided take their fallback."""

    FINISHED = "finished"  # the model said so
    CLEARED = "cleared"  # the incident was cleared while it ran
    UNDECIDABLE = "undecidable"  # no step could be offered: bounds are unknown now (`gateway.withheld`)
    # A budget is used up.
    TURNS = "turns"
    SECONDS = "seconds"
    TOKENS = "tokens"
    USD = "usd"
    # The model does not do what it should.
    LENGTH = "length"  # its answer hit the output limit
    REPEATED = "repeated"  # the same call again and again
    TRIES = "tries"  # a function again that failed too often before
    CONFUSED = "confused"  # twice an answer that nobody can read
    FILTERED = "filtered"  # its host's moderation stepped in
    # The endpoint does not do what it should.
    MODEL_DOWN = "model_down"  # may work later
    MODEL_REFUSED = "model_refused"  # will not answer this request
    MODEL_REJECTED = "model_rejected"  # will answer none until a person acts: stop asking


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a run ended and what it used.

    Attributes:
        detail: the model's last words, or what went wrong.
        retry_after: ``model_down``: seconds, where the endpoint said so.
        usd: None where the price is unknown.
        seconds: how long it took, before a crash and after it.

    """

    kind: EndKind
    detail: str = ""
    retry_after: float | None = None
    turns: int = 0
    tokens: int = 0
    usd: float | None = None
    seconds: float = 0.0
