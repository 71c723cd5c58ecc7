"""A rule file in which everything is right, what it is held against, and how tests look at what is wrong."""

from collections.abc import Mapping

import pytest

from dutyd.core.policy import Policy
from dutyd.core.rule import Rule
from dutyd.core.topic import Topic
from dutyd.rules.known import Known
from dutyd.rules.load import RuleErrors, load_files
from dutyd.rules.problems import Problem
from dutyd_tools import TOOLS

CATALOGUE = {tool.name: tool for tool in TOOLS}
TOOLS_ONLY = Known(CATALOGUE)
KNOWN = Known(
    CATALOGUE,
    topics={
        "metrics": Topic(alias="metrics", topic="prod.metrics", partitioned_by=("service",)),
        "stock": Topic(alias="stock", topic="prod.stock"),
        "small": Topic(alias="small", topic="prod.small", partitions=1),
    },
    policy=Policy(tools={"place_purchase_order": None}),
    routes={"alerting": frozenset({"ops", "shop"})},
)

GOOD = """\
language: 1
rules:
  - id: high-errors
    from: metrics
    per: [service]
    let: {ratio: errors / total}
    when: error_count > 10
    for: 2m
    severity: critical
    mode: act
    throttle: {per_entity: [3/1h, 7/1d]}
    summary: "{{ service }}: {{ error_count }} errors"
    agent:
      goal: Find out what changed in {{ service }}.
      reads: [search_runbooks]
      budget: {turns: 4}
    steps:
      page:
        tool: send_alert
        with: {severity: critical, summary: "{{ summary }}"}
      ticket:
        tool: create_ticket
        needs: [page]
        with: {project: OPS, kind: incident}
        decide:
          title: {text: 120}
          body: {text: 4000}
          priority: {one_of: [P1, P2, P3]}
        fallback: {title: "{{ summary }}", body: "{{ evidence }}", priority: P2}
    on_clear:
      resolve: {tool: resolve_alert, with: {alert: "{{ steps.page.id }}"}}
"""


def acting_rule(steps: str, *, rule: str = "errors", per: str = "service", when: str = "error_count > 10") -> str:
    """Return a file with a rule that acts; *steps* as they stand in it: their names are six spaces deep."""
    lines = steps.removeprefix("\n")
    return f"""\
language: 1
rules:
  - id: {rule}
    from: metrics
    per: [{per}]
    when: {when}
    mode: act
    steps:
{lines}"""


def changed(old: str, new: str, text: str = GOOD) -> str:
    """Return *text*, the good file if not given, with its first *old* replaced by *new*."""
    assert old in text, old
    return text.replace(old, new, 1)


def problems_of(files: str | Mapping[str, str], known: Known = KNOWN) -> tuple[Problem, ...]:
    """Return what is wrong in a file ``r.yaml``, or in several; it must be something."""
    with pytest.raises(RuleErrors) as caught:
        load_files({"r.yaml": files} if isinstance(files, str) else files, known)
    return caught.value.problems


def assert_one_problem(text: str, place: str, code: str, words: str, known: Known = KNOWN) -> None:
    """Hold what is wrong in a file against where (``line:column``) and how it must be told; it must be one thing."""
    (found,) = problems_of(text, known)
    assert (f"{found.line}:{found.column}", found.code) == (place, code), found.render(text)
    assert words in f"{found.message}; {found.hint}"


def only_rule(text: str, known: Known = TOOLS_ONLY) -> Rule:
    """Return the one rule of a file in which nothing is wrong."""
    (rule,) = load_files({"r.yaml": text}, known).rules.values()
    return rule
