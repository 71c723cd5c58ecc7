"""What the loop knows of a model: one question, one answer, and the named ways in which there is none.

``client`` implements it for any Chat Completions endpoint. Faults are values, not exceptions, because each of them is
an ordinary end of a question that the loop must decide about.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dutyd.act.gateway import Function

Message = Mapping[str, Any]
"""One message of a dialogue, as the wire has it."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens."""

    input: float
    output: float

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Return what one answer costs, in US dollars."""
        return (prompt_tokens * self.input + completion_tokens * self.output) / 1_000_000


@dataclass(frozen=True, slots=True)
class Question:
    """One request: the whole dialogue, what is offered, how many tokens and seconds the answer may take."""

    messages: Sequence[Message]
    functions: Sequence[Function]
    tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    Attributes:
        message: the assistant message whole, to be replayed as it is.
        finish: ``finish_reason`` as it came; hosts disagree about it.
        prompt_tokens, completion_tokens: None where the endpoint did not say.
        cached_tokens: how much of the prompt it had seen before.
        trace: what the endpoint's support asks for.
        model: who says that it answered.

    """

    message: Message
    finish: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int = 0
    trace: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class ModelDown:
    """It can't answer now: unreachable, too slow, overloaded, broken. *retry_after*: seconds, where it said so."""

    reason: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class ModelLimited:
    """It answers others, but our rate is used up for *retry_after* seconds (None: it did not say)."""

    reason: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class ModelRejected:
    """It will not answer us until a person acts: key, permission, model id, balance. Stop asking, loudly."""

    reason: str


@dataclass(frozen=True, slots=True)
class ModelRefused:
    """It will not answer this question, whoever asks: too long, or malformed."""

    reason: str


@dataclass(frozen=True, slots=True)
class ModelFiltered:
    """Its moderation refused the question."""

    reason: str


Fault = ModelDown | ModelLimited | ModelRejected | ModelRefused | ModelFiltered


class Model(Protocol):
    """Something that answers."""

    @property
    def price(self) -> Price | None:
        """What tokens cost; None where the settings don't say: then there is no budget in money."""
        ...

    @property
    def tokens(self) -> int:
        """How many tokens one answer may take at most."""
        ...

    async def ask(self, question: Question) -> Answer | Fault:
        """Ask once; never retries by itself, takes no longer than the question's seconds."""
        ...
