"""A reading tool's arguments as a JSON schema in the dialect that the real API enforces.

pydantic's schemas say more than that dialect knows (``format``, ``pattern``, ``exclusiveMinimum``, ``null`` branches,
references); the API ignores or refuses such words. Here they become words of the description, and references are
written out. Nothing is lost: the tool's own model judges the arguments in any case. Called by ``offer``.
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

_DEEPEST: Final = 5  # levels: a model that holds itself ends here
_KEPT: Final[Mapping[str, tuple[str, ...]]] = {
    "string": ("minLength", "maxLength"),
    "integer": ("minimum", "maximum"),
    "number": ("minimum", "maximum"),
    "array": ("minItems", "maxItems"),
}
_IN_WORDS: Final[Mapping[str, str]] = {
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
    "multipleOf": "a multiple of",
    "pattern": "matches",
    "format": "format",
}


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of *model*'s fields."""
    whole = model.model_json_schema()
    said = _said(whole, whole.get("$defs", {}), 0)
    said.pop("description", None)  # the function has its own
    return said


def _said(schema: Mapping[str, Any], defs: Mapping[str, Any], depth: int) -> dict[str, Any]:
    schema = _resolved(schema, defs)
    branches = [branch for branch in schema.get("anyOf", schema.get("oneOf", ())) if branch.get("type") != "null"]
    if len(branches) == 1:
        said = _said(branches[0], defs, depth)
    elif branches:
        said = {"anyOf": [_said(branch, defs, depth) for branch in branches]}
    else:
        said = _typed(schema, defs, depth)
    notes = [schema.get("description") or said.get("description"), *_notes(schema)]
    described = "; ".join(str(note) for note in notes if note)
    return said | ({"description": described} if described else {})


def _resolved(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> dict[str, Any]:
    """Write a reference out; what stands beside it wins."""
    parts = [schema, *schema.get("allOf", ())]
    merged: dict[str, Any] = {}
    for part in reversed(parts):
        inner = defs[part["$ref"].rpartition("/")[2]] if "$ref" in part else {}
        merged = inner | merged | {key: value for key, value in part.items() if key not in ("$ref", "allOf")}
    return merged


def _typed(schema: Mapping[str, Any], defs: Mapping[str, Any], depth: int) -> dict[str, Any]:
    options = [schema["const"]] if "const" in schema else schema.get("enum")
    kind = schema.get("type") or _type_of(options)
    said: dict[str, Any] = {"type": kind} | {key: schema[key] for key in _KEPT.get(kind, ()) if key in schema}
    if options and kind in ("string", "integer", "number"):
        said["enum"] = [option for option in options if option is not None]
    if kind == "array" and depth < _DEEPEST and schema.get("items"):
        said["items"] = _said(schema["items"], defs, depth + 1)
    if kind == "object" and depth < _DEEPEST:
        properties = schema.get("properties", {})
        said["properties"] = {name: _said(inner, defs, depth + 1) for name, inner in properties.items()}
        said["required"] = list(schema.get("required", ()))
        said["additionalProperties"] = False
    return said


def _type_of(options: list[Any] | None) -> str:
    first = options[0] if options else ""
    if isinstance(first, bool):
        return "boolean"
    return "integer" if isinstance(first, int) else "number" if isinstance(first, float) else "string"


def _notes(schema: Mapping[str, Any]) -> list[str]:
    return [f"{words} {schema[key]}" for key, words in _IN_WORDS.items() if key in schema]
