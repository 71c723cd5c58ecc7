"""No secret reaches the model, wherever it stands in what the model is asked."""

from dataclasses import dataclass, field, replace

import pytest

from dutyd.act.agent import prompt
from dutyd.act.agent.masking import Masked
from dutyd.act.agent.model import Answer, Fault, Price, Question
from dutyd.act.gateway import Function
from dutyd.core.metrics import MASKED
from dutyd.core.secrets import Known
from support.agent_run import a_brief

PASSWORDS = ("correct horse", 'quo"ted\\secret', "an<gle>d")
PLACES = 6  # where `question` puts a text


@dataclass
class Hearing:
    asked: list[Question] = field(default_factory=list)
    price: Price | None = None
    tokens: int = 4000

    async def ask(self, question: Question) -> Answer | Fault:
        self.asked.append(question)
        return Answer({"role": "assistant", "content": "Done."}, "stop", 1, 1)


def question(text: str) -> Question:
    """Return a question with *text* in the event, in a step's and a tool's result, in an answer and in a function."""
    brief = replace(a_brief(), facts={"message": f"before {text} after"}, results={"ticket": {"deep": [text]}})
    said = {"role": "assistant", "content": text, "tool_calls": []}
    function = Function("step", f"Fixed: {text} here", {"type": "object", "description": text}, decides=True)
    messages = [*prompt.opening(brief), said, prompt.result("a:0", f"{text} in a runbook")]
    return Question(messages, (function,), 100, 1.0)


async def heard(known: Known, asked: Question) -> Question:
    """Return what a model hears where it is *asked*."""
    model = Hearing()
    await Masked(model, known).ask(asked)
    return model.asked[0]


@pytest.mark.parametrize("password", PASSWORDS)
async def test_a_secret_of_the_settings_is_replaced_in_every_place_and_nothing_else_is(password: str) -> None:
    before = MASKED._value.get()
    assert await heard(Known(PASSWORDS), question(password)) == question("[secret]")
    assert MASKED._value.get() - before == PLACES


async def test_what_looks_like_a_token_is_replaced_in_every_place() -> None:
    asked = question("Authorization: Bearer abcdef123456")
    assert await heard(Known(), asked) == question("Authorization: Bearer [secret]")


async def test_what_holds_no_secret_is_asked_as_it_is() -> None:
    asked = question("nothing to hide")
    assert await heard(Known(PASSWORDS), asked) == asked
