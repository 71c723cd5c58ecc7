"""The JSON Schema of rule files, for editors: ``dutyd rules schema``.

An editor that knows it completes keys, tools and arguments, and underlines what is of the wrong kind while somebody
types; ``rules check`` stays the judge, because a schema can't read expressions. Which keys there are the readers say,
so that a key that they learn is never refused here; a test holds both against each other.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from dutyd.core.duration import UNIT_SECONDS
from dutyd.core.rule import Mode, Severity
from dutyd.core.tool import Catalogue, Tool
from dutyd.ledger.members import LISTED
from dutyd.rules import load
from dutyd.rules.reading import agent_reader, rule_reader, sequence_reader, step_reader
from dutyd.rules.reading.tool_args import required

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_DURATION: Final = rf"[0-9]+(\.[0-9]+)?\s*({'|'.join(UNIT_SECONDS)})"
_FIELD: Final = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$"
_STEP: Final = rf"^{step_reader.STEP_NAME.pattern}$"


def rule_schema(catalogue: Catalogue) -> Schema:
    """Return the schema of a rule file, with the tools of *catalogue*."""
    file = {
        "language": {"const": 1, "description": "the version of the rule language"},
        "rules": _list(_rule(catalogue), "the rules of this file"),
        "silences": _list(_silence(), "silences that come again by the clock"),
    }
    return {
        "$schema": DIALECT,
        "title": "dutyd rule file",
        **_object(_known(file, load.KEYS), ("language", "rules")),
    }


def _rule(catalogue: Catalogue) -> Schema:
    steps = _steps(catalogue, tuple(tool.name for tool in catalogue.values()))
    keys = {
        "id": _text("never changes: what was done is remembered under it", rf"^{rule_reader.RULE_ID.pattern}$"),
        "from": _text("the alias of a topic in the settings"),
        "schedule": _text("when it is due: five fields of a cron expression"),
        "timezone": _text("the zone of `schedule`, such as Europe/Berlin"),
        "missed": _duration("how late a run may still be made up for"),
        **_sequence(),
        "where": _expression("which events it sees"),
        "per": _names("the fields whose values make the entity", _FIELD),
        "let": _map(_expression("a name for an expression"), "names for expressions, computed from top to bottom"),
        "when": _expression("opens an incident when it becomes true"),
        "for": _duration("how long `when` must be true first"),
        "clear": _expression("closes the incident; default: when `when` is false"),
        **_episode(),
        "severity": _choice(Severity, "how bad it is"),
        "mode": _choice(Mode, "how far it may go"),
        "throttle": _object({"per_entity": _rates(), "per_rule": _rates()}, (), "how many incidents may open"),
        "inhibit": _inhibit(),
        "group": _group(),
        "summary": _text("one line for people, with {{ }}"),
        "agent": _agent(catalogue),
        "steps": {**steps, "minProperties": 1, "description": "what is done"},
        "on_clear": {**steps, "description": "what is done when it clears; no model takes part"},
    }
    rule = _object(_known(keys, rule_reader.KEYS), ("id", "steps"))
    return rule | {
        "anyOf": [
            {"required": ["schedule"]},
            {"required": ["from", "when"]},
            {"required": ["from", "opens"]},
            {"required": ["from", "sequence", "within"]},
        ]
    }


def _inhibit() -> Schema:
    keys = {
        "by": _names("rules whose open incidents mute this one"),
        "equal": _names("fields of both rules' `per` that must have the same values"),
        "group_wait": _duration("how long an opening waits for an explanation"),
    }
    return _object(keys, ("by",))


def _sequence() -> Mapping[str, Schema]:
    """Return the keys of a rule that opens when one thing after the other happened."""
    of = {"from": _text("the topic that tells of it; default: the rule's"), "where": _expression("which events are it")}
    name = _text("by which steps read it: items.NAME.FIELD", rf"^{sequence_reader.NAME.pattern}$")
    item = _object(_known({"name": name, **of}, sequence_reader.ITEM_KEYS), ("name",))
    return {
        "sequence": {**_list(item, "what must happen, in order"), "minItems": 2, "maxItems": 10},
        "within": _duration("from the first item to the last"),
        "unless": _object(_known(of, sequence_reader.GUARD_KEYS), ("where",), "events that break the sequence"),
    }


def _episode() -> Mapping[str, Schema]:
    """Return the keys of an incident's life."""
    return {
        "opens": {"enum": ["on_change", "each_event"], "description": "what opens: a change, or each event"},
        "keep_firing_for": _duration("how long it stays open after it would clear"),
        "again": _object(
            {"every": _duration("how often"), "at_most": _count("how many rounds")}, ("every",), "still true: act again"
        ),
        "silent": _object(
            {"after": _duration("without an event"), "then": {"enum": ["end", "keep"]}},
            ("after", "then"),
            "what becomes of an incident whose entity says nothing any more",
        ),
        "brake": _object(
            {"openings": _count("how many are still right"), "within": _duration("in how long a time")},
            ("openings", "within"),
            "over it, new incidents wait for approval until `dutyd rules release`",
        ),
        "expire": _duration("how long an incident may be open at most"),
    }


def _group() -> Schema:
    keys = {
        "by": _names("fields with equal values in all members", _FIELD),
        "wait": _duration("how long a group waits for more members"),
        "at_most": {"type": "integer", "minimum": 2, "maximum": LISTED, "description": "members; more open the next"},
        "member": _map({}, "what is told of each member: group.members in steps"),
    }
    about = "which openings are one incident; off: each is one of its own, however many there are"
    return {"anyOf": [{"enum": ["off", False]}, _object(keys, ("by", "wait"))], "description": about}


def _steps(catalogue: Catalogue, tools: tuple[str, ...]) -> Schema:
    keys = {
        "tool": {"enum": sorted(tools), "description": "which tool"},
        "with": _map({}, "arguments that the rule binds"),
        "decide": _map(_bound(), "arguments that the model chooses, within bounds"),
        "fallback": _map({}, "all of `decide`, for when there is no model"),
        "needs": _names("steps that must end first"),
        "if": _expression("skips the step where false"),
        "refuse_if": _expression("refuses the call where true"),
        "approval_if": _expression("asks a person where true"),
        "each": _listed("a list: the step is done once for each `item`"),
        "retry": _object({"attempts": _count("how often"), "backoff": _duration("how long to wait")}, ()),
        "on_error": {"enum": ["stop", "continue"], "description": "what becomes of the steps that need this one"},
        "if_unsure": {"enum": ["skip", "repeat"], "description": "where the provider can't tell whether it was done"},
    }
    step = _object(_known(keys, step_reader.KEYS), ("tool",))
    step["allOf"] = [_of_tool(catalogue[name]) for name in sorted(tools)]
    return _map(step, "", _STEP)


def _of_tool(tool: Tool) -> Schema:
    """Return what a step must hold when it uses *tool*: its arguments, by name."""
    described = tool.args.model_json_schema()["properties"]
    names = {name: {key: part[key] for key in ("description",) if key in part} for name, part in described.items()}
    arguments = {"type": "object", "properties": names, "additionalProperties": False}
    then: Schema = {"properties": {"with": arguments, "decide": {"propertyNames": {"enum": sorted(names)}}}}
    needed = required(tool.args)
    if needed:
        then["anyOf"] = [{"required": ["with"]}, {"required": ["decide"]}]
    return {
        "if": {"properties": {"tool": {"const": tool.name}}, "required": ["tool"]},
        "then": {"description": tool.about, **then},
    }


def _agent(catalogue: Catalogue) -> Schema:
    reads = sorted(name for name, tool in catalogue.items() if not tool.changes)
    positive = {"type": "number", "exclusiveMinimum": 0}
    budget = {"turns": _count(), "seconds": positive, "tokens": _count(), "usd": positive}
    keys = {
        "goal": _text("what the model is to find out or decide, with {{ }}"),
        "reads": {"type": "array", "items": {"enum": reads}, "description": "the reading tools it may call"},
        "budget": _object(budget, (), "what one run may use at most"),
        "answer": _map(_bound(), "what the model is to answer, within bounds: `answer.NAME` in steps"),
        "fallback": _map({}, "all of `answer`, for when there is no model"),
    }
    return _object(_known(keys, agent_reader.KEYS), ("goal",), "what the model is asked")


def _bound(*, nested: bool = True) -> Schema:
    kinds: dict[str, Schema] = {
        "text": _count("how many characters at most"),
        "one_of": {"type": "array", "minItems": 1, "items": {"type": ["string", "number"]}},
        "integer": _limits("integer"),
        "number": _limits("number"),
        "boolean": {"enum": [True, None, {}]},
    }
    if nested:
        keys = {
            "in": _listed("the list"),
            "with": _map({}, "what code puts into each object"),
            "decide": _map(_bound(nested=False), "what the model chooses for each item"),
        }
        kinds["each"] = _object(keys, ("in", "decide"), "a list with one object for each item of another")
    return {**_object(kinds, ()), "minProperties": 1, "maxProperties": 1}


def _listed(about: str) -> Schema:
    text = {"type": "string", "pattern": r"^\s*\{\{"}
    return {"anyOf": [{"type": "array"}, text], "description": about}


def _limits(kind: str) -> Schema:
    limit = {"anyOf": [{"type": kind}, {"type": "string", "pattern": r"^\s*\{\{"}]}
    return _object({"min": limit, "max": limit, "multiple_of": limit}, ())


def _silence() -> Schema:
    keys = {
        "id": _text("unique"),
        "at": _text("when it begins: five fields of a cron expression"),
        "timezone": _text("the zone of `at`"),
        "lasts": _duration("how long"),
        "rule": _text("only incidents of this rule"),
        "match": _map({"type": "string"}, "only these entities"),
        "because": _text("why, for whoever wonders"),
    }
    return _object(keys, ("id", "at", "lasts", "because"))


def _known(described: Mapping[str, Schema], keys: Iterable[str]) -> dict[str, Schema]:
    """Return the schema of each of *keys*; of one that nobody described, that it may be anything."""
    return {key: described.get(key, {}) for key in keys}


def _object(properties: Mapping[str, Schema], needed: tuple[str, ...], about: str = "") -> Schema:
    found: Schema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return found | ({"required": list(needed)} if needed else {}) | ({"description": about} if about else {})


def _map(values: Schema, about: str, names: str = "") -> Schema:
    found: Schema = {"type": "object", "additionalProperties": values}
    named = {"propertyNames": {"pattern": names}} if names else {}
    return found | named | ({"description": about} if about else {})


def _list(items: Schema, about: str = "") -> Schema:
    return {"type": "array", "items": items} | ({"description": about} if about else {})


def _names(about: str, pattern: str = r"\S") -> Schema:
    return {**_list(_text("", pattern), about), "uniqueItems": True}


def _text(about: str, pattern: str = r"\S") -> Schema:
    return {"type": "string", "pattern": pattern} | ({"description": about} if about else {})


def _count(about: str = "") -> Schema:
    return {"type": "integer", "minimum": 1} | ({"description": about} if about else {})


def _duration(about: str) -> Schema:
    return _text(f"{about}: a number with its unit, such as 30s, 2m, 1h or 7d", rf"^\s*{_DURATION}\s*$")


def _rates() -> Schema:
    return _list(_text("so many in so long, such as 3/1h", rf"^\s*[0-9]+\s*/\s*{_DURATION}\s*$"))


def _expression(about: str) -> Schema:
    return {"type": ["string", "boolean", "number"], "description": f"an expression: {about}"}


def _choice(values: Iterable[str], about: str) -> Schema:
    return {"enum": [str(value) for value in values], "description": about}
