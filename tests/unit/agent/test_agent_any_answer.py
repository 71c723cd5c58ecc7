"""The law of the loop: whatever a model answers, the run ends in its budget and nothing outside the grant is done."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from dutyd.act.agent import loop
from dutyd.act.agent.brief import Brief, EndKind
from dutyd.act.agent.model import (
    Answer,
    Fault,
    ModelDown,
    ModelFiltered,
    ModelLimited,
    ModelRefused,
    ModelRejected,
    Price,
    Question,
)
from dutyd.core.step import Budget
from dutyd.embedded.standin.checks import refuse_request
from dutyd.embedded.standin.script import Script
from support.agent_run import Desk, Instant, Notebook, a_brief
from support.grants import CATALOGUE, a_rule

TURNS = 5


@dataclass
class Saying:
    """A model that says what it is given, and checks that each request is one that the real API would take."""

    answers: Iterator[Answer | Fault]
    asked: int = 0
    answered: int = 0
    price: Price | None = None
    tokens: int = 4000

    async def ask(self, question: Question) -> Answer | Fault:
        self.asked += 1
        body = {
            "model": "kimi-k2.6",
            "thinking": {"type": "disabled"},
            "messages": list(question.messages),
            "max_completion_tokens": question.tokens,
        }
        for script in (Script(), Script(ids="vllm")):
            refused = refuse_request(json.loads(json.dumps(body)), 0, script)
            assert refused is None, refused
        answer = next(self.answers, Answer({"role": "assistant", "content": "Done."}, "stop", 10, 10))
        self.answered += isinstance(answer, Answer)
        return answer


odd = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 100) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=8), inner, max_size=2),
    max_leaves=4,
)
arguments = st.one_of(
    st.sampled_from(['{"quantity": 24}', '{"quantity": 9999}', '{"quantity": 24', "", '{"query": "disk"}']),
    st.text(max_size=20),
    odd.map(json.dumps),
    odd,
)
function = st.fixed_dictionaries(
    {"name": st.sampled_from(["order", "ticket", "search_runbooks", "draft_order"]) | odd, "arguments": arguments}
)
call = st.fixed_dictionaries({}, optional={"id": st.sampled_from(["a", "b", "order:0"]) | odd, "function": function})
markers = st.sampled_from(
    [
        "<|tool_calls_section_begin|>",
        '<|tool_call_begin|>functions.order:0<|tool_call_argument_begin|>{"quantity": 9999}<|tool_call_end|>',
    ]
)
message = st.fixed_dictionaries(
    {"role": st.just("assistant")},
    optional={
        "content": st.none() | st.text(max_size=20) | markers | odd,
        "reasoning_content": st.text(max_size=20) | markers,
        "tool_calls": st.lists(call | odd, max_size=3) | odd,
    },
)
finish = st.sampled_from(["stop", "tool_calls", "length", "content_filter", "", "unexpected_state"])
answer = st.builds(Answer, message, finish, st.none() | st.integers(0, 500), st.none() | st.integers(0, 500))
fault = st.sampled_from(
    [ModelDown("x"), ModelLimited("x", 1.0), ModelRejected("x"), ModelRefused("x"), ModelFiltered("x")]
)


@settings(max_examples=200)
@given(st.lists(answer | answer | answer | fault, max_size=8))
def test_whatever_a_model_answers_the_run_ends_in_its_budget_and_stays_in_its_grant(
    answers: list[Answer | Fault],
) -> None:
    model, desk, journal = Saying(iter(answers)), Desk(a_rule()), Notebook()
    end = asyncio.run(loop.run(_brief(), model, desk.execute, journal, Instant()))
    assert end.kind in EndKind
    assert model.answered <= TURNS
    assert len(journal.turns) == model.answered
    for step, args in desk.effects.items():
        CATALOGUE[desk.rule.steps[step].tool].args.model_validate(args)
        assert step != "order" or (1 <= args["quantity"] <= 48 and args["quantity"] % 6 == 0)
    again = _replayed(journal)
    assert again.effects == desk.effects


def _replayed(journal: Notebook) -> Desk:
    """Play the recorded turns again, as after a crash."""
    desk, model = Desk(a_rule()), Saying(iter([ModelRejected("nobody is asked")]))
    asyncio.run(loop.run(_brief(), model, desk.execute, Notebook(list(journal.turns)), Instant()))
    return desk


def _brief() -> Brief:
    return a_brief(budget=Budget(turns=TURNS))
