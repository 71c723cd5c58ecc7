"""Cases of the Drools rulebook engine's own tests, written as our rules: the same events match.

Drools matches every event by itself, so each event is an entity of its own here (``per: [number]``), unless the case is
about several events. What the language does not have is named with its reason.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from dutyd.rules.load import load_files
from dutyd.rules.rehearsal.event_files import read_document
from dutyd.rules.rehearsal.rehearse import Rehearsal
from support.needs import DATA, beside
from support.rule_files import TOOLS_ONLY

CASES = DATA / "drools_ansible" / "cases.jsonl"
pytestmark = beside("drools_ansible")


@dataclass(frozen=True, slots=True)
class Translated:
    """Rule id to condition, and what one entity is."""

    rules: Mapping[str, str]
    per: str = "number"


TRANSLATED = {
    "AccumulateWithinTest.testAccumulateWithinThresholdMet": Translated(
        {"r_0": "count(10m, sensu.process.type == 'alert') >= 3"}, per="sensu.host, sensu.process.type"
    ),
    "AlphaTest.testEqualsOn2Fields": Translated({"r_0": "i == j"}),
    "BooleanTest.testProcessRuleWithLiteralBoolean": Translated({"R1": "i == 1 && true"}),
    # An index into a list is none here; the case is about a name that is not there.
    "EventStructureSuggestionTest.events": Translated({"r1": "payload.alerts.lebel.job == 'kube-state-metrics'"}),
    "ListContainsTest.testListContainsWithScientificNotation": Translated({"contains_rule_int": "1021 in id_list"}),
    "LogicalOperatorsTest.testOrWithAnd": Translated(
        {"Test-and-or-operator-simple": "(myint == 73 || mystring == 'world') && mystring == 'hello'"}
    ),
    # An object is its members here, so what is defined is one of them.
    "ProcessEventTest.isDefinedIsNotDefinedInAllExpression": Translated(
        {"r1": "has(meta.headers.age) && !has(meta.headers.token)"}
    ),
    "SimpleJsonTest.testProcessRules": Translated(
        {**{f"R{i}": f"sensu.data.i == {i}" for i in (1, 2, 3)}, "R4": "j == 1"}
    ),
    "TypeMismatchTest.mapAndString": Translated(
        {"r1": "meta.headers == 'Hello Testing World'", "r2": "meta.headers != 'Hello Testing World'"}
    ),
}
NOT_IN_THE_LANGUAGE = {
    "ArrayAccessWithoutIndexTest.testSelectAttrForArrayInArrayInArray": "members of objects in lists can't be asked",
    "SelectAttrTest.testSelectAttrIncompatibleTypes": "members of objects in lists can't be asked",
    "AssignmentTest.testAssignmentReferenceListContainsItemExpressionLHS": (
        "a condition reads one event, windows and the event before: values of two events are not joined"
    ),
}


def cases() -> dict[str, dict[str, Any]]:
    if not CASES.exists():
        return {}
    return {case["id"]: case for case in map(json.loads, CASES.read_text(encoding="utf-8").splitlines())}


def test_every_case_is_translated_or_has_a_reason_why_not() -> None:
    assert cases().keys() == TRANSLATED.keys() | NOT_IN_THE_LANGUAGE.keys()


def rehearsal_of(translated: Translated) -> Rehearsal:
    rules = "".join(
        f"  - {{id: {name}, from: events, per: [{translated.per}], when: {json.dumps(when)},"
        " steps: {page: {tool: send_alert, with: {severity: info, summary: x}}}}\n"
        for name, when in translated.rules.items()
    )
    return Rehearsal(load_files({"r.yaml": f"language: 1\nrules:\n{rules}"}, TOOLS_ONLY).rules.values(), TOOLS_ONLY)


@pytest.mark.parametrize("name", TRANSLATED)
def test_the_same_events_match(name: str) -> None:
    rehearsal, number = rehearsal_of(TRANSLATED[name]), 0
    matched: list[str] = []
    for step in cases()[name]["steps"]:
        if step["op"] == "expect_matches":
            assert len(matched) == step["n"], f"after event {number}: {matched}"
        elif step["op"] == "expect_rule":
            assert matched[step["index"]] == step["name"].replace(" ", "-")
        else:
            before = len(rehearsal.openings)
            for event in step["event"].get("events", [step["event"]]):
                number += 1
                timed = {**event, "number": number, "time": 1_767_225_600 + number}
                rehearsal.judge("events", read_document(json.dumps(timed).encode()))
            rehearsal.work()
            matched = [opening.rule for opening in rehearsal.openings[before:]]
