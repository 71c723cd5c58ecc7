"""What a rule orders: its steps, the bounds of what the model decides in them, and what the model is asked.

Frozen values, made by ``rules.reading``; read by the step graph, the gateway and the agent in ``act``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from dutyd.core.expr import Expr, Template
from dutyd.core.place import UNPLACED, Place

IfUnsure = Literal["skip", "repeat"] | None
"""What a rule says where nobody can tell whether it was done; None: a person is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What the model may put into one argument.

    Attributes:
        kind: ``text`` (at most *limit* characters), ``one_of`` (*options*), ``integer`` or ``number`` (*low* to
            *high*, a multiple of *multiple_of*), ``boolean``, or ``each``: a list with one object for each of *items*,
            in which *fixed* are put in by code and *parts* are decided, each within its own bound.
    """

    kind: Literal["text", "one_of", "integer", "number", "boolean", "each"]
    limit: int | None = None
    options: tuple[str | float, ...] = ()
    low: Template | None = None
    high: Template | None = None
    multiple_of: Template | None = None
    items: Template | None = None
    fixed: Mapping[str, Template] = field(default_factory=dict)
    parts: Mapping[str, "Bound"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a question is put that gets no answer, and the seconds to wait before the second time, at most."""

    attempts: int = 3
    backoff: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One named thing a rule orders: a tool with arguments.

    Attributes:
        args: ``with``: bound by the rule, the model can't change these.
        decide: left to the model, within bounds.
        fallback: what takes the place of the model's decision; None where the rule gives none.
        after: names of the steps that must end first (``needs`` and every ``steps.x`` it reads).
        if_, refuse_if, approval_if: conditions; unknown skips, refuses, asks (``docs/values.md``).
        retry: of a question; None: it is put again as long as ``waits.answer`` of the settings says.
        if_unsure: for class C providers, ``skip`` or ``repeat``.
    """

    name: str
    tool: str
    args: Mapping[str, Template] = field(default_factory=dict)
    decide: Mapping[str, Bound] = field(default_factory=dict)
    fallback: Mapping[str, Template] | None = None
    after: frozenset[str] = frozenset()
    if_: Expr | None = None
    refuse_if: Expr | None = None
    approval_if: Expr | None = None
    retry: Retry | None = None
    each: Template | None = None
    on_error: Literal["stop", "continue"] = "stop"
    if_unsure: IfUnsure = None
    place: Place = UNPLACED


@dataclass(frozen=True, slots=True)
class Budget:
    """What one agent run may use at most: model answers, seconds, tokens, US dollars (None: no limit of its own)."""

    turns: int = 6
    seconds: float = 120.0
    tokens: int = 60_000
    usd: float | None = None


@dataclass(frozen=True, slots=True)
class Agent:
    """What the model is asked: a goal, the tools it may read with, and a budget.

    A typed answer is a step, too, named ``answer``: see ``core.tool.ANSWER``.
    """

    goal: Template
    reads: tuple[str, ...] = ()
    budget: Budget = Budget()
