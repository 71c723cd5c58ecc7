"""An agent that answers instead of deciding a call: how it is written, what steps see of it, what it falls back to."""

from pathlib import Path

import pytest

from support.rule_files import TOOLS_ONLY, only_rule, problems_of
from support.rule_tests import verdicts_of

INQUIRIES = """\
language: 1
rules:
  - id: inquiries
    from: mails
    opens: each_event
    mode: act
    agent:
      goal: Sort the inquiry, and draft a reply.
      answer:
        kind: {one_of: [order, complaint, other]}
        reply: {text: 200}
      fallback: {kind: other, reply: "A person will look at it: {{ subject }}"}
    steps:
      ticket:
        if: answer.kind != "order"
        tool: create_ticket
        with:
          {project: C, kind: ask, priority: P3, title: "{{ answer.kind }}: {{ subject }}", body: "{{ answer.reply }}"}
      tell:
        tool: notify
        with: {to: manager, text: "{{ answer.kind }}"}
"""
TESTS = """\
language: 1
rule: inquiries
tests:
  - name: the model answers, and steps go on with it
    model: {answer: {kind: complaint, reply: "We are sorry."}}
    events: [{at: 0s, fields: {subject: Broken}}]
    expect:
      effects:
        - {step: ticket, args: {title: "complaint: Broken", body: "We are sorry."}}
        - {step: tell, args: {text: complaint}}
  - name: an order needs no ticket
    model: {answer: {kind: order, reply: ""}}
    events: [{at: 0s, fields: {subject: Chair}}]
    expect: {effects: [{step: tell, args: {text: order}}]}
  - name: without a model the fallback answers
    events: [{at: 0s, fields: {subject: Chair}}]
    expect:
      effects: [{step: ticket, args: {body: "A person will look at it: Chair"}}, {step: tell, args: {text: other}}]
  - name: what is outside its bounds is no answer
    model: {answer: {kind: refund, reply: ""}}
    events: [{at: 0s, fields: {subject: Chair}}]
    expect: {effects: [{step: ticket}, {step: tell, args: {text: other}}]}
"""


def test_an_answer_is_a_step_that_others_wait_for() -> None:
    rule = only_rule(INQUIRIES)
    assert list(rule.steps) == ["answer", "ticket", "tell"]
    assert rule.steps["tell"].after == rule.steps["ticket"].after == {"answer"}
    assert rule.reads_fields == {"subject"}


def test_rule_tests_play_answers(tmp_path: Path) -> None:
    assert [verdict.differences for verdict in verdicts_of(tmp_path, INQUIRIES, TESTS)] == [()] * 4


WRONG = [
    ("{{ answer.reply }}", "{{ answer.replay }}", "did you mean 'reply'?"),
    ("answer.kind != ", "answer != ", "'answer' alone has no value"),
    ("kind: other, reply", "kind: odd, reply", "must be one of order, complaint, other"),
    ("      fallback: {kind: other, ", "      fallback: {", "the fallback lacks kind"),
    ("      tell:\n", "      answer:\n", "the agent's answer is a step of this name"),
    ("[order, complaint, other]", "[]", "an empty list"),
    ("      answer:\n", "      anwser:\n", "did you mean 'answer'?"),
]


@pytest.mark.parametrize(("old", "new", "words"), WRONG)
def test_what_is_wrong_is_said(old: str, new: str, words: str) -> None:
    text = INQUIRIES.replace(old, new, 1)
    assert text != INQUIRIES
    told = [f"{found.message}; {found.hint}" for found in problems_of(text, TOOLS_ONLY)]
    assert any(words in each for each in told), told


def test_a_rule_without_an_answer_has_none_to_read() -> None:
    text = INQUIRIES[: INQUIRIES.index("      answer:")] + INQUIRIES[INQUIRIES.index("    steps:") :]
    assert any("there is no 'answer.kind'" in found.message for found in problems_of(text, TOOLS_ONLY))
