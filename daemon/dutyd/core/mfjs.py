"""The schema dialect of the real API (Moonshot Flavored JSON Schema), as a check of one function for a model.

The first thing that is wrong comes back, with its path. *usual* is what the real server refuses: names, shapes, missing
types, keywords that belong to another type or beside ``anyOf`` and ``$ref``. *strict* also refuses keywords that it
silently ignores, because an ignored bound is a bound that nobody enforces. The reader of rules asks strictly for all
that a rule would offer; ``embedded.standin`` asks for each function of a request.

Facts: MoonshotAI/walle, ``docs/mfjs-spec.md`` and the cases of ``testdata/validator_cases``. Not looked for: references
that go round in a circle of required names, and the caps on depth and number, about which page and code differ.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

MOST_FUNCTIONS: Final = 128
"""Functions of one request."""

_NAME = re.compile(r"^[a-zA-Z_][a-zA-Z0-9-_]{2,63}$")
_MOST_OPTIONS = 500
_NOT_A_PROPERTY = ("$defs", "$ref", "anyOf", "required", "additionalProperties")
_NOTES = frozenset({"description", "title", "default"})
_AT_ROOT = frozenset({"$defs", "$id"})
_KEYWORDS: Mapping[str, frozenset[str]] = {
    "object": frozenset({"properties", "required", "additionalProperties"}),
    "array": frozenset({"items", "minItems", "maxItems"}),
    "string": frozenset({"enum", "minLength", "maxLength"}),
    "number": frozenset({"enum", "minimum", "maximum"}),
    "integer": frozenset({"enum", "minimum", "maximum"}),
    "boolean": frozenset({"enum"}),
    "null": frozenset(),
}
_EVERY_KEYWORD = frozenset().union(*_KEYWORDS.values())
_VALUES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
    "null": type(None),
}
_SHAPES: Mapping[str, tuple[type, str]] = {
    "description": (str, "a string"),
    "title": (str, "a string"),
    "pattern": (str, "a string"),
    "$id": (str, "a string"),
    "$ref": (str, "a string"),
    "properties": (dict, "an object"),
    "$defs": (dict, "an object"),
    "items": (dict, "an object"),
    "required": (list, "an array"),
    "anyOf": (list, "an array"),
    "enum": (list, "an array"),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong (*what*), and where: ``lines[].sku``; an empty path is the whole, or the function's name."""

    path: str
    what: str


def problem_of(function: Mapping[str, Any], *, strict: bool) -> Problem | None:
    """Return the first thing that is wrong with a ``function`` object of ``tools``, else None."""
    name, root = function.get("name"), function.get("parameters")
    if not isinstance(name, str) or not _NAME.match(name):
        return Problem("", f"function name {name!r} must match {_NAME.pattern}")
    if not isinstance(root, dict) or root.get("type") != "object":
        return Problem("", "the root must be of type object")
    return next(_Walk(root, strict).through(root, ""), None)


@dataclass(frozen=True, slots=True)
class _Walk:
    root: Mapping[str, Any]
    strict: bool

    def through(self, schema: Any, path: str) -> Iterator[Problem]:
        if not isinstance(schema, dict):
            yield Problem(path, "a schema must be an object")
            return
        if problem := _odd_shape(schema, path):
            yield problem
            return
        for name, inner in schema.get("$defs", {}).items():
            yield from self.through(inner, f"$defs.{name}")
        if "anyOf" in schema or "$ref" in schema:
            yield from self._elsewhere(schema, path)
        else:
            yield from self._typed(schema, path)

    def _elsewhere(self, schema: dict[str, Any], path: str) -> Iterator[Problem]:
        """A schema whose type stands in other ones."""
        where = "anyOf" if "anyOf" in schema else "$ref"
        if "type" in schema:
            yield Problem(path, "type must not stand beside anyOf or $ref")
        for keyword in sorted(set(schema) & (_EVERY_KEYWORD | {"$ref"}) - {where}):
            yield Problem(path, f"{keyword} is not allowed at the same level as {where}")
        if where == "$ref" and not self._is_there(schema["$ref"]):
            yield Problem(path, f"nothing is found for the reference {schema['$ref']}")
        if schema.get("anyOf") == []:
            yield Problem(path, "anyOf must not be empty")
        for index, inner in enumerate(schema.get("anyOf", ())):
            yield from self.through(inner, f"{path}.anyOf[{index}]".lstrip("."))

    def _is_there(self, reference: str) -> bool:
        found: Any = self.root
        for part in reference.removeprefix("#").split("/")[1:]:
            found = found.get(part) if isinstance(found, dict) else None
        return reference.startswith("#") and isinstance(found, dict)

    def _typed(self, schema: dict[str, Any], path: str) -> Iterator[Problem]:
        kinds = _types_in(schema)
        if not kinds:
            yield Problem(path, "type is not defined")
            return
        own = _KEYWORDS[kinds[0]] if len(kinds) == 1 else frozenset({"enum"})
        if misplaced := sorted(set(schema) & _EVERY_KEYWORD - own):
            yield Problem(path, f"invalid keywords: {misplaced[0]} is no keyword of {' or '.join(kinds)}")
        allowed = own | _NOTES | {"type"} | (frozenset() if path else _AT_ROOT)
        if self.strict and (unknown := sorted(set(schema) - allowed)):
            yield Problem(path, f"keyword {unknown[0]} is not supported")
        if "patternProperties" in schema:
            yield Problem(path, "keyword patternProperties is not supported")
        yield from _values(schema, kinds, path)
        yield from self._inside(schema, path)

    def _inside(self, schema: dict[str, Any], path: str) -> Iterator[Problem]:
        properties = schema.get("properties", {})
        for name in schema.get("required", ()):
            if not isinstance(name, str) or name not in properties:
                yield Problem(path, f"required name {name} is not in properties")
        for name, inner in properties.items():
            place = f"{path}.{name}".lstrip(".")
            if name in _NOT_A_PROPERTY:
                yield Problem(place, f"a property must not be named {name}")
            yield from self.through(inner, place)
        if "items" in schema:
            yield from self.through(schema["items"], f"{path}[]")
        if isinstance(schema.get("additionalProperties"), dict) and schema["additionalProperties"]:
            yield from self.through(schema["additionalProperties"], f"{path}.*".lstrip("."))


def _odd_shape(schema: dict[str, Any], path: str) -> Problem | None:
    for keyword, (shape, called) in _SHAPES.items():
        if keyword in schema and not isinstance(schema[keyword], shape):
            return Problem(path, f"{keyword} must be {called}")
    misplaced = sorted(_AT_ROOT & set(schema)) if path else []
    return Problem(path, f"{misplaced[0]} must be at root level") if misplaced else None


def _types_in(schema: dict[str, Any]) -> tuple[str, ...]:
    """Return the types of *schema*; none where something in their place is no type."""
    said = schema.get("type")
    kinds = tuple(said) if isinstance(said, list) else (said,)
    return kinds if all(isinstance(kind, str) and kind in _KEYWORDS for kind in kinds) else ()


def _values(schema: dict[str, Any], kinds: tuple[str, ...], path: str) -> Iterator[Problem]:
    if (options := schema.get("enum")) is not None:
        if not 0 < len(options) <= _MOST_OPTIONS:
            yield Problem(path, f"enum must have 1 to {_MOST_OPTIONS} items")
        if not all(any(_is(kind, option) for kind in kinds) for option in options):
            yield Problem(path, f"enum must hold values of {' or '.join(kinds)} only")
    whole = "integer" in kinds
    for least, most in (("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems")):
        said = [schema[keyword] for keyword in (least, most) if keyword in schema]
        counts = least != "minimum"
        if not all(_is("integer" if counts or whole else "number", one) and (not counts or one >= 0) for one in said):
            yield Problem(
                path, f"{least} and {most} must be {'whole ' * (counts or whole)}numbers, not below 0 in a count"
            )
        elif len(said) == 2 and said[0] > said[1]:
            yield Problem(path, f"{least} is above {most}")


def _is(kind: str, value: object) -> bool:
    """Whether *value* is one of *kind*; a bool is no number."""
    return isinstance(value, _VALUES.get(kind, ())) and (kind == "boolean" or not isinstance(value, bool))
