"""The step graph: what comes next, and what follows from what did not get done."""

from hypothesis import given
from hypothesis import strategies as st

from dutyd.act.steps import StepResult, StepState, encode_result, ready, recall_result, waves
from dutyd.core.expr import Look, look_in, parse
from dutyd.core.step import Bound, Step

DONE = StepResult(StepState.DONE, {"id": "1"})
NAMES = look_in({"open": True})


def step(name: str, *after: str, decide: bool = False, **more: object) -> Step:
    bounds = {"title": Bound(kind="text", limit=10)} if decide else {}
    return Step(name=name, tool="t", after=frozenset(after), decide=bounds, **more)  # type: ignore[arg-type]  # a test's own


class OnPaper:
    def __init__(self) -> None:
        self.results: dict[str, StepResult] = {}

    @property
    def look(self) -> Look:
        return NAMES


def graph(*steps: Step) -> dict[str, Step]:
    return {each.name: each for each in steps}


def test_steps_without_order_are_ready_together() -> None:
    now = ready(graph(step("page"), step("mail")), {}, NAMES)
    assert [each.name for each in now.plain] == ["page", "mail"]


def test_a_step_waits_for_what_it_needs() -> None:
    steps = graph(step("page"), step("mail", "page"))
    assert [each.name for each in ready(steps, {}, NAMES).plain] == ["page"]
    assert [each.name for each in ready(steps, {"page": DONE}, NAMES).plain] == ["mail"]


def test_a_waiting_step_holds_back_only_those_that_need_it() -> None:
    steps = graph(step("page"), step("mail", "page"), step("log"))
    results = {"page": StepResult(StepState.WAITING)}
    assert [each.name for each in ready(steps, results, NAMES).plain] == ["log"]


def test_the_model_is_asked_once_what_its_steps_need_is_done() -> None:
    steps = graph(step("forecast"), step("order", "forecast", decide=True), step("ticket", decide=True))
    assert ready(steps, {}, NAMES).decided == ()
    assert [each.name for each in ready(steps, {"forecast": DONE}, NAMES).decided] == ["order", "ticket"]


def test_one_decided_step_may_need_another() -> None:
    steps = graph(step("ticket", decide=True), step("note", "ticket", decide=True))
    assert [each.name for each in ready(steps, {}, NAMES).decided] == ["ticket", "note"]


def test_a_failed_step_stops_what_needs_it_unless_the_rule_says_continue() -> None:
    failed = {"page": StepResult(StepState.FAILED)}
    stopped = ready(graph(step("page"), step("mail", "page")), failed, NAMES)
    assert stopped.settled["mail"].state is StepState.STOPPED
    going_on = ready(graph(step("page", on_error="continue"), step("mail", "page")), failed, NAMES)
    assert [each.name for each in going_on.plain] == ["mail"]


def test_an_if_that_is_false_or_unknown_skips_and_says_so() -> None:
    steps = graph(
        step("no", if_=parse("!open")), step("maybe", if_=parse("missing > 1")), step("yes", if_=parse("open"))
    )
    now = ready(steps, {}, NAMES)
    assert now.settled["no"].reason == "if: !open is not true"
    assert now.settled["maybe"].reason == "if: missing > 1 is unknown"
    assert [each.name for each in now.plain] == ["yes"]


def test_a_skipped_step_does_not_stop_what_needs_it() -> None:
    steps = graph(step("page", if_=parse("!open")), step("mail", "page"))
    now = ready(steps, {"page": StepResult(StepState.SKIPPED)}, NAMES)
    assert [each.name for each in now.plain] == ["mail"]


def test_results_of_reads_come_back_from_the_ledger_as_they_were() -> None:
    result = StepResult(StepState.DONE, {"quantity": 12.5}, "why")
    assert recall_result(encode_result(result)) == result


@given(st.lists(st.sets(st.integers(0, 7)), min_size=1, max_size=8), st.data())
def test_any_graph_without_cycles_ends_whatever_its_steps_come_to(needs: list[set[int]], data: st.DataObject) -> None:
    steps = graph(
        *(step(f"s{i}", *(f"s{j}" for j in after if j < i), decide=i % 3 == 2) for i, after in enumerate(needs))
    )
    work = OnPaper()
    for now in waves(work, steps):
        for each in (*now.plain, *now.decided):
            state = data.draw(st.sampled_from([StepState.DONE, StepState.REFUSED, StepState.FAILED, StepState.SKIPPED]))
            work.results[each.name] = StepResult(state)
    assert set(work.results) == set(steps)


def test_a_plain_step_after_a_skipped_one_goes_before_the_model_is_asked() -> None:
    steps = graph(step("look", if_=parse("!open")), step("page", "look"), step("ticket", decide=True))
    first = next(waves(OnPaper(), steps))
    assert [each.name for each in first.plain] == ["page"]


def test_a_graph_ends_where_nobody_does_what_it_shows() -> None:
    assert len(list(waves(OnPaper(), graph(step("page"))))) == 1
