"""The schema for editors and the loader, held against each other: what one takes the other takes.

The schema can't read expressions, tools' values or what depends on other keys; but where the loader says that something
is of the wrong kind, missing or unknown, so does the schema.
"""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from dutyd.rules import load
from dutyd.rules.load import RuleErrors, load_files
from dutyd.rules.reading import agent_reader, rule_reader, step_reader
from dutyd.rules.schema import rule_schema
from support.pages import blocks
from support.rule_files import CATALOGUE, GOOD, TOOLS_ONLY

ROOT = Path(__file__).parents[3]
SCHEMA = rule_schema(CATALOGUE)
VALIDATOR = Draft202012Validator(SCHEMA)
KINDS = frozenset(
    ("unknown-key", "wrong-type", "missing-key", "unknown-value", "duration", "unknown-tool", "step-name")
)
"""Codes of mistakes that a schema can see."""

STOCK = """\
language: 1
rules:
  - id: low-stock
    from: stock
    per: [sku]
    let: {position: level + on_order}
    when: position < 10
    agent: {goal: Decide., reads: [predict_demand], budget: {turns: 3, seconds: 9.5, tokens: 90, usd: 0.1}}
    steps:
      forecast: {tool: predict_demand, with: {sku: x, days: 28}, on_error: continue, retry: {attempts: 2, backoff: 5s}}
      order:
        needs: [forecast]
        tool: draft_purchase_order
        with: {sku: x, supplier: y, unit_price: 2.50 EUR}
        decide: {quantity: {integer: {min: 1, max: "{{ 2 * level }}", multiple_of: 2}}}
        refuse_if: quantity > 500
        approval_if: false
        if_unsure: skip
        fallback: {quantity: 10}
  - id: disks
    from: metrics
    when: used > 95
    group: {by: [rack], wait: 5m, at_most: 40, member: {disk: "{{ disk }}"}}
    steps:
      page: {tool: send_alert, with: {severity: info, summary: "{{ rack }}: {{ group.size }}"}}
      told: {each: [ana, bob], tool: notify, with: {to: "{{ item }}", text: "{{ rack }}"}}
      each_disk: {each: "{{ group.members }}", tool: notify, with: {to: ana, text: "{{ item.disk }}"}}
  - id: nightly
    schedule: "0 6 * * 1-5"
    timezone: Europe/Berlin
    missed: 1h
    steps: {page: {tool: send_alert, with: {severity: info, summary: x}}}
silences:
  - {id: night, at: "0 22 * * *", lasts: 8h, rule: low-stock, match: {sku: a}, because: nobody is there}
"""


def plain(text: str) -> Any:
    return json.loads(json.dumps(YAML(typ="safe", pure=True).load(text)))


GOOD_FILES = [plain(GOOD), plain(STOCK)]


TABLES = {f"tables/{path.name}": path.read_text() for path in sorted((ROOT / "rules" / "tables").glob("*.csv"))}


def right_files() -> Iterator[Any]:
    for path in sorted((ROOT / "rules").glob("*.yaml")):
        yield pytest.param(path.read_text(), id=path.name)
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for block in blocks(page):
            if block.text.startswith("language: 1\nrules:"):
                yield pytest.param(block.text, id=f"{page.name}:{block.line}")


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("text", [GOOD, STOCK, *right_files()])
def test_a_file_that_the_loader_takes_is_valid(text: str) -> None:
    load_files({"r.yaml": text, **TABLES}, TOOLS_ONLY)
    assert not [error.message for error in VALIDATOR.iter_errors(plain(text))]


def test_every_key_of_the_loader_is_described() -> None:
    rule = SCHEMA["properties"]["rules"]["items"]["properties"]
    step = rule["steps"]["additionalProperties"]["properties"]
    for described, keys in (
        (SCHEMA["properties"], load.KEYS),
        (rule, rule_reader.KEYS),
        (step, step_reader.KEYS),
        (rule["agent"]["properties"], agent_reader.KEYS),
    ):
        assert [key for key in keys if not described.get(key)] == []


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


PLACES = [(number, path) for number, file in enumerate(GOOD_FILES) for path in places(file) if path]
values: st.SearchStrategy[Any] = st.sampled_from(
    [7, 1.5, True, None, "x", "2m", "high-errors", [], ["a"], {}, {"a": 1}, [[]], "{{ level }}"]
)


def changed(at: tuple[int, tuple[Any, ...]], how: str, value: Any) -> Any:
    number, (*path, last) = at
    file = copy.deepcopy(GOOD_FILES[number])
    inside = file
    for key in path:
        inside = inside[key]
    if how == "delete":
        del inside[last]
    elif how == "rename" and isinstance(inside, dict):
        inside[f"{last}_x"] = inside.pop(last)
    else:
        inside[last] = value
    return file


@settings(max_examples=150)
@given(st.sampled_from(PLACES), st.sampled_from(["delete", "rename", "replace", "replace"]), values)
def test_what_is_of_the_wrong_kind_is_invalid_and_what_is_right_valid(
    at: tuple[int, tuple[Any, ...]], how: str, value: Any
) -> None:
    file = changed(at, how, value)
    errors = [error.message for error in VALIDATOR.iter_errors(file)]
    try:
        load_files({"r.yaml": json.dumps(file)}, TOOLS_ONLY)
    except RuleErrors as wrong:
        kinds = [problem.render() for problem in wrong.problems if problem.code in KINDS]
        assert errors or not kinds, f"valid, and the loader says: {kinds}"
    else:
        assert not errors, f"the loader takes it: {errors}"
