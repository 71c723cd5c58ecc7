"""What people are told of how an installation stands."""

from dataclasses import replace

import pytest

from dutyd.core.model_use import ModelUse
from dutyd.ledger.standing import Standing
from dutyd.ops.standing import notices_of

QUIET = Standing(
    oldest_due=0.0,
    busy=0,
    effects={},
    parked={},
    stuck=0,
    stuck_ids=[],
    approvals={},
    model_rejects=False,
    braked=[],
    breaches={},
    unanswered=[],
    day="1",
    model=ModelUse(),
    model_of={},
    money=0.0,
    money_of={},
)
HOUR = 3600.0


@pytest.mark.parametrize(
    ("remind", "waited", "number"),
    [(HOUR, 0.0, 0), (HOUR, HOUR - 1, 0), (HOUR, HOUR, 1), (HOUR, 3 * HOUR, 2), (HOUR, 17 * HOUR, 5), (60.0, 130.0, 2)],
)
def test_a_call_that_waits_is_told_again_after_twice_as_long_each_time(
    remind: float, waited: float, number: int
) -> None:
    (notice,) = notices_of(replace(QUIET, approvals={"i/order": waited}), {}, remind)
    assert notice.name == f"approval:i/order/{number}"


def test_a_question_without_an_answer_is_told_with_the_command_that_says_why() -> None:
    (notice,) = notices_of(replace(QUIET, unanswered=["i/level/i:a%2Fb/r:2"]), {}, HOUR)
    assert notice.name == "unanswered:i/level/i:a%2Fb/r:2"
    assert "step 'level/i:a%2Fb/r:2' of incident i" in notice.text
    assert "`dutyd incidents show i`" in notice.text
