"""The names that step expressions and texts can read, in this order: summary, evidence, let, fields, ``steps.x``.

A call's own arguments come before all of these; the gateway puts them in front where a condition is about a call.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from dutyd.act.steps import Results
from dutyd.core.expr import Look, look_in
from dutyd.core.incident import Evidence, Trigger
from dutyd.core.rule import Rule


def names_of(rule: Rule, trigger: Trigger, results: Results, *, summary: str | None = None) -> Look:
    """Return the look for *rule*'s steps: the newest evidence of *trigger*, and the results so far."""
    evidence = trigger.evidence
    names: dict[str, Any] = {**evidence.fields, **evidence.let}
    names["evidence"] = evidence_text(evidence)
    names["summary"] = summary if summary is not None else summary_of(rule, trigger)
    names["steps"] = {name: dict(result.data) for name, result in results.items()}
    names["answer"] = names["steps"].get("answer", {})
    return look_in(names)


def summary_of(rule: Rule, trigger: Trigger) -> str:
    """Return the rule's summary on the newest evidence; where it can't be rendered, the rule and its entity."""
    look = look_in({**trigger.evidence.fields, **trigger.evidence.let})
    rendered = rule.summary.render(look) if rule.summary is not None else None
    if rendered is not None:
        return str(rendered)
    return ": ".join([rule.id, ", ".join(f"{name} {value}" for name, value in trigger.entity.items())]).rstrip(": ")


def evidence_text(evidence: Evidence) -> str:
    """Return *evidence* as text for people and tickets: one ``name: value`` a line, computed values first."""
    seen: Mapping[str, Any] = {**evidence.let, **evidence.values, **evidence.fields}
    lines = [line for name, value in seen.items() for line in _lines(name, value)]
    return "\n".join([*lines, "(cut)"] if evidence.cut else lines)


def _lines(name: str, value: Any) -> Iterator[str]:
    """Yield the lines of one value: of a group one for each member."""
    if name != "group" or not isinstance(value, Mapping):
        yield f"{name}: {_plain(value)}"
        return
    yield f"{value['size']} members:"
    for member in value["members"]:
        yield "- " + ", ".join(f"{part}: {_plain(inner)}" for part, inner in member.items())


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
