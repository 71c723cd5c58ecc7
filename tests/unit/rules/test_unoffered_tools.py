"""A rule that reads with a tool that no model can be offered is refused; rules without it go on."""

from dataclasses import replace

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
