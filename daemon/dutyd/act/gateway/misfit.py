"""The first thing in a pydantic model that the endpoint's dialect of JSON schema has no words for, and what to do.

It walks through one model, knows nothing of rules, and is asked by ``sayable``, which judges all that a rule offers.
``dialect`` translates most of what pydantic can say. What it can't would be offered as something else, or be refused by
the endpoint in the middle of an incident.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from pydantic import BaseModel
from pydantic.errors import PydanticUserError

_DEEPEST: Final = 5  # levels, as the dialect's own checker has them (MoonshotAI/walle, docs/walle.md)
_MOST: Final = 100  # properties, there, too
_INSTEAD: Final[Mapping[str, str]] = {
    "prefixItems": "use a list, or a field for each place",
    "patternProperties": "name the fields",
    "additionalProperties": "name the fields in a model of their own, instead of a dict",
    "not": "say it in the description, and check it in a validator",
    "if": "say it in the description, and check it in a validator",
}
_NO_NAMES: Final = ("$defs", "$ref", "anyOf", "required", "additionalProperties")


@dataclass(frozen=True, slots=True)
class Misfit:
    """Where (``lines[].sku``; empty: the whole), what (a keyword, or what is too much of it), and what to do."""

    path: str
    keyword: str
    what_to_do: str


def misfit_of(model: type[BaseModel]) -> Misfit | None:
    """Return the first thing in *model*, a tool's arguments, that the dialect can't say."""
    try:
        whole = model.model_json_schema()
    except PydanticUserError as error:
        return Misfit("", "a type without a JSON schema", f"use plain types: {str(error).splitlines()[0]}")
    walk = _Walk(whole.get("$defs", {}), count(1))
    return next(walk.through(whole, "", 0, ()), None)


@dataclass(frozen=True, slots=True)
class _Walk:
    defs: Mapping[str, Any]
    properties: "count[int]"

    def through(self, schema: Any, path: str, depth: int, inside: tuple[str, ...]) -> Iterator[Misfit]:
        """Yield what does not fit in *schema*; *inside* are the references that led there."""
        if not isinstance(schema, Mapping):
            return
        if depth > _DEEPEST:
            yield Misfit(path, f"more than {_DEEPEST} levels", "make the arguments flatter")
            return
        if isinstance(schema.get("type"), list):
            yield Misfit(path, "type as a list", "choose one type")
        for keyword, instead in _INSTEAD.items():
            if keyword in schema and not isinstance(schema[keyword], bool):
                yield Misfit(path, keyword, instead)
        yield from self._reference(schema, path, depth, inside)
        for branch in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
            yield from self.through(branch, path, depth, inside)
        if "items" in schema:
            yield from self.through(schema["items"], f"{path}[]", depth + 1, inside)
        for name, inner in schema.get("properties", {}).items():
            yield from self._property(name, inner, f"{path}.{name}".lstrip("."), depth, inside)

    def _reference(self, schema: Mapping[str, Any], path: str, depth: int, inside: tuple[str, ...]) -> Iterator[Misfit]:
        if not isinstance(reference := schema.get("$ref"), str):
            return
        name = reference.rpartition("/")[2]
        if name in inside:
            yield Misfit(path, "$ref to itself", f"'{name}' holds itself: name the levels that are needed")
        elif name not in self.defs:
            yield Misfit(path, f"$ref to '{reference}'", "refer to models only")
        else:
            yield from self.through(self.defs[name], path, depth, (*inside, name))

    def _property(self, name: str, inner: Any, path: str, depth: int, inside: tuple[str, ...]) -> Iterator[Misfit]:
        if name in _NO_NAMES:
            yield Misfit(path, f"the name '{name}'", "give the field another name")
        if next(self.properties) > _MOST:
            yield Misfit(path, f"more than {_MOST} fields", "ask for less at once")
            return
        yield from self.through(inner, path, depth + 1, inside)
