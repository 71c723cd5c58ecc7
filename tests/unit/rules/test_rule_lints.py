"""Lints find what is allowed and probably not meant, and keep quiet about the rest."""

from dataclasses import replace
from decimal import Decimal

import pytest

from dutyd.core.policy import MoneyLimits, Policy
from dutyd.core.rule import Mode
from dutyd.rules.check import find
from dutyd.rules.known import Known
from dutyd.rules.load import load_files
from support.rule_files import CATALOGUE, GOOD, TOOLS_ONLY, changed

ORDER = """\
language: 1
rules:
  - id: low-stock
    from: stock
    mode: act
    when: level < 10
    steps:
      order:
        tool: draft_purchase_order
        with: {sku: a, supplier: b, quantity: 5, unit_price: "{{ price }}"}
"""


def codes(text: str, known: Known = TOOLS_ONLY) -> list[tuple[int, str]]:
    return [(one.line, one.code) for one in find(load_files({"r.yaml": text}, known), known)]


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
