"""A rule that would offer a model what no endpoint takes is refused where it says so; rules without it go on."""

from dataclasses import replace

import pytest
from pydantic import BaseModel

from dutyd.rules.load import load_files
from support.rule_files import GOOD, KNOWN, changed, problems_of

FOREIGN = "query_foreign"


class Pairs(BaseModel):
    pair: tuple[int, str]


def test_a_tool_that_no_model_can_be_offered_is_refused_where_a_rule_reads_with_it() -> None:
    tool = replace(KNOWN.catalogue["search_runbooks"], name=FOREIGN, args=Pairs)
    known = replace(KNOWN, catalogue={**KNOWN.catalogue, FOREIGN: tool})
    (problem,) = problems_of(changed("reads: [search_runbooks]", f"reads: [{FOREIGN}]"), known)
    assert (problem.line, problem.code) == (15, "reads")
    assert problem.message == f"the tool '{FOREIGN}' can't be offered to a model: argument 'pair': prefixItems"
    assert "a field for each place" in problem.hint
    assert load_files({"r.yaml": GOOD}, known).rules


def test_a_reading_tool_whose_name_no_endpoint_takes_is_refused() -> None:
    tool = replace(KNOWN.catalogue["search_runbooks"], name="Suche_ü")
    known = replace(KNOWN, catalogue={**KNOWN.catalogue, tool.name: tool})
    (problem,) = problems_of(changed("reads: [search_runbooks]", f"reads: [{tool.name}]"), known)
    assert "its arguments: function name 'Suche_ü' must match" in problem.message


MANY = ", ".join(f"c{number}" for number in range(501))


@pytest.mark.parametrize(
    ("answer", "place", "why"),
    [
        ("required: {text: 10}", "required", "a property must not be named required"),
        (f"kind: {{one_of: [{MANY}]}}", "kind", "enum must have 1 to 500 items"),
        (
            "lines: {each: {in: [1], decide: {anyOf: {text: 10}}}}",
            "lines.line_1.anyOf",
            "a property must not be named anyOf",
        ),
    ],
    ids=["name", "options", "inside a list"],
)
def test_an_answer_that_no_endpoint_takes_is_refused_at_its_field(answer: str, place: str, why: str) -> None:
    text = changed("budget: {turns: 4}", f"answer: {{ok: {{boolean: true}}, {answer}}}")
    (problem,) = problems_of(text)
    assert (problem.line, problem.code) == (16, "unsayable")
    assert problem.message == f"a model can't be offered '{place}': {why}"


def test_a_step_that_no_endpoint_takes_is_refused_at_its_argument() -> None:
    (problem,) = problems_of(changed("priority: {one_of: [P1, P2, P3]}", f"priority: {{one_of: [P2, {MANY}]}}"))
    assert (problem.line, problem.code) == (28, "unsayable")


def test_more_functions_than_an_endpoint_takes_are_refused() -> None:
    step = "{tool: create_ticket, with: {project: OPS, kind: task, body: x}, decide: {title: {text: 9}}}"
    steps = "".join(f"      ticket_{number}: {step}\n" for number in range(127))
    (problem,) = problems_of(changed("    on_clear:\n", f"{steps}    on_clear:\n"))
    assert problem.message == "129 functions would be offered to the model, and endpoints take 128"
