"""Read rule tests: ``rules/tests/*.yaml``, each a list of events and of what the rule must make of them.

``testing`` runs what comes out. A file says which rule it tests, or each test does; times are written from the
beginning of the test (``at: 90s``, ``at: 0s .. 3m every 30s``), so that a test never depends on a clock.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dutyd.core.duration import parse_duration
from dutyd.core.errors import BadInputError, nearest
from dutyd.core.place import Place
from dutyd.core.rule import Rule
from dutyd.evaluate.engine.entities import entity_value
from dutyd.rules.reading.fields import Fields, entries
from dutyd.rules.reading.values import Reader, duration, list_of, plain, text, wrong
from dutyd.rules.rehearsal.paper_means import Decisions
from dutyd.rules.syntax.source import ListNode, MapNode, Node, Scalar, SourceFile
from dutyd.rules.syntax.yaml_reader import read_yaml
from dutyd.rules.testing.expectations import Expected, expected_of
from dutyd.stream.formats.times import Times

_SPAN = re.compile(r"(\S+)(?:\s*\.\.\s*(\S+)\s+every\s+(\S+))?")
_MOST_EVENTS = 100_000
_FILE_KEYS = ("language", "rule", "tests")
_CASE_KEYS = ("name", "rule", "begin", "silences", "events", "until", "model", "results", "expect")

BEGIN = 1_767_225_600.0
"""The event time of ``0s`` where a test says nothing: the first of January 2026, 00:00 UTC."""

_DOWN, _HOSTILE = "down", "hostile"

_WORST: Decisions = {}
"""Stands for the hostile model while a test is read."""


@dataclass(frozen=True, slots=True)
class Given:
    """One event of a test.

    Attributes:
        at: seconds from the beginning.
        id: where the test gives one.
        topic: the alias of its topic; None: the rule's own.

    """

    at: float
    fields: Mapping[str, Any]
    id: str | None = None
    topic: str | None = None


@dataclass(frozen=True, slots=True)
class GivenSilence:
    """A silence that somebody makes in a test: from *at*, seconds from its beginning, for as long as it *lasts*."""

    id: str
    at: float
    lasts: float
    rule: str
    match: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test.

    Attributes:
        begin: the event time of ``0s``, seconds since the epoch.
        silences: those that are made in it; those of the rule files are there, too.
        until: seconds from the beginning up to which time goes on behind the last event.
        model: step to the arguments that the model decides; None: the model is down.
        hostile: whether the model does its worst instead.
        results: step to what its call gives, for reading tools and for ids.

    """

    name: str
    rule: str
    events: tuple[Given, ...]
    expected: Expected
    place: Place
    begin: float = BEGIN
    silences: tuple[GivenSilence, ...] = ()
    until: float | None = None
    model: Decisions | None = None
    hostile: bool = False
    results: Decisions = field(default_factory=dict)


def read_cases(source: SourceFile, rules: Mapping[str, Rule]) -> tuple[Case, ...]:
    """Return the tests in *source*; what is wrong is reported there."""
    root = read_yaml(source)
    if root is None:
        return ()
    fields = Fields(source, root, "test file", _FILE_KEYS, required=("tests",))
    fields.require("language", _language, "begin the file with 'language: 1'")
    usual = fields.read("rule", _rule_of(rules), "") if fields.written("rule") else None
    nodes = fields.require("tests", _nodes) or ()
    cases = [_case(source, node, rules, usual) for node in nodes]
    return tuple(case for case in cases if case is not None)


def _language(source: SourceFile, node: Node) -> int | None:
    if isinstance(node, Scalar) and node.value == 1 and not isinstance(node.value, bool):
        return 1
    wrong(source, node, "1, the only version", "write 'language: 1'")
    return None


def _nodes(source: SourceFile, node: Node) -> tuple[Node, ...] | None:
    if isinstance(node, ListNode) and node.items:
        return node.items
    wrong(source, node, "a list of tests", "begin each test with '- name: ...'")
    return None


def _rule_of(rules: Mapping[str, Rule]) -> Reader[str]:
    def read(source: SourceFile, node: Node) -> str | None:
        name = text(source, node)
        if name is None or name in rules:
            return name
        source.report(node, "unknown-rule", f"there is no rule '{name[:60]}'{nearest(name, tuple(rules))}")
        return None

    return read


def _case(source: SourceFile, node: Node, rules: Mapping[str, Rule], usual: str | None) -> Case | None:
    """Read one test; *usual* is the rule that the file names: empty where it is wrong, None where there is none."""
    fields = Fields(source, node, "test", _CASE_KEYS, required=("name", "events", "expect"))
    if not fields.readable:
        return None
    name = fields.require("name", text)
    rule_id = fields.read("rule", _rule_of(rules), "") if fields.written("rule") else usual
    if rule_id is None:
        source.report(node, "missing-key", "which rule is tested?", "write 'rule: ID' here, or once for the file")
    rule = rules.get(rule_id or "")
    scheduled = rule is not None and rule.schedule is not None
    read_events = _events_of(rule, rules)
    begin = fields.read("begin", _instant, BEGIN)
    silences = fields.read("silences", list_of(_silence_of(rules), "[{at: 0s, lasts: 1h}]"), ())
    events = fields.read("events", read_events, ()) if scheduled else fields.require("events", read_events)
    expected = fields.require("expect", expected_of(rule), "say what must happen, or 'expect: nothing'")
    until, model = fields.read("until", duration), fields.read("model", _model_of(rule))
    results = fields.read("results", _by_step(rule, clearing=True), {})
    if name is None or rule is None or events is None or expected is None:
        return None
    return Case(
        name=name,
        rule=rule.id,
        events=events,
        expected=expected,
        begin=begin,
        silences=silences,
        until=until,
        model=None if model is _WORST else model,
        hostile=model is _WORST,
        results=results,
        place=source.place(node.start),
    )


def _instant(source: SourceFile, node: Node) -> float | None:
    """Read a time such as ``2026-03-02T09:00:00Z``."""
    try:
        return Times().read(node.text if isinstance(node, Scalar) else None)
    except BadInputError:
        wrong(source, node, "a time such as 2026-03-02T09:00:00Z")
        return None


def _silence_of(rules: Mapping[str, Rule]) -> Reader[GivenSilence]:
    """Make a reader of a silence that somebody makes."""

    def read(source: SourceFile, node: Node) -> GivenSilence | None:
        fields = Fields(source, node, "silence", ("id", "at", "lasts", "rule", "match"), required=("lasts",))
        lasts = fields.require("lasts", duration, "say how long it lasts, such as 2h")
        match = fields.read("match", _flat, {})
        found = GivenSilence(
            id=fields.read("id", text, "by-hand"),
            at=fields.read("at", duration, 0.0),
            lasts=lasts or 0.0,
            rule=fields.read("rule", _rule_of(rules), ""),
            match={name: entity_value(value) or "" for name, value in match.items()},
        )
        return None if lasts is None else found

    return read


def _events_of(rule: Rule | None, rules: Mapping[str, Rule]) -> Reader[tuple[Given, ...]]:
    """Make a reader of the events of a test of *rule*: of what it reads, and what the rules read that inhibit it."""
    topics = None if rule is None else rule.topics
    if rule is not None and rule.inhibit is not None and topics is not None:
        topics = topics.union(*(rules[name].topics for name in rule.inhibit.by if name in rules))

    def read(source: SourceFile, node: Node) -> tuple[Given, ...] | None:
        return _events(source, node, topics)

    return read


def _events(source: SourceFile, node: Node, topics: frozenset[str] | None) -> tuple[Given, ...] | None:
    if not isinstance(node, ListNode) or not node.items:
        wrong(source, node, "a list of events", "begin each event with '- at: 0s'")
        return None
    found = [event for item in node.items for event in _event(source, item, topics)]
    if len(found) > _MOST_EVENTS:
        source.report(node, "too-large", f"a test has at most {_MOST_EVENTS:,} events, found {len(found):,}")
        return None
    return tuple(sorted(found, key=lambda event: event.at))


def _event(source: SourceFile, node: Node, topics: frozenset[str] | None) -> tuple[Given, ...]:
    """Read one event, or several at different times; *topics*: those that the rule reads, None where it is wrong."""
    fields = Fields(source, node, "event", ("at", "id", "from", "fields"), required=("at", "fields"))
    times = fields.require("at", _times) or ()
    id_ = fields.read("id", text)
    topic = fields.read("from", text)
    if topic is not None and topics is not None and topic not in topics:
        message = f"the rule does not read topic '{topic[:60]}'{nearest(topic, tuple(topics))}"
        source.report(fields.node_of("from") or node, "unknown-topic", message, f"it reads {', '.join(sorted(topics))}")
    values = fields.require("fields", _flat) or {}
    return tuple(Given(at, values, id_, topic) for at in times)


def _times(source: SourceFile, node: Node) -> tuple[float, ...] | None:
    """Read ``90s`` or ``0s .. 3m every 30s`` (both ends included)."""
    match = _SPAN.fullmatch(node.text.strip()) if isinstance(node, Scalar) else None
    if match is None:
        wrong(source, node, "a time such as 90s, or 0s .. 3m every 30s")
        return None
    try:
        first, last, step = (parse_duration(part) if part else None for part in match.groups())
    except ValueError as error:
        source.report(node, "duration", str(error))
        return None
    if first is None or last is None or step is None:
        return (first or 0.0,)
    if last < first or step <= 0 or (last - first) / step > _MOST_EVENTS:
        source.report(node, "out-of-range", f"'{match[0]}' is no span of at most {_MOST_EVENTS:,} times")
        return None
    return tuple(first + number * step for number in range(int((last - first) / step + 1e-9) + 1))


def _flat(source: SourceFile, node: Node) -> dict[str, Any] | None:
    """Read the fields of an event; inner mappings by dots, as flat JSON is decoded."""
    if not isinstance(node, MapNode):
        wrong(source, node, "a mapping of fields to values")
        return None
    found: dict[str, Any] = {}
    for key, value in node.pairs:
        if isinstance(value, MapNode):
            found |= {f"{key.text}.{name}": inner for name, inner in (_flat(source, value) or {}).items()}
        else:
            found[key.text] = plain(value)
    return found


def _by_step(rule: Rule | None, *, clearing: bool = False) -> Reader[Decisions]:
    """Make a reader of a mapping of the rule's steps to mappings of values."""

    def read(source: SourceFile, node: Node) -> Decisions:
        steps = {**rule.steps, **(rule.on_clear if clearing else {})} if rule else {}
        found: dict[str, Mapping[str, Any]] = {}
        for name, value in entries(source, node, "a mapping of steps to values"):
            if rule is not None and name.text not in steps:
                message = f"rule '{rule.id}' has no step '{name.text[:60]}'{nearest(name.text, tuple(steps))}"
                source.report(name, "unknown-step", message)
            elif isinstance(value, MapNode):
                found[name.text] = plain(value)
            else:
                wrong(source, value, "a mapping of names to values")
        return found

    return read


def _model_of(rule: Rule | None) -> Reader[Decisions]:
    """Make a reader of ``model``: *down*, *hostile*, or what it decides for each step."""

    def read(source: SourceFile, node: Node) -> Decisions | None:
        if isinstance(node, Scalar) and node.text in (_DOWN, _HOSTILE):
            return None if node.text == _DOWN else _WORST
        if not isinstance(node, MapNode):
            wrong(source, node, "down, hostile, or a mapping of steps to what the model decides")
            return None
        decided = _by_step(rule)(source, node)
        for name, _ in node.pairs:
            if rule is not None and name.text in rule.steps and not rule.steps[name.text].decide:
                message = f"step '{name.text}' leaves nothing to the model"
                source.report(name, "decide", message, "name a step that has `decide`")
        return decided

    return read
