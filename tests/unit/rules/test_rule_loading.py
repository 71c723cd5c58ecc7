"""A right file gives rules with every value that it says, and a digest that names exactly this state of the files."""

import pytest

from dutyd.core.expr import look_in
from dutyd.core.limits import Rate, Throttle
from dutyd.core.policy import Policy
from dutyd.core.rule import Mode, Severity
from dutyd.core.step import Budget, Retry
from dutyd.core.topic import Topic
from dutyd.rules.known import Known
from dutyd.rules.load import RuleErrors, load_files
from support.rule_files import CATALOGUE, GOOD, KNOWN, changed, only_rule, problems_of

STOCK = """\
language: 1
rules:
  - id: low-stock-warning
    from: stock
    where: kind == "level"
    per: [sku, location]
    let:
      position: inventory_level + on_order
      missing: reorder_point - position
    when: missing > 0
    agent: {goal: "Decide how much of {{ sku }} to order; say why."}
    steps:
      forecast: {tool: predict_demand, with: {sku: "{{ sku }}", days: 28}}
      order:
        needs: [forecast]
        tool: draft_purchase_order
        with: {sku: "{{ sku }}", supplier: "{{ supplier }}", unit_price: "{{ unit_price }}"}
        decide: {quantity: {integer: {min: 1, max: "{{ 2 * order_quantity }}", multiple_of: "{{ pack_size }}"}}}
        refuse_if: quantity * unit_price > 5000
        approval_if: quantity * unit_price > budget_left
        fallback: {quantity: "{{ order_quantity }}"}
        retry: {attempts: 3, backoff: 10s}
      tell:
        tool: notify
        if: steps.order.id != ""
        on_error: continue
        if_unsure: skip
        with: {to: "{{ supplier }}", text: "{{ steps.forecast.quantity }} pieces of {{ sku }} expected"}
"""


def test_a_rule_has_what_its_file_says() -> None:
    rule = only_rule(GOOD, KNOWN)
    assert (rule.id, rule.topic, rule.per, rule.hold) == ("high-errors", "metrics", ("service",), 120.0)
    assert (rule.severity, rule.mode) == (Severity.CRITICAL, Mode.ACT)
    assert rule.throttle == Throttle(per_entity=(Rate(3, 3600.0), Rate(7, 86400.0)))
    assert rule.when.text == "error_count > 10"
    assert (rule.where, rule.clear) == (None, None)
    assert rule.summary is not None
    assert rule.summary.render(look_in({"service": "shop", "error_count": 12.0})) == "shop: 12 errors"
    assert rule.agent is not None
    assert (rule.agent.reads, rule.agent.budget) == (("search_runbooks",), Budget(turns=4))
    assert (rule.place.file, rule.place.line, rule.place.column) == ("r.yaml", 3, 9)
    assert rule.raw["throttle"] == {"per_entity": ["3/1h", "7/1d"]}


def test_what_is_not_written_has_its_default() -> None:
    text = (
        "language: 1\nrules:\n  - {id: a, from: b, when: c > 1, steps: {tell: {tool: notify, with: {to: x, text: y}}}}"
    )
    rule = only_rule(text)
    assert (rule.per, rule.hold, rule.severity, rule.mode) == ((), 0.0, Severity.WARNING, Mode.OBSERVE)
    assert (rule.agent, rule.summary, rule.throttle) == (None, None, Throttle())
    assert rule.steps["tell"].retry is None


def test_steps_are_ordered_by_needs_and_by_what_they_read() -> None:
    rule = only_rule(STOCK)
    assert {name: step.after for name, step in rule.steps.items()} == {
        "forecast": frozenset(),
        "order": {"forecast"},
        "tell": {"order", "forecast"},
    }


def test_a_step_has_what_its_file_says() -> None:
    order, tell = (only_rule(STOCK).steps[name] for name in ("order", "tell"))
    assert (order.tool, sorted(order.args), order.retry) == (
        "draft_purchase_order",
        ["sku", "supplier", "unit_price"],
        Retry(3, 10.0),
    )
    bound = order.decide["quantity"]
    assert bound.kind == "integer"
    assert bound.low is not None
    assert bound.low.literal == 1
    assert bound.high is not None
    assert bound.high.render(look_in({"order_quantity": 24.0})) == 48
    assert (tell.on_error, tell.if_unsure) == ("continue", "skip")


def test_only_fields_of_the_event_are_named_as_read() -> None:
    assert only_rule(STOCK).reads_fields == {
        "kind",
        "sku",
        "location",
        "inventory_level",
        "on_order",
        "reorder_point",
        "supplier",
        "unit_price",
        "order_quantity",
        "pack_size",
        "budget_left",
    }


def test_an_argument_of_the_call_is_no_field_of_the_event() -> None:
    text = changed("needs: [page]", "refuse_if: kind == title || region == 'x'")
    assert only_rule(text, KNOWN).reads_fields == {"service", "errors", "total", "error_count", "region"}


def test_on_clear_may_read_the_steps_before_it() -> None:
    resolve = only_rule(GOOD, KNOWN).on_clear["resolve"]
    assert resolve.args["alert"].names == {"steps.page.id"}
    assert resolve.after == {"page"}


def test_a_file_without_rules_is_right_when_it_says_so() -> None:
    assert not load_files({"r.yaml": "language: 1\nrules: []\n"}, KNOWN).rules


def test_rules_come_in_the_order_of_file_names_and_files() -> None:
    second = GOOD.replace("high-errors", "a-second")
    rules = load_files({"b.yaml": second, "a/z.yaml": GOOD}, KNOWN).rules
    assert list(rules) == ["high-errors", "a-second"]
    assert rules["high-errors"].place.file == "a/z.yaml"


def test_the_digest_names_this_state_of_the_files() -> None:
    files = {"a.yaml": GOOD, "b.yaml": GOOD.replace("high-errors", "other")}
    digest = load_files(files, KNOWN).digest
    assert len(digest) == 32
    assert set(digest) <= set("0123456789abcdef")
    assert load_files(dict(reversed(files.items())), KNOWN).digest == digest
    assert load_files({**files, "b.yaml": files["b.yaml"] + "# seen\n"}, KNOWN).digest != digest
    assert load_files({"a.yaml": GOOD, "c.yaml": files["b.yaml"]}, KNOWN).digest != digest


def test_a_byte_order_mark_is_no_mistake() -> None:
    assert only_rule("\ufeff" + GOOD, KNOWN).place.line == 3


def test_without_settings_topics_are_not_checked() -> None:
    assert only_rule(changed("from: metrics", "from: anything"), Known(CATALOGUE)).topic == "anything"


@pytest.mark.parametrize("per", ["[service]", "[region, service]"])
def test_per_may_hold_more_than_what_records_are_spread_by(per: str) -> None:
    assert only_rule(changed("per: [service]", f"per: {per}"), KNOWN)


def test_on_one_partition_any_per_is_fine() -> None:
    one = Known(CATALOGUE, topics={"metrics": Topic(alias="metrics", topic="m", partitions=1)})
    assert only_rule(changed("    per: [service]\n", ""), one).per == ()


def test_a_tool_that_the_policy_holds_back_may_still_be_named() -> None:
    held = Known(CATALOGUE, policy=Policy(mode=Mode.OBSERVE, tools={"send_alert": Mode.APPROVE}))
    assert only_rule(GOOD, held).mode is Mode.ACT


def test_every_mistake_of_every_file_is_told_at_once() -> None:
    found = problems_of({"a.yaml": changed("mode: act", "mode: go"), "b.yaml": "", "c.yaml": "rules: []\n"})
    assert [(one.file, one.code) for one in found] == [
        ("a.yaml", "unknown-value"),
        ("b.yaml", "empty-file"),
        ("c.yaml", "missing-key"),
    ]


TEN = """\
language: 1
rules:
  - id: high errors
    from: metricks
    per: [service]
    when: error_count >> 10
    for: 120
    severity: critcal
    moed: act
    summary: {{ service }}
    steps:
      page:
        tool: send_allert
        with: {severity: critical, summary: "{{ summary }}"}
      ticket:
        tool: create_ticket
        needs: [pgae]
        with: {project: 0012, kind: incident, title: x, body: y}
"""


def test_ten_mistakes_in_one_file_are_ten_messages_with_their_places() -> None:
    with pytest.raises(RuleErrors) as caught:
        load_files({"r.yaml": TEN}, KNOWN)
    assert [(one.line, one.column, one.code) for one in caught.value.problems] == [
        (3, 9, "rule-id"),
        (4, 11, "unknown-topic"),
        (6, 24, "expression"),
        (7, 10, "duration"),
        (8, 15, "unknown-value"),
        (9, 5, "unknown-key"),
        (10, 14, "yaml"),
        (13, 15, "unknown-tool"),
        (17, 17, "unknown-step"),
        (18, 25, "leading-zero"),
    ]
    shown = caught.value.render()
    assert shown.count("^") == len(caught.value.problems)
    assert "r.yaml:13:15: there is no tool 'send_allert'; did you mean 'send_alert'? [unknown-tool]" in shown
