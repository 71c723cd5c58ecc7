"""The schema dialect of the real API, as a check of one function that a model shall be offered.

``embedded.standin.checks`` asks it for each function of a request; the first problem comes back. *usual* refuses what
the real server was seen to refuse (names, root, missing types, a type beside ``anyOf``); *strict* also refuses keywords
that it silently ignores, because an ignored bound is a bound that nobody enforces.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_NAME = re.compile(r"^[a-zA-Z_][a-zA-Z0-9-_]{2,63}$")
_TYPES = ("null", "boolean", "object", "array", "number", "integer", "string")
_NOT_A_PROPERTY = ("$defs", "$ref", "anyOf", "required", "additionalProperties")
_NOTES = frozenset({"description", "title", "default"})
_KEYWORDS: Mapping[str, frozenset[str]] = {
    "object": frozenset({"properties", "required", "additionalProperties"}),
    "array": frozenset({"items", "minItems", "maxItems"}),
    "string": frozenset({"enum", "minLength", "maxLength"}),
    "number": frozenset({"enum", "minimum", "maximum"}),
    "integer": frozenset({"enum", "minimum", "maximum"}),
}


def schema_problem(function: Mapping[str, Any], *, strict: bool) -> str | None:
    """Return what is wrong with a ``function`` object of ``tools``, in the real API's words, else None."""
    name = function.get("name")
    if not isinstance(name, str) or not _NAME.match(name):
        return f"function name {name!r} must match {_NAME.pattern}"
    root = function.get("parameters")
    if not isinstance(root, dict) or root.get("type") != "object":
        return _said("", "the root must be of type object")
    problem = next(_problems(root, "", strict=strict), None)
    return None if problem is None else _said(*problem)


def _said(path: str, what: str) -> str:
    return (
        f"tools.function.parameters is not a valid moonshot flavored json schema, details: <At path '{path}': {what}>"
    )


def _problems(schema: Any, path: str, *, strict: bool) -> Iterator[tuple[str, str]]:
    if not isinstance(schema, dict):
        yield path, "a schema must be an object"
        return
    if odd := _odd_shape(schema):
        yield path, odd
        return
    defs = schema.get("$defs", {}) if not path else {}
    for name, inner in defs.items():
        yield from _problems(inner, f"$defs.{name}", strict=strict)
    if "anyOf" in schema or "$ref" in schema:
        if "type" in schema:
            yield path, "type must not stand beside anyOf or $ref"
        for index, inner in enumerate(schema.get("anyOf", ())):
            yield from _problems(inner, f"{path}.anyOf[{index}]".lstrip("."), strict=strict)
        return
    yield from _typed(schema, path, strict=strict)


def _odd_shape(schema: dict[str, Any]) -> str | None:
    shapes = {"properties": dict, "$defs": dict, "required": list, "anyOf": list, "enum": list}
    wrong = [key for key, shape in shapes.items() if key in schema and not isinstance(schema[key], shape)]
    return f"{wrong[0]} has the wrong shape" if wrong else None


def _typed(schema: dict[str, Any], path: str, *, strict: bool) -> Iterator[tuple[str, str]]:
    kind = schema.get("type")
    if kind not in _TYPES:
        yield path, "type is not defined"
        return
    allowed = {"type", *_NOTES, *_KEYWORDS.get(kind, ()), *(() if path else ("$defs", "$id"))}
    if strict and (unknown := sorted(set(schema) - allowed)):
        yield path, f"keyword {unknown[0]} is not supported"
    yield from _values(schema, path)
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in properties:
            yield path, f"required name {name} is not in properties"
    for name, inner in properties.items():
        if name in _NOT_A_PROPERTY:
            yield path, f"a property must not be named {name}"
        yield from _problems(inner, f"{path}.{name}".lstrip("."), strict=strict)
    if "items" in schema:
        yield from _problems(schema["items"], f"{path}[]", strict=strict)
    if isinstance(schema.get("additionalProperties"), dict) and schema["additionalProperties"]:
        yield from _problems(schema["additionalProperties"], f"{path}.*".lstrip("."), strict=strict)


def _values(schema: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    options = schema.get("enum")
    if options is not None:
        texts = {isinstance(option, str) for option in options}
        odd = any(isinstance(option, bool) or not isinstance(option, str | int | float) for option in options)
        if odd or len(texts) != 1:
            yield path, "enum must hold texts only or numbers only"
    for least, most in (("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems")):
        if least in schema and most in schema and schema[least] > schema[most]:
            yield path, f"{least} is above {most}"
