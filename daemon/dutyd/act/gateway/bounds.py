"""The bounds of one decided argument: rendered for this incident, shown to the model, enforced on its answer.

A ``Bound`` of the rule may hold expressions (``max: "{{ 2 * order_quantity }}"``); ``limits_of`` renders them now, and
one that is unknown makes no limits at all. ``schema`` says the limits in the dialect that models are offered; what that
dialect can't say stands in the description. ``kept`` is what counts: it is asked about every value, whatever the
endpoint promised to enforce.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from dutyd.act.gateway.text import clean, cut
from dutyd.core.expr import Look, Template, look_with, number_text
from dutyd.core.step import Bound

TEXT_LIMIT = 4000
"""Characters of a text for which neither the rule nor the tool says less."""

MOST_LINES = 100
"""Items of a list of which the model may decide something."""

_MOST = 2**53  # beyond it a double does not hold every whole number


@dataclass(frozen=True, slots=True)
class Outside:
    """A value that does not lie within its limits: why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Line:
    """One object of a list: what code puts in, and the limits of what is decided."""

    fixed: Mapping[str, object]
    limits: "Mapping[str, Limits]"


@dataclass(frozen=True, slots=True)
class Limits:
    """A bound without expressions.

    Attributes:
        limit: characters of a text.
        options: of a choice.
        low, high: of a number, both included; None: open.
        step: what a number must be a multiple of; None: anything.
        lines: of a list, by the names under which the model is told of them.

    """

    kind: str
    limit: int = TEXT_LIMIT
    options: tuple[str | float, ...] = ()
    low: Fraction | None = None
    high: Fraction | None = None
    step: Fraction | None = None
    lines: Mapping[str, Line] = field(default_factory=dict)


def limits_of(bound: Bound, look: Look, most: int | None = None) -> Limits | Outside:
    """Return *bound* rendered now; *most* is the tool's own limit for a text.

    Returns:
        Outside where a part is unknown or no number fits.

    """
    if bound.kind == "each":
        return _lines_of(bound, look)
    limit = min(bound.limit or TEXT_LIMIT, most or TEXT_LIMIT) if bound.kind == "text" else TEXT_LIMIT
    parts: dict[str, Fraction | None] = {}
    for name, template in (("min", bound.low), ("max", bound.high), ("multiple_of", bound.multiple_of)):
        value = None if template is None else _number(template, look)
        if isinstance(value, Outside):
            return Outside(f"{name} {value.reason}")
        parts[name] = value
    step = parts["multiple_of"]
    if step is not None and step <= 0:
        return Outside("multiple_of is not above 0")
    low, high = _narrowed(parts["min"], parts["max"], step or (Fraction(1) if bound.kind == "integer" else None))
    if low is not None and high is not None and low > high:
        return Outside("no value lies within its bounds")
    return Limits(bound.kind, limit, bound.options, low, high, step)


def schema(limits: Limits) -> dict[str, Any]:
    """Return the JSON schema of a value within *limits*."""
    if limits.kind == "text":
        return {"type": "string", "maxLength": limits.limit, "description": f"at most {limits.limit} characters"}
    if limits.kind == "one_of":
        return _choice(limits.options)
    if limits.kind == "boolean":
        return {"type": "boolean"}
    if limits.kind == "each":
        lines = {name: object_schema(line.limits) for name, line in limits.lines.items()}
        return _object(lines) | {"description": "one for each item of the list, in its order"}
    said: dict[str, Any] = {"type": limits.kind}
    for key, value in (("minimum", limits.low), ("maximum", limits.high)):
        if value is not None and "e" not in repr(number := _plain(value)):  # exponents are refused there
            said[key] = number
    return said | {"description": _in_words(limits)}


def object_schema(limits: Mapping[str, Limits]) -> dict[str, Any]:
    """Return the JSON schema of an object whose members all lie within *limits*."""
    return _object({name: schema(each) for name, each in limits.items()})


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    required, properties = list(properties), dict(properties)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def kept(limits: Limits, value: object, *, shorten: bool = False) -> object:
    """Return *value*, cleaned, where it lies within *limits*; else ``Outside``.

    *shorten* cuts a text that is too long (what the rule itself says) instead of refusing it (what the model says).
    """
    match limits.kind:
        case "text":
            return _kept_text(limits, value, shorten=shorten)
        case "one_of":
            return _kept_choice(limits, value)
        case "boolean":
            return value if isinstance(value, bool) else Outside("must be true or false")
        case "each":
            return _kept_lines(limits, value, shorten=shorten)
        case _:
            return _kept_number(limits, value)


def _lines_of(bound: Bound, look: Look) -> Limits | Outside:
    items = None if bound.items is None else bound.items.render(look)
    if not isinstance(items, list | tuple):
        return Outside("its list is unknown now")
    if not 0 < len(items) <= MOST_LINES:
        return Outside(f"its list has {len(items)} items, and 1 to {MOST_LINES} can be decided")
    lines: dict[str, Line] = {}
    for number, item in enumerate(items, 1):
        line = _line_of(bound, look_with("item", item, look))
        if isinstance(line, Outside):
            return Outside(f"line {number}: {line.reason}")
        lines[f"line_{number}"] = line
    return Limits(bound.kind, lines=lines)


def _line_of(bound: Bound, look: Look) -> Line | Outside:
    limits: dict[str, Limits] = {}
    for name, part in bound.parts.items():
        found = limits_of(part, look)
        if isinstance(found, Outside):
            return Outside(f"'{name}': {found.reason}")
        limits[name] = found
    fixed = {name: template.render(look) for name, template in bound.fixed.items()}
    if unknown := [name for name, value in fixed.items() if value is None]:
        return Outside(f"'{unknown[0]}' is unknown now: {bound.fixed[unknown[0]].source}")
    return Line(fixed, limits)


def _number(template: Template, look: Look) -> Fraction | Outside:
    value = template.render(look)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return Outside("is unknown now")
    return Fraction(str(value))


def _narrowed(
    low: Fraction | None, high: Fraction | None, step: Fraction | None
) -> tuple[Fraction | None, Fraction | None]:
    if step is None:
        return low, high
    return (
        None if low is None else math.ceil(low / step) * step,
        None if high is None else math.floor(high / step) * step,
    )


def _plain(value: Fraction) -> float:
    return int(value) if value.denominator == 1 else float(value)


def _in_words(limits: Limits) -> str:
    said = [
        f"{word} {number_text(_plain(value))}"
        for word, value in (("at least", limits.low), ("at most", limits.high), ("a multiple of", limits.step))
        if value is not None
    ]
    return ", ".join(said) or "any number"


def _choice(options: tuple[str | float, ...]) -> dict[str, Any]:
    """One list for each type: the dialect knows no mixed ones."""
    texts = [option for option in options if isinstance(option, str)]
    numbers = [option for option in options if not isinstance(option, str)]
    lists: list[dict[str, Any]] = [{"type": "string", "enum": texts}] if texts else []
    if numbers:
        whole = all(isinstance(option, int) for option in numbers)
        lists.append({"type": "integer" if whole else "number", "enum": numbers})
    return lists[0] if len(lists) == 1 else {"anyOf": lists}


def _kept_text(limits: Limits, value: object, *, shorten: bool) -> object:
    if not isinstance(value, str):
        return Outside("must be a text")
    text = clean(value)
    if len(text) <= limits.limit:
        return text
    if shorten:
        return cut(text, limits.limit)
    return Outside(f"is {len(text)} characters long, at most {limits.limit} are allowed")


def _kept_choice(limits: Limits, value: object) -> object:
    for option in limits.options:
        if value == option and isinstance(value, str) == isinstance(option, str) and not isinstance(value, bool):
            return option
    return Outside(f"must be one of {', '.join(str(option) for option in limits.options)}")


def _kept_lines(limits: Limits, value: object, *, shorten: bool) -> object:
    """Return the list; the model says what it decides by name, the rule's own list has its items in their order."""
    if shorten and isinstance(value, list | tuple):
        decided = [{} if not isinstance(item, Mapping) else item for item in value]
        if len(decided) != len(limits.lines):
            return Outside(f"has {len(decided)} items, and there are {len(limits.lines)}")
        value = {
            name: {part: item[part] for part in line.limits if part in item}
            for (name, line), item in zip(limits.lines.items(), decided, strict=True)
        }
    if not isinstance(value, Mapping) or value.keys() != limits.lines.keys():
        return Outside(f"must be an object of {', '.join(limits.lines)}")
    kept_lines: list[object] = []
    for name, line in limits.lines.items():
        found = _kept_line(line, value[name], shorten=shorten)
        if isinstance(found, Outside):
            return Outside(f"'{name}': {found.reason}")
        kept_lines.append(found)
    return kept_lines


def _kept_line(line: Line, value: object, *, shorten: bool) -> dict[str, object] | Outside:
    if not isinstance(value, Mapping) or value.keys() != line.limits.keys():
        return Outside(f"must be an object of {', '.join(line.limits)}")
    found: dict[str, object] = {}
    for name, limit in line.limits.items():
        found[name] = kept(limit, value[name], shorten=shorten)
        if isinstance(outside := found[name], Outside):
            return Outside(f"'{name}' {outside.reason}")
    return {**line.fixed, **found}


def _kept_number(limits: Limits, value: object) -> object:
    whole = limits.kind == "integer"
    expected = f"must be a {'whole ' if whole else ''}number, {_in_words(limits)}"
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _MOST:
        return Outside(expected)
    exact = Fraction(str(value))
    fits = (
        (not whole or exact.denominator == 1)
        and (limits.low is None or exact >= limits.low)
        and (limits.high is None or exact <= limits.high)
        and (limits.step is None or (exact / limits.step).denominator == 1)
    )
    return _plain(exact) if fits else Outside(expected)
