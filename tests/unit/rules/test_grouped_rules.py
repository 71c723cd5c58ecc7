"""Rules whose openings are worked as one: what their files may say, and what is told of the members."""

import pytest

from dutyd.act.grouping import MOST_BYTES, gathering_of, with_members
from dutyd.core.incident import Evidence, Trigger, TriggerKind, incident_id
from support.rule_files import TOOLS_ONLY, assert_one_problem, changed, only_rule

RULES = """\
language: 1
rules:
  - id: low-stock
    from: stock
    per: [sku]
    let: {missing: wanted - level}
    when: level < 10
    group: {by: [supplier], wait: 5m, at_most: 50, member: {sku: "{{ sku }}", quantity: "{{ missing }}"}}
    summary: "{{ supplier }}: {{ group.size }}"
    steps:
      ticket: {tool: create_ticket, with: {project: BUY, kind: order, title: "{{ supplier }}", body: "{{ evidence }}"}}
"""


def low(sku: str, missing: float | None = 7.0, **fields: object) -> Trigger:
    fields = {"sku": sku, "supplier": "acme", "level": 3, **fields}
    return Trigger(
        incident=incident_id("low-stock", (sku,), sku),
        kind=TriggerKind.OPENED,
        rule="low-stock",
        digest="d",
        entity={"sku": sku},
        occurrence=sku,
        opened=1.0,
        decided=1.0,
        evidence=Evidence(
            id=sku, source="s", time=1.0, fields=fields, let={} if missing is None else {"missing": missing}
        ),
    )


MISTAKES = [
    ("at_most: 50", "at_most: 1", "8:48", "out-of-range", "2 to 100 members, found 1"),
    ("at_most: 50", "at_most: 101", "8:48", "out-of-range", "more open the next group"),
    ("wait: 5m", "wait: 5", "8:35", "duration", "a number with its unit"),
    ("{{ missing }}", "{{ count(5m) }}", "8:93", "expression", "windows and prev can't be used here"),
    ("    when:", "    again: {every: 1d}\n    when:", "9:5", "group", "the steps of a group run once"),
    ('title: "{{ supplier }}"', 'title: "{{ sku }}"', "11:82", "expression", "there is no 'sku' here"),
    ('title: "{{ supplier }}"', 'title: "{{ missing }}"', "11:82", "expression", "there is no 'missing' here"),
    ("group.size", "group.sise", "9:34", "expression", "did you mean 'size'?"),
]


@pytest.mark.parametrize(("old", "new", "place", "code", "words"), MISTAKES)
def test_a_mistake_is_one_message_at_its_place(old: str, new: str, place: str, code: str, words: str) -> None:
    assert_one_problem(changed(old, new, RULES), place, code, words, TOOLS_ONLY)


def test_a_group_tells_what_the_rule_says_of_each_member_and_leaves_out_what_is_unknown() -> None:
    grouped = only_rule(RULES)
    assert grouped.group is not None
    gathering = gathering_of(grouped, grouped.group, low("a"))
    assert gathering.trigger.entity == {"supplier": "acme"}
    trigger = with_members(grouped, grouped.group, gathering.trigger, [low("a"), low("b", None)])
    said = trigger.evidence.let["group"]
    assert said == {"supplier": "acme", "members": [{"sku": "a", "quantity": 7}, {"sku": "b"}], "size": 2}
    assert trigger.evidence.fields == {"supplier": "acme"}


def test_without_words_of_the_rule_a_member_is_its_entity_and_what_the_rule_names() -> None:
    grouped = only_rule(RULES.replace(', member: {sku: "{{ sku }}", quantity: "{{ missing }}"}', ""))
    assert grouped.group is not None
    trigger = with_members(
        grouped, grouped.group, gathering_of(grouped, grouped.group, low("a")).trigger, [low("a", secret="x")]
    )
    (member,) = trigger.evidence.let["group"]["members"]
    assert member == {"sku": "a", "level": 3, "supplier": "acme", "missing": 7.0}


def test_values_that_are_one_entity_are_one_group_and_a_missing_one_is_alone() -> None:
    grouped = only_rule(RULES)
    assert grouped.group is not None
    names = [
        gathering_of(grouped, grouped.group, low(sku, supplier=supplier)).name
        for sku, supplier in (("a", 12), ("b", "12"), ("c", 13), ("d", None), ("e", None))
    ]
    assert names[0] == names[1]
    assert len(set(names)) == 4
    assert gathering_of(grouped, grouped.group, low("d", supplier=None)).at_most == 1


def test_what_is_told_of_many_talkative_members_fits_into_one_record() -> None:
    grouped = only_rule(RULES.replace('sku: "{{ sku }}"', 'sku: "{{ text }}"'))
    assert grouped.group is not None
    members = [low(f"s{number}", text="x" * 100_000) for number in range(100)]
    trigger = with_members(grouped, grouped.group, gathering_of(grouped, grouped.group, members[0]).trigger, members)
    assert trigger.evidence.cut
    assert len(str(trigger.evidence.let)) < MOST_BYTES
    assert trigger.evidence.let["group"]["size"] == 100
