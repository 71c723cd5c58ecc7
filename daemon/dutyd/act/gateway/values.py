"""What goes into the gateway and what comes out: functions, calls, verdicts, gates. All frozen, all named.

Nothing here is trusted because it has a type: a ``Call`` is what a model said, an ``Accepted`` is what the gateway
made of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dutyd.core.step import Step
from dutyd.core.tool import Tool


@dataclass(frozen=True, slots=True)
class Function:
    """One function that a model is offered.

    Attributes:
        name: of the step, or of the reading tool.
        about: what the model is told; never holds text of an event.
        parameters: a JSON schema in the dialect that the real API enforces.
        decides: whether it is a step to be decided; else it only reads.

    """

    name: str
    about: str
    parameters: Mapping[str, Any]
    decides: bool


@dataclass(frozen=True, slots=True)
class Call:
    """What a model asks for: its id in the dialogue, a function name, and arguments as text, all of them unchecked."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """A decision within the grant: *args* are all arguments of the step's tool, as JSON values."""

    step: Step
    args: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Read:
    """A question that the rule lets the model ask: *args* are JSON values."""

    tool: Tool
    args: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rejected:
    """Outside the grant: nothing happens, and this is what the model is told."""

    message: str


@dataclass(frozen=True, slots=True)
class Bound:
    """Every argument of a call, as JSON values that its tool accepts."""

    args: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Unbound:
    """The arguments can't be made; *reason* says which and why."""

    reason: str


class Outcome(StrEnum):
    """What the gates say to one exact call."""

    SEND = "send"
    ASK = "ask"  # a person must agree to this exact call
    REFUSE = "refuse"
    OBSERVE = "observe"  # recorded with its arguments, never sent


@dataclass(frozen=True, slots=True)
class Gate:
    """An outcome and its reason, for people (empty for ``send``)."""

    outcome: Outcome
    reason: str = ""
