"""A model that is told no secrets: each is replaced by ``[secret]`` in what it is asked, whoever wrote it there.

It stands between the loop and the client, so that no way to word a prompt gets past it: goal, event, results of steps
and tools, runbooks, and what the model itself said before. The dialogue and the journal keep the texts as they were,
so a run that is played again is the same. ``app.acting`` puts it around the client.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from dutyd.act.agent.model import Answer, Fault, Model, Price, Question
from dutyd.core import metrics
from dutyd.core.secrets import Known

MARK: Final = "[secret]"


class Masked:
    """A ``Model`` that hears of no secret."""

    def __init__(self, model: Model, known: Known) -> None:
        self._model = model
        self._known = known

    @property
    def price(self) -> Price | None:
        """What tokens cost."""
        return self._model.price

    @property
    def tokens(self) -> int:
        """How many tokens one answer may take at most."""
        return self._model.tokens

    async def ask(self, question: Question) -> Answer | Fault:
        """Ask once, without the secrets."""
        functions = tuple(
            replace(function, about=self._clear(function.about), parameters=self._clear(function.parameters))
            for function in question.functions
        )
        messages = [self._clear(message) for message in question.messages]
        return await self._model.ask(replace(question, messages=messages, functions=functions))

    def _clear(self, value: Any) -> Any:
        """Return a JSON value whose texts hold no secret; names stay, they are ours."""
        if isinstance(value, str):
            text, found = self._known.mask(value, MARK)
            metrics.MASKED.inc(found)
            return text
        if isinstance(value, Mapping):
            return {name: self._clear(inner) for name, inner in value.items()}
        return [self._clear(inner) for inner in value] if isinstance(value, list | tuple) else value
