"""Rules with a sequence: how they are read, what is wrong with them, how they are tested and explained."""

from pathlib import Path

import pytest

from dutyd.core.event import Event
from dutyd.core.rule import Rule
from dutyd.core.topic import Topic
from dutyd.rules.known import Known
from dutyd.rules.lints.seen_fields import Seen, never_seen
from dutyd.rules.rehearsal.explaining import explain_rule
from support.rule_files import CATALOGUE, assert_one_problem, changed, only_rule, problems_of
from support.rule_tests import verdicts_of

RULE = """\
language: 1
rules:
  - id: errors-after-deploy
    from: metrics
    per: [service]
    sequence:
      - {name: deploy, from: deploys, where: state == "done"}
      - {name: errors, where: error_count > 10 && version == items.deploy.version}
    within: 10m
    unless: {from: deploys, where: state == "rolled back"}
    let: {who: items.deploy.by}
    expire: 1h
    mode: act
    summary: "{{ service }}: {{ error_count }} errors after {{ items.deploy.version }} of {{ who }}"
    steps:
      page: {tool: send_alert, with: {severity: critical, summary: "{{ summary }}"}}
"""
KNOWN = Known(
    CATALOGUE,
    topics={
        "metrics": Topic(alias="metrics", topic="m", partitioned_by=("service",)),
        "deploys": Topic(alias="deploys", topic="d", partitioned_by=("service",)),
        "single": Topic(alias="single", topic="s", partitions=1),
    },
)


def test_a_sequence_is_read() -> None:
    rule = only_rule(RULE, KNOWN)
    assert rule.sequence is not None
    assert [(item.name, item.topic) for item in rule.sequence.items] == [("deploy", "deploys"), ("errors", "metrics")]
    assert (rule.sequence.within, set(rule.topics), rule.momentary) == (600.0, {"metrics", "deploys"}, False)
    assert rule.reads_fields == {
        "service",
        "error_count",
        "items.deploy.by",
        "items.deploy.state",
        "items.deploy.version",
        "items.errors.error_count",
        "items.errors.version",
    }


MISTAKES = [
    ("    within: 10m\n", "", "3:5", "missing-key", "such as within: 10m"),
    ("within: 10m", "within: 0s", "9:13", "out-of-range", "longer than 0s"),
    ("    expire: 1h\n", "    expire: 1h\n    when: x > 1\n", "13:5", "sequence", "has no `when`"),
    ("    expire: 1h\n", "    expire: 1h\n    for: 1m\n", "13:5", "sequence", "has no `for`"),
    ("    expire: 1h\n", "    again: {every: 1h}\n", "12:5", "sequence", "ends as soon as its steps are done"),
    ("    expire: 1h\n", "    clear: error_count < 2\n", "12:5", "sequence", "over several topics has no `clear`"),
    ("    expire: 1h\n", "    silent: {after: 1h, then: end}\n", "12:5", "sequence", "topics has no `silent`"),
    ('from: deploys, where: state == "done"', "from: deplois", "7:30", "unknown-topic", "did you mean 'deploys'?"),
    ('from: deploys, where: state == "done"', "from: single", "7:24", "not-partitioned", "is not spread"),
    ("name: errors, where", "name: errors, from: deploys, where", "8:24", "sequence", "of the rule's own topic"),
    ("items.deploy.version}", "items.deplox.version}", "8:62", "expression", "did you mean 'deploy"),
    ("items.deploy.version}", "items.errors.version}", "8:62", "expression", "there is no 'items.errors'"),
    ("{{ who }}", "{{ items.other.by }}", "14:94", "expression", "there is no 'items.other'"),
    ("items.deploy.by", "count(5m)", "11:10", "sequence", "no windows"),
    ('state == "done"', 'prev(state) == "done"', "7:46", "expression", "no prev"),
    ('state == "rolled back"', "state = 1", "10:42", "expression", "=="),
]


@pytest.mark.parametrize(
    ("old", "new", "place", "code", "words"), MISTAKES, ids=[each[3] + each[4] for each in MISTAKES]
)
def test_each_mistake_is_told_at_its_place(old: str, new: str, place: str, code: str, words: str) -> None:
    assert_one_problem(changed(old, new, RULE), place, code, words, KNOWN)


NAMES = [
    ("name: deploy,", "nmae: deploy,", "7:10", "unknown-key", "did you mean 'name'?"),
    ("name: deploy,", "name: errors,", "8:9", "duplicate-item", "already"),
    ("name: deploy,", "name: a b,", "7:16", "item-name", "no name for an item"),
]


@pytest.mark.parametrize(("old", "new", "place", "code", "words"), NAMES)
def test_a_wrong_name_of_an_item_is_told_before_what_follows_from_it(
    old: str, new: str, place: str, code: str, words: str
) -> None:
    (first, *rest) = problems_of(changed(old, new, RULE), KNOWN)
    assert (f"{first.line}:{first.column}", first.code) == (place, code)
    assert words in f"{first.message}; {first.hint}"
    assert {each.code for each in rest} == {"expression"}


def test_topics_that_would_have_to_go_by_key_can_not_be_put_together() -> None:
    by_host = {name: Topic(alias=name, topic=name, partitioned_by=("host",), rekey=True) for name in KNOWN.topics or ()}
    found = problems_of(RULE, Known(CATALOGUE, topics=by_host))
    assert ["can't go by key" in each.message for each in found] == [True, True]
    assert {(each.code, each.hint) for each in found} == {("not-partitioned", "add host to `per`")}
    alone = RULE.replace("from: deploys, ", "")
    assert only_rule(alone, Known(CATALOGUE, topics=by_host)).topics == {"metrics"}


def test_one_item_is_no_sequence() -> None:
    text = RULE.replace('      - {name: deploy, from: deploys, where: state == "done"}\n', "")
    assert "one event alone is `when`" in [each.hint for each in problems_of(text, KNOWN)]


TESTS = """\
language: 1
rule: errors-after-deploy
tests:
  - name: errors of what was deployed
    events:
      - {at: 0s, from: deploys, fields: {service: shop, state: done, version: v7, by: ana}}
      - {at: 5m, fields: {service: shop, error_count: 20, version: v7}}
    until: 2h
    expect:
      opens: [{entity: {service: shop}, at: 5m}]
      clears: [{at: 65m}]
      effects: [{step: page, args: {summary: "shop: 20 errors after v7 of ana"}}]
  - name: rolled back
    events:
      - {at: 0s, from: deploys, fields: {service: shop, state: done, version: v7}}
      - {at: 1m, from: deploys, fields: {service: shop, state: rolled back}}
      - {at: 5m, fields: {service: shop, error_count: 20, version: v7}}
    expect: nothing
"""


def test_rule_tests_give_events_of_every_topic(tmp_path: Path) -> None:
    assert [verdict.differences for verdict in verdicts_of(tmp_path, RULE, TESTS)] == [(), ()]


def test_a_test_that_fails_says_what_the_sequence_waits_for(tmp_path: Path) -> None:
    wrong = TESTS.replace("error_count: 20, version: v7", "error_count: 20, version: v8", 1)
    verdict, _ = verdicts_of(tmp_path, RULE, wrong)
    assert verdict.differences
    assert any(
        "item errors: error_count > 10 && version == items.deploy.version = false" in each for each in verdict.explained
    )


def event(at: float, **fields: object) -> Event:
    return Event(str(at), "test", at, at, int(at), {"service": "shop", **fields})


DEPLOY = event(1.0, state="done", version="v7")
ERRORS = event(2.0, error_count=20, version="v7")
BACK = event(1.5, state="rolled back")


@pytest.mark.parametrize(
    ("events", "topics", "words"),
    [
        ([DEPLOY], ["deploys"], "it is item 1 of 2, 'deploy': 'errors' must follow by 1970-01-01T00:10:01Z"),
        ([DEPLOY, ERRORS], ["deploys", "metrics"], "it opens an incident: the sequence is whole"),
        ([ERRORS], ["metrics"], "it opens nothing: it is 'errors', and 'deploy' was not before it within 10m"),
        ([DEPLOY, BACK], ["deploys", "deploys"], "it breaks the sequence that began at 1970-01-01T00:00:01Z"),
        ([DEPLOY, event(3.0, x=1)], ["deploys", "metrics"], "it is no item of the sequence"),
    ],
)
def test_explain_says_which_item_an_event_is(events: list[Event], topics: list[str], words: str) -> None:
    rule: Rule = only_rule(RULE)
    assert words in explain_rule(rule, events, topics).verdict


def test_fields_are_looked_for_in_the_events_of_their_own_topic() -> None:
    rule = only_rule(RULE)
    seen = Seen()
    seen.add([event(1.0, state="done", version="v7", bye="ana")])
    (found,) = never_seen([rule], "deploys", seen)
    assert "has a field 'by'" in found.message
