"""A call that a person changes is another call, and a checked one."""

from decimal import Decimal

import pytest

from dutyd.act.amend import amend
from dutyd.core.errors import BadInputError
from dutyd.core.policy import MoneyLimits, Policy
from dutyd.ledger.effects import args_hash
from support.rule_files import CATALOGUE

ORDER = CATALOGUE["draft_purchase_order"]
ARGS = {"sku": "A", "supplier": "S", "quantity": 40, "unit_price": "2.50 EUR"}


def test_the_new_call_has_its_own_hash_and_price() -> None:
    new = amend(ORDER, ARGS, {"quantity": 20}, Policy())
    assert new.args == {**ARGS, "quantity": 20}
    assert new.hash == args_hash("draft_purchase_order", new.args) != args_hash("draft_purchase_order", ARGS)
    assert new.micros == 50_000_000


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"qantity": 1}, "no argument 'qantity'; did you mean 'quantity'"),
        ({"quantity": "many"}, "quantity"),
        ({"unit_price": "2.50 USD", "currency": "EUR"}, "which one"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(changes: dict[str, object], words: str) -> None:
    with pytest.raises(BadInputError, match=words):
        amend(ORDER, ARGS, changes, Policy())


def test_a_call_that_spends_more_than_one_may_is_refused_at_once() -> None:
    policy = Policy(money=MoneyLimits(per_effect=Decimal(100)))
    with pytest.raises(BadInputError, match="EUR is more than 100"):
        amend(ORDER, ARGS, {"quantity": 41}, policy)
