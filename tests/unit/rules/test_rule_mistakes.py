"""One mistake in a file that is right otherwise gives one message, at its place, in words that help."""

import pytest

from dutyd.core.policy import Policy
from dutyd.rules.known import Known
from support.rule_files import CATALOGUE, GOOD, KNOWN, assert_one_problem, changed, only_rule, problems_of


def test_the_file_that_is_changed_below_is_right() -> None:
    assert only_rule(GOOD, KNOWN).id == "high-errors"


# What is replaced, by what, where it is reported (line:column), its code, and words that the message or hint holds.
MISTAKES = [
    # The file
    ("language: 1\n", "", "1:1", "missing-key", "'language' is missing"),
    ("language: 1", "language: 2", "1:11", "wrong-type", "expected 1, the only version"),
    ("language: 1", "language: true", "1:11", "wrong-type", "found true"),
    ("language: 1", "langauge: 1", "1:1", "unknown-key", "did you mean 'language'?"),
    # Keys of a rule
    ("    from: metrics\n", "    form: metrics\n", "4:5", "unknown-key", "did you mean 'from'?"),
    ("    from: metrics\n", "", "3:5", "missing-key", "'from' is missing"),
    ("    when: error_count > 10\n", "", "3:5", "missing-key", "'when' is missing"),
    ("    mode: act\n", "    colour: red\n", "10:5", "unknown-key", "valid keys: id, from"),
    ("    mode: act\n", "    mode: act\n    mode: act\n", "11:5", "duplicate-key", "the first is in line 10"),
    ("    mode: act\n", "    within: 1h\n", "10:5", "sequence", "`within` belongs to a `sequence`"),
    ("    mode: act\n", "    brake: {openings: 0, within: 1h}\n", "10:23", "out-of-range", "a whole number from 1"),
    ("    mode: act\n", "    brake: {openings: 3}\n", "10:12", "missing-key", "'within' is missing"),
    ("    mode: act\n", "    again: {every: 0s}\n", "10:20", "out-of-range", "a duration longer than 0s"),
    ("    mode: act\n", "    again: {at_most: 3}\n", "10:12", "missing-key", "'every' is missing"),
    ("    mode: act\n", "    silent: {after: 15m}\n", "10:13", "missing-key", "'then' is missing"),
    ("    mode: act\n", "    silent: {after: 15m, then: stop}\n", "10:32", "unknown-value", "not one of end or keep"),
    ("    mode: act\n", "    keep_firing_for: soon\n", "10:22", "duration", "a number with its unit"),
    ("    mode: act\n", "    opens: each_evnt\n", "10:12", "unknown-value", "did you mean 'each_event'?"),
    ("    for: 2m\n", "    opens: each_event\n", "30:5", "each-event", "has no `on_clear`"),
    ("    mode: act\n", "    missed: 1h\n", "10:5", "schedule", "this rule has none"),
    ("    mode: act\n", "    inhibit: {by: [hostdown]}\n", "3:9", "inhibit", "there is no such rule"),
    ("    mode: act\n", "    inhibit: {equal: [service]}\n", "10:14", "missing-key", "'by' is missing"),
    ("    mode: act\n", "    inhibit: {by: [high-errors], equal: [x]}\n", "3:9", "inhibit", "'x' of `equal` is not in"),
    ("    mode: act\n", "    group: on\n", "10:12", "wrong-type", "write 'group: off'"),
    ("    mode: act\n", "    group: {wait: 5m}\n", "10:12", "missing-key", "'by' is missing"),
    ("    mode: act\n", "    group: {by: [], wait: 5m}\n", "10:17", "out-of-range", "name at least one field"),
    ("    mode: act\n", "    group: {by: [a], wait: soon}\n", "10:28", "duration", "a number with its unit"),
    ("id: high-errors", "id: 42", "3:9", "wrong-type", 'put it in quotes: "42"'),
    ("id: high-errors", "id: high errors", "3:9", "rule-id", "such as high-priority-alert"),
    ("id: high-errors", "id:", "3:5", "wrong-type", "expected a text, found nothing"),
    ("from: metrics", "from: metricks", "4:11", "unknown-topic", "did you mean 'metrics'?"),
    ("per: [service]", "per: service", "5:10", "wrong-type", "expected a list such as [service]"),
    ("per: [service]", "per: [a b, service]", "5:11", "field-name", "'a b' is no name of a field"),
    ("per: [service]", "per: [host]", "5:10", "not-partitioned", "add service to `per`, or set topics.metrics.rekey"),
    ("    per: [service]\n", "", "4:5", "not-partitioned", "state per the whole rule can't be kept"),
    ("per: [service]", "per: [service, service]", "5:20", "duplicate-value", "in this list twice"),
    ("from: metrics", "from: stock", "5:10", "not-partitioned", "set topics.stock.partitioned_by"),
    ("severity: critical\n", "severity: critcal\n", "9:15", "unknown-value", "did you mean 'critical'?"),
    ("mode: act", "mode: on", "10:11", "unknown-value", "not one of observe, approve or act"),
    ("for: 2m", "for: 120", "8:10", "duration", "a number with its unit"),
    ("for: 2m", "for: [2m]", "8:10", "wrong-type", "expected a duration such as 30s"),
    ("for: 2m", "for:", "8:5", "wrong-type", "found nothing"),
    ("[3/1h, 7/1d]", "[3]", "11:29", "wrong-type", "expected a rate such as 3/1h"),
    ("[3/1h, 7/1d]", "3/1h", "11:28", "wrong-type", "expected a list such as [3/1h]"),
    ("[3/1h, 7/1d]", "[3/1y]", "11:29", "duration", "'1y' is no duration"),
    ("[3/1h, 7/1d]", "[0/1h]", "11:29", "out-of-range", "at least 1"),
    ("per_entity", "per_entitty", "11:16", "unknown-key", "did you mean 'per_entity'?"),
    # Expressions
    ("error_count > 10", "error_count >> 10", "7:24", "expression", "a value is missing before '>'"),
    ("error_count > 10", "error_count + 1", "7:23", "expression", "must be true or false, and this is a number"),
    ("error_count > 10", "error_count > '10'", "7:25", "expression", "write 10 without quotes"),
    ("error_count > 10", "'error_count > \"10\"'", "7:26", "expression", "write 10 without quotes"),
    ("error_count > 10", 'ratio > "a"', "7:17", "expression", "can't put a number and a text in order"),
    ("error_count > 10", "steps.page.id == 1", "7:11", "expression", "there is no 'steps.page'"),
    ("error_count > 10", '"{{ error_count > 10 }}"', "7:11", "expression", "leave out {{ and }}"),
    ("error_count > 10", "has(ratio)", "7:11", "expression", "has() takes a field of the event"),
    ("error_count > 10", "avg(ratio, 5m) > 1", "7:11", "expression", "a window takes a field of the event"),
    ("error_count > 10", "count(5m, prev(a) > 1) > 2", "7:21", "expression", "can't hold a window or prev"),
    ("error_count > 10", "[1, 2]", "7:11", "wrong-type", "expected an expression"),
    ("    when", "    where: ratio > 1\n    when", "7:12", "expression", "`where` comes before `let`"),
    ("    when", "    where: count(5m) > 1\n    when", "7:12", "expression", "no windows, no prev"),
    ("{ratio: errors / total}", "{a: b + 1, b: 2}", "6:14", "expression", "computed from top to bottom"),
    ("{ratio: errors / total}", "{steps: 2}", "6:11", "let-name", "'steps' can't be a name"),
    ("{ratio: errors / total}", "[ratio]", "6:10", "wrong-type", "a mapping of names to expressions"),
    ("{{ service }}:", "{{ steps.page.id }}:", "12:18", "expression", "there is no 'steps.page'"),
    ('errors"', 'errors in {{ env"', "12:58", "expression", "never closed"),
    ("{{ service }}:", "{{ count(5m) }}:", "12:18", "expression", "windows and prev can't be used here"),
    # Agent
    ("      goal: Find out what changed in {{ service }}.\n", "", "14:7", "missing-key", "'goal' is missing"),
    ("goal: Find", "gaol: Find", "14:7", "unknown-key", "did you mean 'goal'?"),
    ("what changed in {{ service }}", "{{ steps.page.id }}", "14:25", "expression", "there is no 'steps.page'"),
    ("reads: [search_runbooks]", "reads: [serch_runbooks]", "15:15", "unknown-tool", "did you mean 'search_runbooks'?"),
    ("reads: [search_runbooks]", "reads: [query_metrics, query_metrics]", "15:30", "duplicate-value", "twice"),
    ("reads: [search_runbooks]", "reads: [create_ticket]", "15:15", "reads", "changes the outside world"),
    ("budget: {turns: 4}", "budget: {turns: 0}", "16:23", "out-of-range", "a whole number from 1"),
    ("budget: {turns: 4}", "budget: {turn: 4}", "16:16", "unknown-key", "did you mean 'turns'?"),
    ("budget: {turns: 4}", "budget: {usd: free}", "16:21", "wrong-type", "expected a number"),
    ("budget: {turns: 4}", "fallback: {kind: x}", "16:7", "fallback", "this one is asked for none"),
    # Steps
    ("      resolve:", "      r:", "31:7", "step-name", "a letter, then 2 to 39"),
    ("tool: send_alert", "tool: send_allert", "19:15", "unknown-tool", "did you mean 'send_alert'?"),
    ("        tool: send_alert\n", "", "19:9", "missing-key", "'tool' is missing in this step"),
    ("        needs: [page]", "        each: [x]", "23:9", "decide", "the model is asked once"),
    ("        with: {severity", "        each: web\n        with: {severity", "20:15", "wrong-type", "expected a list"),
    (
        "        with: {severity",
        '        each: "{{ 1 + 1 }}"\n        with: {severity',
        "20:21",
        "expression",
        "must be a list",
    ),
    (
        "        with: {severity",
        '        each: "{{ item }}s"\n        with: {severity',
        "20:15",
        "wrong-type",
        "a list, such as",
    ),
    ("needs: [page]", "needs: [pgae]", "23:17", "unknown-step", "did you mean 'page'?"),
    ("needs: [page]", "needs: [ticket]", "21:7", "circle", "ticket -> ticket"),
    ("needs: [page]", "needs: page", "23:16", "wrong-type", "expected a list such as [forecast]"),
    ("steps.page.id", "steps.pgae.id", "31:56", "expression", "did you mean 'page'?"),
    ("{{ summary }}", "{{ steps.ticket.id }}", "18:7", "circle", "page -> ticket -> page"),
    ("      resolve:", "      ticket:", "31:7", "duplicate-step", "step names are unique in a rule"),
    ("needs: [page]", "if: steps.page.id > 1 +", "23:32", "expression", "a value is missing"),
    ("needs: [page]", "retry: {attempts: 0}", "23:27", "out-of-range", "a whole number from 1"),
    ("needs: [page]", "on_error: ignore", "23:19", "unknown-value", "not one of stop or continue"),
    ("needs: [page]", "if_unsure: never", "23:20", "unknown-value", "not one of skip or repeat"),
    ("needs: [page]", "approval_if: count(5m) > 3", "23:22", "expression", "give it a name in the rule's `let`"),
    ("needs: [page]", "refuse_if: title > 3", "23:26", "expression", "can't put a text and a number in order"),
    # Arguments
    (
        "severity: critical,",
        "severity: fatal,",
        "20:26",
        "argument",
        "expected 'critical', 'error', 'warning' or 'info'",
    ),
    ("severity: critical,", "severity: Critical,", "20:26", "argument", "did you mean 'critical'?"),
    ("severity: critical,", "severety: critical,", "20:16", "unknown-argument", "did you mean 'severity'?"),
    ("severity: critical,", "severity: critical, to: opps,", "20:40", "unknown-route", "did you mean 'ops'?"),
    ("severity: critical,", "severity: critical, to: 7,", "20:40", "argument", "'to': expected a text, found 7"),
    ("severity: critical,", "severity: critical, details: ,", "20:36", "expression", "null is not a value"),
    ("severity: critical, ", "", "19:9", "missing-argument", "'send_alert' needs the argument 'severity'"),
    ("{project: OPS, kind", "{project: 12, kind", "24:25", "argument", "'project': expected a text, found 12"),
    ("kind: incident}", "kind: incident, title: x}", "26:11", "decide", "bound by `with` and left to the model"),
    # Bounds and fallback
    ("title: {text: 120}", "title: {text: long}", "26:25", "wrong-type", "expected a whole number"),
    ("title: {text: 120}", "title: {txt: 120}", "26:19", "unknown-key", "did you mean 'text'?"),
    ("title: {text: 120}", "title: 120", "26:18", "wrong-type", "expected a bound such as {text: 120}"),
    ("title: {text: 120}", "title: {integer: {min: 1}}", "26:18", "bound", "'title' takes a text"),
    ("title: {text: 120}", "title: {boolean: false}", "26:28", "wrong-type", "a boolean has no bounds"),
    ("[P1, P2, P3]", "[]", "28:30", "wrong-type", "found an empty list"),
    ("[P1, P2, P3]", "[P2, 12]", "28:21", "bound", "'priority': expected a text, found 12"),
    ("[P1, P2, P3]", "[P2, P2]", "28:35", "duplicate-value", "in this list twice"),
    ("priority: P2}", "priority: P9}", "29:78", "fallback", "must be one of P1, P2, P3"),
    ("priority: P2}", "prio: P2}", "29:68", "fallback", "did you mean 'priority'?"),
    (", priority: P2}", "}", "29:9", "fallback", "the fallback lacks priority"),
]


@pytest.mark.parametrize(("old", "new", "place", "code", "words"), MISTAKES)
def test_a_mistake_is_one_message_at_its_place(old: str, new: str, place: str, code: str, words: str) -> None:
    assert_one_problem(changed(old, new), place, code, words)


STOCK = """\
language: 1
rules:
  - id: low-stock
    from: small
    when: level < 10
    agent: {goal: Decide.}
    steps:
      order:
        tool: draft_purchase_order
        with: {sku: x, supplier: y, unit_price: 2.50 EUR}
        decide: {quantity: {integer: {min: 1, max: 10}}}
"""
NUMBERS = [
    ("{min: 1, max: 10}", "{min: 1, max: 0}", "11:38", "out-of-range", "no value lies within its bounds"),
    ("{min: 1, max: 10}", "{min: 1, max: 10, multiple_of: 20}", "11:38", "out-of-range", "no value lies"),
    ("{min: 1, max: 10}", "{multiple_of: 0}", "11:38", "out-of-range", "multiple_of is not above 0"),
    ("{min: 1, max: 10}", "{min: 0.5}", "11:44", "wrong-type", "expected a whole number"),
    ("{min: 1, max: 10}", "{max: ten}", "11:44", "wrong-type", "expected a number, or an expression"),
    ("{min: 1, max: 10}", '{max: "{{ a }}0"}', "11:44", "wrong-type", "write the expression alone"),
    ("{min: 1, max: 10}", '{max: "{{ a > 1 }}"}', "11:50", "expression", "must be a number"),
    ("unit_price: 2.50 EUR", "currency: 5", "10:47", "argument", "'currency': expected a text, found 5"),
    ("2.50 EUR", "2.50 EURO", "10:49", "argument", "no amount of money"),
    ("2.50 EUR", "2.50 EUR, currency: eur", "10:69", "argument", "no currency"),
    ("    agent: {goal: Decide.}\n", "", "8:9", "agent", "leaves something to decide, and the rule has no `agent`"),
    ("    agent: {goal: Decide.}\n", "    agent:\n", "6:5", "wrong-type", "a mapping with the keys of an agent"),
]


@pytest.mark.parametrize(("old", "new", "place", "code", "words"), NUMBERS)
def test_a_wrong_bound_of_a_number_is_told(old: str, new: str, place: str, code: str, words: str) -> None:
    assert_one_problem(changed(old, new, STOCK), place, code, words)


def test_a_tool_that_the_policy_never_allows_is_refused_where_it_is_named() -> None:
    never = Known(CATALOGUE, policy=Policy(tools={"create_ticket": None, "search_runbooks": None}))
    found = problems_of(GOOD, never)
    assert [(one.line, one.column, one.code) for one in found] == [(15, 15, "policy"), (22, 15, "policy")]


def test_an_argument_that_is_no_text_takes_no_expression_of_another_type() -> None:
    text = STOCK.partition("        decide:")[0].replace("sku: x,", "sku: '{{ 5 }}', quantity: '{{ level > 1 }}',")
    (found,) = problems_of(text)
    assert (found.line, found.code) == (10, "expression")
    assert "must be a number" in found.message


def test_nothing_can_be_left_to_the_model_when_an_incident_clears() -> None:
    text = STOCK.replace(
        "    steps:", "    steps:\n      look: {tool: check_stock_levels, with: {sku: x}}\n    on_clear:"
    )
    (found,) = problems_of(text)
    assert found.code == "decide"
    assert "on_clear leaves nothing to the model" in found.message


@pytest.mark.parametrize("gate", ["refuse_if", "approval_if"])
def test_a_gate_on_a_tool_that_only_reads_is_refused(gate: str) -> None:
    text = STOCK.replace(
        "    steps:", f"    steps:\n      look: {{tool: check_stock_levels, with: {{sku: x}}, {gate}: true}}"
    )
    (found,) = problems_of(text)
    assert f"`{gate}` has no effect" in found.message


def test_steps_of_two_rules_may_have_one_name_but_not_two_rules() -> None:
    both = GOOD + GOOD.partition("rules:\n")[2].replace("high-errors", "more-errors")
    assert not problems_of({"a.yaml": GOOD, "b.yaml": both})[1:]
    (found,) = problems_of({"a.yaml": GOOD, "b.yaml": GOOD})
    assert (found.file, found.line, found.code) == ("b.yaml", 3, "duplicate-rule")
    assert "in a.yaml, line 3" in found.message


def test_conditions_that_grow_beyond_what_the_engine_holds_are_refused_at_load() -> None:
    doubled = ", ".join(f"n{at}: n{at - 1} + n{at - 1}" for at in range(1, 20))
    text = changed("{ratio: errors / total}", f"{{n0: errors, {doubled}}}").replace("error_count > 10", "n19 > 10")
    (found,) = problems_of(text)
    assert (found.line, found.code) == (6, "conditions")
    assert "let them build on each other less" in found.message
