"""Lints find what is allowed and probably not meant, and keep quiet about the rest."""

from dataclasses import replace
from decimal import Decimal

import pytest

from dutyd.core.model_use import ModelLimits
from dutyd.core.policy import MoneyLimits, Policy
from dutyd.core.rule import Mode
from dutyd.rules.known import Known
from dutyd.rules.lints.check import find
from dutyd.rules.load import load_files
from support.rule_files import CATALOGUE, GOOD, TOOLS_ONLY, changed

ORDER = """\
language: 1
rules:
  - id: low-stock
    from: stock
    mode: act
    when: level + on_order < 10
    steps:
      order:
        tool: draft_purchase_order
        with: {sku: a, supplier: b, quantity: 5, unit_price: "{{ price }}"}
"""


def codes(text: str, known: Known = TOOLS_ONLY) -> list[tuple[int, str]]:
    found = find(load_files({"r.yaml": text}, known), known)
    return [(one.line, one.code) for one in found if one.code != "no-end"]


def test_a_rule_that_says_what_it_means_has_no_findings() -> None:
    assert codes(GOOD) == []


@pytest.mark.parametrize("literal", ["service", "ratio", "summary", "steps.page.id"])
def test_a_name_without_braces_is_found(literal: str) -> None:
    assert codes(changed("project: OPS", f"project: {literal}")) == [(21, "literal-name")]


def test_spending_without_any_limit_is_found() -> None:
    assert codes(ORDER) == [(8, "no-limit")]


def test_whatever_limits_spending_is_enough() -> None:
    assert codes(ORDER + "        approval_if: unit_price > 10\n") == []
    assert codes(ORDER.replace("mode: act", "mode: approve")) == []
    money = Policy(money=MoneyLimits(per_effect=Decimal(100)))
    for policy in (money, Policy(mode=Mode.APPROVE), Policy(tools={"draft_purchase_order": Mode.OBSERVE})):
        assert codes(ORDER, replace(Known(CATALOGUE), policy=policy)) == []


def test_ordering_by_the_shelf_alone_is_found() -> None:
    limited = ORDER + "        approval_if: unit_price > 10\n"
    assert codes(limited) == []
    assert codes(limited.replace("level + on_order", "level")) == [(3, "on-order")]
    named = limited.replace("level + on_order < 10", "position < 10").replace(
        "mode", "let: {position: shelf + coming}\n    mode"
    )
    assert codes(named) == []


@pytest.mark.parametrize(
    "condition",
    [
        "avg(http_errors_total, 5m) > 3",
        "n > 1 && !(avg(x_bucket, 1h) > 2)",
        "avg(http_request_duration_seconds_count, 5m) > 3",
        "avg(response_size_bytes_sum, 5m) > 3",
    ],
)
def test_the_average_of_a_counter_is_found(condition: str) -> None:
    assert codes(changed("error_count > 10", condition)) == [(3, "counter")]
    assert codes(changed("error_count > 10", "avg(error_count, 5m) > 3")) == []


@pytest.mark.parametrize(
    ("literal", "code"),
    [
        ("labels.team", "literal-name"),
        ("event.project", "literal-name"),
        ("ops.example.com", None),
        ("v1.2", None),
        ("${project}", "literal-path"),
        ("$.project", "literal-path"),
        ("'{project}'", "literal-path"),
        ("%(project)s", "literal-path"),
        ("costs $5 {sic}", "literal-path"),
        ("costs $5", None),
    ],
)
def test_a_text_that_looks_like_a_path_is_found(literal: str, code: str | None) -> None:
    found = codes(changed("project: OPS", f'project: "{literal}"'))
    assert found == ([(21, code)] if code else [])


def test_a_field_in_quotes_in_a_condition_is_found() -> None:
    assert codes(changed("error_count > 10", 'error_count > 10 && team == "labels.team"')) == [(3, "literal-path")]


def test_what_can_t_be_taken_back_asks_or_says_that_it_need_not() -> None:
    told = changed("tool: create_ticket", "tool: comment_ticket").replace("project: OPS, kind: incident", "ticket: T")
    told = told.replace("title: {text: 120}", "text: {text: 99}")
    told = told.replace("          body: {text: 4000}\n          priority: {one_of: [P1, P2, P3]}\n", "")
    told = told.replace('title: "{{ summary }}", body: "{{ evidence }}", priority: P2', "text: x")
    assert codes(told) == [(21, "no-undo")]
    assert codes(told.replace("needs: [page]", "needs: [page]\n        approval_if: false")) == []
    assert codes(told.replace("mode: act", "mode: approve")) == []


def test_costs_are_held_against_the_policy_of_the_model() -> None:
    def with_model(limits: ModelLimits) -> Known:
        return replace(Known(CATALOGUE), policy=Policy(model=limits))

    endless = changed(", 7/1d]}", "]}")
    assert codes(endless, with_model(ModelLimits())) == [(3, "model-cost")]
    assert codes(endless, with_model(ModelLimits(usd_per_day=1))) == []
    limited = changed("throttle: {per_entity: [3/1h, 7/1d]}", "throttle: {per_rule: [1/1h, 10/1d]}")
    assert codes(limited, with_model(ModelLimits())) == []
    assert codes(limited, with_model(ModelLimits(tokens_per_day=600_000))) == []
    assert codes(limited, with_model(ModelLimits(tokens_per_day=599_999))) == [(3, "model-cost")]
    assert codes(limited, with_model(ModelLimits(tokens_per_rule_day=599_999))) == [(3, "model-cost")]


def test_a_run_whose_budget_is_more_than_a_day_gives_is_never_asked() -> None:
    def with_model(limits: ModelLimits, token_usd: float | None = None) -> Known:
        return replace(Known(CATALOGUE), policy=Policy(model=limits), token_usd=token_usd)

    endless = changed(", 7/1d]}", "]}")
    assert codes(endless, with_model(ModelLimits(tokens_per_rule_day=60_000))) == []
    assert codes(endless, with_model(ModelLimits(tokens_per_rule_day=59_999))) == [(3, "model-never")]
    assert codes(endless, with_model(ModelLimits(usd_per_day=0.01))) == []  # no price: dollars limit nothing
    assert codes(endless, with_model(ModelLimits(usd_per_day=0.01), 3e-6)) == [(3, "model-never")]


@pytest.mark.parametrize(
    ("end", "finding"),
    [
        ("", True),
        ("silent: {after: 1h, then: end}", False),
        ("silent: {after: 1h, then: keep}", False),
        ("expire: 7d", False),
    ],
)
def test_a_page_that_nothing_ends_is_found(end: str, finding: bool) -> None:
    rules = load_files({"r.yaml": changed("    mode: act\n", f"    mode: act\n    {end}\n")}, TOOLS_ONLY)
    assert [one.code for one in find(rules, TOOLS_ONLY)] == (["no-end"] if finding else [])
