"""Read what a rule test expects: openings and what holds them back, clears, effects and pages, or nothing at all.

Part of a test file (``cases``); ``verdict`` holds it against what happened. A list that is given must be met exactly:
a test that says which effects there are says that there are no others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dutyd.core.errors import nearest
from dutyd.core.incident import EffectState
from dutyd.core.rule import Rule
from dutyd.evaluate.engine.entities import entity_value
from dutyd.rules.reading.fields import Fields
from dutyd.rules.reading.values import Reader, count, duration, list_of, one_of, plain, text, wrong
from dutyd.rules.rehearsal.paper import Kind
from dutyd.rules.syntax.source import MapNode, Node, Scalar, SourceFile

_NOTHING = "nothing"
_KEYS = ("opens", "clears", "effects", "pages")
_WHERE, _HOW = ("entity", "at"), ("muted", "begun", "held")
_BRAKE = "brake"


@dataclass(frozen=True, slots=True)
class Moment:
    """An opening or a clear that is expected; None: whatever.

    Attributes:
        muted: what held it back, as ``opening.Opening.muted`` says it, one thing or all of them; empty: nothing did.
        begun: when something was first done for it.
        braked: whether a brake was on.

    """

    entity: Mapping[str, str] | None
    at: float | None
    muted: str | None = None
    begun: float | None = None
    braked: bool | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page for many that is expected; None: whatever."""

    kind: str | None
    at: float | None
    members: int | None


@dataclass(frozen=True, slots=True)
class Deed:
    """An effect that is expected: its step, and as much of the rest as the test says."""

    step: str
    tool: str | None
    args: Mapping[str, Any]
    state: EffectState


@dataclass(frozen=True, slots=True)
class Expected:
    """What must happen, and nothing else of its kind; None: the test does not say."""

    opens: tuple[Moment, ...] | None = None
    clears: tuple[Moment, ...] | None = None
    effects: tuple[Deed, ...] | None = None
    pages: tuple[Page, ...] | None = None


def expected_of(rule: Rule | None) -> Reader[Expected]:
    """Make a reader of ``expect``; *rule* is None where it is not known."""

    def read(source: SourceFile, node: Node) -> Expected | None:
        if isinstance(node, Scalar) and node.text == _NOTHING:
            return Expected(opens=(), clears=(), effects=(), pages=())
        if not isinstance(node, MapNode):
            wrong(source, node, f"'{_NOTHING}', or a mapping with {', '.join(_KEYS)}")
            return None
        fields = Fields(source, node, "expectation", _KEYS)
        example = "[{entity: {service: shop}, at: 2m}]"
        return Expected(
            opens=fields.read("opens", list_of(_moment_of(rule, opens=True), example)),
            clears=fields.read("clears", list_of(_moment_of(rule, opens=False), example)),
            effects=fields.read("effects", list_of(_deed_of(rule), "[{step: page}]")),
            pages=fields.read("pages", list_of(_page, "[{kind: storm, members: 25}]")),
        )

    return read


def _moment_of(rule: Rule | None, *, opens: bool) -> Reader[Moment]:
    def read(source: SourceFile, node: Node) -> Moment | None:
        what = "expected opening" if opens else "expected clear"
        fields = Fields(source, node, what, (*_WHERE, *_HOW) if opens else _WHERE)
        entity = fields.read("entity", _plain_map)
        at = fields.read("at", duration)
        for name, key in fields.names_in("entity").items():
            if rule is not None and name not in rule.per:
                message = f"'{name[:60]}' is not in `per` of rule '{rule.id}'{nearest(name, rule.per)}"
                source.report(key, "entity", message, f"an entity is {', '.join(rule.per) or 'the whole rule'}")
        return Moment(
            {name: entity_value(value) or "" for name, value in entity.items()} if entity is not None else None,
            at,
            fields.read("muted", _text_or_no("silence nights, or false")),
            fields.read("begun", duration),
            None if (held := fields.read("held", _text_or_no("brake, or false"))) is None else held == _BRAKE,
        )

    return read


def _text_or_no(example: str) -> Reader[str]:
    """Make a reader of a text, or of ``false``: an empty one."""

    def read(source: SourceFile, node: Node) -> str | None:
        if isinstance(node, Scalar) and node.value is False:
            return ""
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return node.value
        wrong(source, node, f"such as {example}")
        return None

    return read


def _page(source: SourceFile, node: Node) -> Page | None:
    fields = Fields(source, node, "expected page", ("kind", "at", "members"))
    kind = fields.read("kind", one_of(Kind))
    return Page(None if kind is None else kind.value, fields.read("at", duration), fields.read("members", count))


def _deed_of(rule: Rule | None) -> Reader[Deed]:
    def read(source: SourceFile, node: Node) -> Deed | None:
        fields = Fields(source, node, "expected effect", ("step", "tool", "args", "state"), required=("step",))
        step = fields.require("step", text)
        steps = {**rule.steps, **rule.on_clear} if rule else {}
        if rule is not None and step is not None and step not in steps:
            message = f"rule '{rule.id}' has no step '{step[:60]}'{nearest(step, tuple(steps))}"
            source.report(fields.node_of("step") or node, "unknown-step", message)
        tool, args = fields.read("tool", text), fields.read("args", _plain_map, {})
        state = fields.read("state", one_of(EffectState), EffectState.DONE)
        return None if step is None else Deed(step, tool, args, state)

    return read


def _plain_map(source: SourceFile, node: Node) -> dict[str, Any] | None:
    if isinstance(node, MapNode):
        found: dict[str, Any] = plain(node)
        return found
    wrong(source, node, "a mapping of arguments to values")
    return None
