"""A tool's arguments as its pydantic model declares them: names, types, and what is wrong with literal values.

The model is the one definition: the rule checker, the gateway and the docs read it. Here it judges at load what a
rule binds, so that a mistyped severity is a message in the editor and not a refused page at night.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from dutyd.core.errors import nearest
from dutyd.core.expr import Type
from dutyd.core.step import Bound
from dutyd.core.tool import Tool

_TYPES = {
    "number": Type.NUMBER,
    "integer": Type.NUMBER,
    "string": Type.TEXT,
    "boolean": Type.BOOL,
    "array": Type.LIST,
}
_FITS: Mapping[str, frozenset[str]] = {
    "text": frozenset(("string",)),
    "integer": frozenset(("integer", "number")),
    "number": frozenset(("number",)),
    "boolean": frozenset(("boolean",)),
    "each": frozenset(("array",)),
}
_NOT_HERE = frozenset(("missing", "extra_forbidden", "string_too_long", "either"))
"""Reported with better words, and texts that are too long: they are cut, and no mistake."""

_RAISED = "Value error, "
_SAID = {
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}


@lru_cache(maxsize=256)
def json_types(model: type[BaseModel]) -> Mapping[str, frozenset[str]]:
    """Return, for each argument of *model*, the JSON types that it takes; empty where the schema does not say."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    return {name: frozenset(_types(part, definitions)) - {"null"} for name, part in schema["properties"].items()}


def _types(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Iterator[str]:
    if "$ref" in schema:
        schema = definitions.get(str(schema["$ref"]).rpartition("/")[2], {})
    for branch in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from _types(branch, definitions)
    if isinstance(schema.get("type"), str):
        yield schema["type"]


def expression_types(model: type[BaseModel]) -> dict[str, Type]:
    """Return what each argument is in an expression; money is its amount, so that text or number is anything."""
    return {
        name: _TYPES.get(next(iter(types)), Type.ANY) if len(types) == 1 else Type.ANY
        for name, types in json_types(model).items()
    }


def call_types(tool: Tool) -> dict[str, Type]:
    """Return the names of a call's own in conditions about it: its arguments, and ``total``, what it spends."""
    return {**({"total": Type.NUMBER} if tool.spends else {}), **expression_types(tool.args)}


def item_model(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    """Return what the objects in the list *name* are; None where it is no list of objects."""
    field = model.model_fields.get(name)
    found: list[object] = [] if field is None else [field.annotation]
    for part in found:
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
        found += get_args(part)
    return None


def required(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the arguments that a call must have."""
    return tuple(name for name, field in model.model_fields.items() if field.is_required())


def wrong_literals(model: type[BaseModel], literals: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield the name of each literal argument that *model* does not take, and why; an empty name for all together."""
    try:
        model.model_validate(literals)
    except ValidationError as errors:
        for error in errors.errors(include_url=False, include_context=True):
            name = str(error["loc"][0]) if error["loc"] else ""
            if error["type"] in _NOT_HERE:
                continue
            if not name:
                yield name, str(error["msg"]).removeprefix(_RAISED)
            elif name in literals:
                yield name, _message(name, literals[name], error)


def _message(name: str, value: object, error: Mapping[str, Any]) -> str:
    said = str(error["msg"]).removeprefix(_RAISED)
    options = getattr(error.get("ctx", {}).get("expected"), "split", list[str])("'")[1::2]
    near = nearest(value, tuple(options)) if isinstance(value, str) and options else ""
    said = said.replace("Input should be a valid string", "expected a text").replace("Input should be", "expected")
    return f"'{name}': {said}, found {value!r}{near}" if "found" not in said else f"'{name}': {said}"


def unfit(model: type[BaseModel], name: str, bound: Bound) -> str:
    """Return why *bound* can't lead to a value that the argument *name* takes; an empty text where it can."""
    types = json_types(model).get(name, frozenset())
    if bound.kind == "each" and (item := item_model(model, name)) is not None:
        return _unfit_lines(name, bound, item)
    if bound.kind == "one_of":
        wrong = [message for option in bound.options for _, message in wrong_literals(model, {name: option})]
        return wrong[0] if wrong else ""
    if not types or types & _FITS[bound.kind]:
        return ""
    expected = " or ".join(_SAID.get(one, one) for one in sorted(types))
    return f"'{name}' takes {expected}, which a bound of kind '{bound.kind}' can't give"


def _unfit_lines(name: str, bound: Bound, item: type[BaseModel]) -> str:
    """Return why what is put in and decided for each item is none of *item*; an empty text where it can be."""
    given = {**bound.fixed, **bound.parts}
    for part in given:
        if part not in item.model_fields:
            valid = tuple(item.model_fields)
            return f"an item of '{name}' has no '{part[:60]}'{nearest(part, valid)}: there are {', '.join(valid)}"
    if missing := [part for part in required(item) if part not in given]:
        return f"each item of '{name}' needs '{missing[0]}': put it in by `with`, or leave it to `decide`"
    return next((why for part, each in bound.parts.items() if (why := unfit(item, part, each))), "")
