"""One agent run over real HTTP against the stand-in: every way it can go, and what is done on the way."""

import socket
from typing import Any

import pytest

from dutyd.act.agent.brief import EndKind
from dutyd.act.agent.loop import ATTEMPTS
from dutyd.act.agent.model import Price
from dutyd.act.agent.tries import TRIES
from dutyd.core.step import Budget
from support.agent_run import CrashedError, Desk, Notebook, a_brief, play
from support.grants import a_rule, a_ticket, an_order

ORDERED = {"sku": "A-1", "unit_price": 2.5, "quantity": 24}


@pytest.mark.parametrize("name", ["kimi-k2.6", "kimi-k2.7-code", "kimi-k3"])
@pytest.mark.parametrize("parallel", [False, True])
async def test_a_run_decides_every_step_and_ends_with_words(name: str, parallel: bool) -> None:
    played = await play({"parallel": parallel}, name=name)
    assert played.end.kind is EndKind.FINISHED
    assert played.end.detail.startswith("[dutyd-standin] Done: order, search_runbooks, ticket")
    assert played.desk.effects["order"] == ORDERED
    assert set(played.desk.effects) == {"order", "ticket"}
    assert len(played.desk.reads) == 1
    assert played.desk.rejected == []
    assert played.end.turns == (2 if parallel else 4)


@pytest.mark.parametrize("thinking", [False, True])
async def test_call_ids_of_servers_of_one_s_own_come_back_as_they_were(thinking: bool) -> None:
    played = await play({"ids": "vllm"}, thinking=thinking)
    ids = [call["id"] for turn in played.journal.turns for call in turn.message.get("tool_calls") or ()]
    assert ids == ["functions.search_runbooks:0", "functions.order:1", "functions.ticket:2"]
    assert played.end.kind is EndKind.FINISHED


async def test_thinking_is_switched_off_where_the_model_allows_it_and_replayed_where_it_thinks() -> None:
    quick = await play()
    assert all("reasoning_content" not in turn.message for turn in quick.journal.turns)
    thoughtful = await play(thinking=True)
    assert all(turn.message["reasoning_content"] for turn in thoughtful.journal.turns)
    assert thoughtful.end.kind is EndKind.FINISHED


async def test_turns_tokens_and_money_are_counted() -> None:
    played = await play(price=Price(input=1.0, output=4.0))
    assert played.end.turns == len(played.journal.turns) == 4
    tokens = sum(turn.prompt_tokens + turn.completion_tokens for turn in played.journal.turns)
    assert played.end.tokens == tokens > 0
    assert played.end.usd == pytest.approx(sum(turn.usd or 0 for turn in played.journal.turns))
    assert all(turn.cached_tokens > 0 for turn in played.journal.turns[1:])
    assert played.journal.turns[0].trace == "standin-1"
    assert played.journal.turns[0].model == "kimi-k2.6 (dutyd-standin)"


@pytest.mark.parametrize(
    ("budget", "end", "requests"),
    [
        (Budget(turns=2), EndKind.TURNS, 2),
        (Budget(tokens=400), EndKind.TOKENS, 0),
        (Budget(tokens=2_000), EndKind.TOKENS, 2),
        (Budget(usd=0.0001), EndKind.USD, 0),
    ],
)
async def test_each_budget_ends_the_run_before_it_is_broken(budget: Budget, end: EndKind, requests: int) -> None:
    played = await play(brief=a_brief(budget=budget), price=Price(input=1.0, output=4.0))
    assert played.end.kind is end
    assert played.requests == requests
    assert played.end.tokens <= budget.tokens


async def test_a_slow_model_is_cut_off_at_the_run_s_seconds() -> None:
    script = {"faults": [{"kind": "slow", "seconds": 30, "times": 0}]}
    played = await play(script, brief=a_brief(budget=Budget(seconds=0.2)))
    assert played.end.kind is EndKind.MODEL_DOWN
    assert "no answer within" in played.end.detail
    assert played.desk.calls == []


@pytest.mark.parametrize("kind", ["overloaded", "rate_limit", "server_error", "gateway", "down", "cut"])
async def test_a_passing_fault_is_asked_again_after_a_pause(kind: str) -> None:
    played = await play({"faults": [{"kind": kind, "times": 2}]})
    assert played.end.kind is EndKind.FINISHED
    assert played.clock.waits == [0.25, 0.5]
    assert played.desk.effects["order"] == ORDERED


async def test_the_endpoint_s_own_pause_is_kept() -> None:
    played = await play({"faults": [{"kind": "overloaded", "retry_after": 7}]})
    assert played.clock.waits == [7.25]


@pytest.mark.parametrize("kind", ["overloaded", "rate_limit", "server_error", "gateway", "down", "cut"])
async def test_a_fault_that_stays_ends_the_run_as_model_down(kind: str) -> None:
    played = await play({"faults": [{"kind": kind, "times": 0}]})
    assert played.end.kind is EndKind.MODEL_DOWN
    assert played.requests == ATTEMPTS
    assert played.desk.calls == []


async def test_a_pause_longer_than_the_run_is_not_waited_for() -> None:
    played = await play({"faults": [{"kind": "rate_limit", "retry_after": 3600, "times": 0}]})
    assert (played.end.kind, played.end.retry_after) == (EndKind.MODEL_DOWN, 3600.0)
    assert played.clock.waits == []


async def test_an_endpoint_that_is_not_there_is_model_down() -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        played = await play(base_url=f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
    assert played.end.kind is EndKind.MODEL_DOWN


@pytest.mark.parametrize(
    ("script", "endpoint", "words"),
    [
        ({"faults": [{"kind": "quota"}]}, {}, "exceeded_current_quota_error"),
        ({"wrong_key": "sk-wrong"}, {"key": "sk-wrong"}, "401 incorrect_api_key_error"),
        ({}, {"name": "kimi-k2-0905-preview"}, "404 resource_not_found_error"),
    ],
)
async def test_what_only_a_person_can_mend_is_never_asked_again(
    script: dict[str, Any], endpoint: dict[str, Any], words: str
) -> None:
    played = await play(script, **endpoint)
    assert played.end.kind is EndKind.MODEL_REJECTED
    assert words in played.end.detail
    assert played.requests == 1


async def test_moderation_ends_the_run() -> None:
    played = await play({"faults": [{"kind": "filter"}]})
    assert (played.end.kind, played.requests) == (EndKind.FILTERED, 1)


async def test_a_request_that_the_endpoint_will_not_take_ends_the_run() -> None:
    played = await play(tokens=300_000, brief=a_brief(budget=Budget(tokens=1_000_000)))
    assert played.end.kind is EndKind.MODEL_REFUSED
    assert "exceeded model token limit" in played.end.detail


@pytest.mark.parametrize("kind", ["empty", "no_calls"])
async def test_an_empty_answer_is_asked_for_once_more(kind: str) -> None:
    once = await play({"faults": [{"kind": kind}]})
    assert once.end.kind is EndKind.FINISHED
    assert once.desk.effects["order"] == ORDERED
    always = await play({"faults": [{"kind": kind, "times": 0}]})
    assert (always.end.kind, always.requests) == (EndKind.CONFUSED, 2)


@pytest.mark.parametrize("kind", ["markers", "markers_in_reasoning"])
async def test_calls_that_leak_as_raw_tokens_are_made_and_answered(kind: str) -> None:
    played = await play({"faults": [{"kind": kind, "times": 2}]}, thinking=True)
    assert played.end.kind is EndKind.FINISHED
    assert played.desk.effects["order"] == ORDERED


async def test_arguments_that_are_no_json_get_one_chance_of_repair() -> None:
    broken = {"calls": [{"name": "order", "arguments": '{"quantity": 12'}]}
    mended = {"turn": 1, "when": '{"quantity": 12', "calls": [{"name": "order", "arguments": {"quantity": 12}}]}
    for host in ("moonshot", "vllm"):  # the second refuses a dialogue with arguments that are no JSON
        once = await play({"ids": host, "answers": [broken, mended]}, brief=a_brief(a_rule(an_order(), agent=None)))
        assert once.end.kind is EndKind.FINISHED
        assert once.desk.effects["order"]["quantity"] == 12
        assert len(once.desk.calls) == 1
    always = await play({"faults": [{"kind": "invalid_json", "times": 0}]})
    assert (always.end.kind, always.requests, always.desk.calls) == (EndKind.CONFUSED, 2, [])


async def test_a_call_that_was_cut_is_never_made() -> None:
    played = await play({"faults": [{"kind": "length"}]})
    assert (played.end.kind, played.desk.calls) == (EndKind.LENGTH, [])
    tiny = await play(tokens=300, thinking=True, script={"answers": [{"text": "word " * 1000}]})
    assert (tiny.end.kind, tiny.desk.calls) == (EndKind.LENGTH, [])


async def test_the_same_call_again_and_again_ends_the_run_and_is_made_once() -> None:
    played = await play({"faults": [{"kind": "repeat", "times": 0}]})
    assert (played.end.kind, played.requests) == (EndKind.REPEATED, 3)
    assert len(played.desk.calls) == 1


TICKET = {"name": "ticket", "arguments": {"title": "x", "priority": "P2", "urgent": False, "weight": 1}}


def order_of(quantity: int) -> dict[str, Any]:
    return {"name": "order", "arguments": {"quantity": quantity}}


TOO_MUCH = [{"turn": n, "calls": [order_of(6_000 + n)]} for n in range(6)]


async def test_a_function_that_is_rejected_in_three_turns_is_not_called_a_fourth_time() -> None:
    played = await play({"answers": TOO_MUCH})
    assert (played.end.kind, played.requests) == (EndKind.TRIES, 4)
    assert [call.name for call in played.desk.calls] == ["order"] * TRIES
    assert played.desk.effects == {}


async def test_a_model_that_is_told_of_its_last_try_and_goes_on_without_it_decides_the_rest() -> None:
    heard = {"when": "do not call this function again", "turn": 3, "calls": [TICKET]}
    played = await play({"answers": [*TOO_MUCH[:3], heard, {"turn": 4, "text": "No order."}]})
    assert (played.end.kind, played.end.detail) == (EndKind.FINISHED, "No order.")
    assert set(played.desk.effects) == {"ticket"}


async def test_what_else_the_turn_asks_for_is_done_before_the_run_ends() -> None:
    played = await play({"answers": [*TOO_MUCH[:3], {"turn": 3, "calls": [order_of(7_000), TICKET]}]})
    assert played.end.kind is EndKind.TRIES
    assert set(played.desk.effects) == {"ticket"}


async def test_questions_without_an_answer_use_up_their_tries_whatever_is_asked_and_success_gives_none_back() -> None:
    def asked(turn: int) -> dict[str, Any]:
        calls = [{"name": "search_runbooks", "arguments": {"query": f"{turn} {n}"}} for n in range(3)]
        return {"turn": turn, "calls": calls}

    between = {"turn": 1, "calls": [TICKET]}
    script = {"answers": [asked(0), between, *(asked(turn) for turn in range(2, 6))]}
    played = await play(script, desk=Desk(a_rule(), mute=True))
    assert (played.end.kind, played.requests) == (EndKind.TRIES, 5)
    assert len(played.desk.reads) == 3 * TRIES  # the three of one turn know nothing of each other


async def test_names_that_nobody_offered_are_one_function() -> None:
    script = {"answers": [{"turn": n, "calls": [{"name": f"invented_{n}", "arguments": {}}]} for n in range(6)]}
    played = await play(script)
    assert (played.end.kind, played.requests) == (EndKind.TRIES, 4)


async def test_two_equal_calls_in_one_turn_are_one_call_with_two_answers() -> None:
    twins = {"answers": [{"calls": [{"name": "order", "arguments": {"quantity": 12}}] * 2}]}
    played = await play(twins)
    assert played.end.kind is EndKind.FINISHED  # the stand-in refuses a history with an unanswered id
    assert [call.name for call in played.desk.calls].count("order") == 1
    assert played.desk.effects["order"]["quantity"] == 12


async def test_an_odd_finish_reason_changes_nothing() -> None:
    played = await play({"faults": [{"kind": "odd_finish", "times": 0}]})
    assert played.end.kind is EndKind.FINISHED
    assert set(played.desk.effects) == {"order", "ticket"}


async def test_words_before_every_step_was_decided_are_answered_once() -> None:
    played = await play({"faults": [{"kind": "prose"}]})
    assert played.end.kind is EndKind.FINISHED
    assert set(played.desk.effects) == {"order", "ticket"}
    stubborn = await play({"faults": [{"kind": "prose", "times": 0}]})
    assert (stubborn.end.kind, stubborn.requests) == (EndKind.FINISHED, 2)
    assert stubborn.desk.effects == {}


@pytest.mark.parametrize("kind", ["unknown_function", "extra_argument"])
async def test_a_call_outside_the_grant_is_told_and_does_nothing(kind: str) -> None:
    played = await play({"faults": [{"kind": kind, "times": 4}]}, brief=a_brief(a_rule(an_order(), agent=None)))
    assert played.desk.rejected
    assert played.desk.effects == {}


async def test_a_clear_ends_the_run_before_anything_of_the_turn_is_done() -> None:
    played = await play(journal=Notebook(cleared=True))
    assert (played.end.kind, played.requests, played.desk.calls) == (EndKind.CLEARED, 1, [])


async def test_a_clear_during_a_turn_ends_the_run_at_the_next_call() -> None:
    played = await play({"parallel": True}, desk=Desk(a_rule(), stop_at="order"))
    assert played.end.kind is EndKind.CLEARED
    assert [call.name for call in played.desk.calls] == ["search_runbooks", "order"]


async def test_a_run_with_nothing_to_read_and_one_step_is_two_turns() -> None:
    played = await play(brief=a_brief(a_rule(a_ticket(), agent=None)))
    assert (played.end.kind, played.end.turns) == (EndKind.FINISHED, 2)
    assert played.desk.effects["ticket"]["priority"] == "P1"


async def test_nobody_is_asked_where_no_step_can_be_offered() -> None:
    played = await play(brief=a_brief(a_rule(an_order()), order_quantity="many"))
    assert (played.end.kind, played.requests) == (EndKind.UNDECIDABLE, 0)


# Crash and replay: a turn is recorded before its effects; nothing is asked or done twice.


@pytest.mark.parametrize("crash_at", [1, 2, 3, 4])
async def test_after_a_crash_recorded_turns_are_played_again_without_asking(crash_at: int) -> None:
    desk, journal = Desk(a_rule()), Notebook(crash_at=crash_at)
    with pytest.raises(CrashedError):
        await play(desk=desk, journal=journal)
    before = dict(desk.effects)
    played = await play(desk=desk, journal=Notebook(turns=list(journal.turns)))
    whole = await play()
    assert played.end.kind is EndKind.FINISHED
    assert played.requests == whole.requests - crash_at
    assert played.desk.effects == whole.desk.effects
    assert before.items() <= played.desk.effects.items()
    assert [turn.message for turn in played.journal.turns] == [turn.message for turn in whole.journal.turns]
    assert played.end.tokens == whole.end.tokens


async def test_a_crash_between_two_effects_of_one_turn_does_each_once() -> None:
    desk, journal = Desk(a_rule(), crash_at="ticket"), Notebook()
    with pytest.raises(CrashedError):
        await play({"parallel": True}, desk=desk, journal=journal)
    assert set(desk.effects) == {"order"}
    desk.crash_at = ""
    played = await play({"parallel": True}, desk=desk, journal=Notebook(turns=list(journal.turns)))
    assert (played.end.kind, played.requests) == (EndKind.FINISHED, 1)
    assert desk.effects["order"] == ORDERED
    assert set(desk.effects) == {"order", "ticket"}


async def test_a_finished_run_is_replayed_to_the_same_end_without_the_model() -> None:
    whole = await play()
    again = await play({"faults": [{"kind": "quota", "times": 0}]}, journal=Notebook(turns=whole.journal.turns))
    assert again.requests == 0
    assert (again.end.kind, again.end.detail) == (whole.end.kind, whole.end.detail)
    assert again.desk.effects == whole.desk.effects


async def test_a_crash_gives_no_turns_back() -> None:
    whole = await play()
    budget = Budget(turns=2)
    played = await play(brief=a_brief(budget=budget), journal=Notebook(turns=list(whole.journal.turns[:2])))
    assert (played.end.kind, played.requests) == (EndKind.TURNS, 0)
