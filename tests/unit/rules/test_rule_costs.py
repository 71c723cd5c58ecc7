"""What all rules together may cost in a day, as the daemon says it when it takes them."""

import pytest

from dutyd.core.model_use import ModelLimits
from dutyd.core.policy import Policy
from dutyd.rules.known import Known
from dutyd.rules.lints.pricing import daily, of_all
from dutyd.rules.load import load_files
from support.rule_files import CATALOGUE

RULE = """\
  - id: ID
    from: metrics
    per: [service]
    when: n > 1
    THROTTLE
    agent: {goal: g, budget: {tokens: 10000}}
    steps:
      ticket:
        tool: create_ticket
        with: {project: A, kind: b, title: c, body: d}
        decide: {priority: {one_of: [P1]}}
"""
BOUND, FREE = "throttle: {per_rule: [10/1d]}", "severity: info"


def said(*throttles: str, known: Known) -> dict[str, object]:
    rules = "".join(RULE.replace("ID", f"r{at}").replace("THROTTLE", each) for at, each in enumerate(throttles))
    loaded = load_files({"r.yaml": f"language: 1\nrules:\n{rules}"}, Known(CATALOGUE))
    return of_all({rule.id: daily(rule, known) for rule in loaded.rules.values()}, known)


def test_what_is_bounded_is_summed_up_and_priced() -> None:
    known = Known(CATALOGUE, token_usd=3 / 1_000_000)
    assert said(BOUND, BOUND, known=known) == {"tokens": 200_000, "usd": 0.6, "unbounded": []}


def test_a_rule_without_a_throttle_leaves_no_sum_and_is_named() -> None:
    assert said(BOUND, FREE, known=Known(CATALOGUE)) == {"tokens": None, "usd": None, "unbounded": ["r1"]}


def test_the_policy_bounds_them_all() -> None:
    known = Known(CATALOGUE, policy=Policy(model=ModelLimits(usd_per_day=2.0, tokens_per_day=150_000)))
    assert said(BOUND, BOUND, known=known) == {"tokens": 150_000, "usd": 2.0, "unbounded": []}
    assert said(FREE, known=known) == {"tokens": 150_000, "usd": 2.0, "unbounded": ["r0"]}
    each = Known(CATALOGUE, policy=Policy(model=ModelLimits(usd_per_rule_day=0.2, tokens_per_rule_day=30_000)))
    assert said(BOUND, FREE, known=each) == {"tokens": 60_000, "usd": 0.4, "unbounded": ["r1"]}


@pytest.mark.parametrize(("rate", "openings"), [("10/16h", 20), ("10/12h", 20), ("10/1d", 10), ("10/2d", 10)])
def test_the_throttles_window_slides_so_a_day_holds_each_one_that_begins_in_it(rate: str, openings: int) -> None:
    told = said(f"throttle: {{per_rule: [{rate}]}}", known=Known(CATALOGUE))
    assert told["tokens"] == openings * 10_000
