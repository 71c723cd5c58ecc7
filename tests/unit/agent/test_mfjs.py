"""The schema dialect, held against what the vendor's own validator takes and refuses (MoonshotAI/walle)."""

from typing import Any

import pytest

from dutyd.core.mfjs import Problem, problem_of

TEXT: dict[str, Any] = {"type": "string"}
NUMBER: dict[str, Any] = {"type": "number"}


def at(inner: Any, **root: Any) -> Problem | None:
    """Return what is wrong with a function whose one argument is *inner*."""
    parameters = {"type": "object", "properties": {"a": inner}, **root}
    return problem_of({"name": "look_up", "parameters": parameters}, strict=False)


def an_object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


TAKEN: list[dict[str, Any]] = [
    {"type": ["string", "null"], "enum": ["value", None]},
    {
        "type": "string",
        "default": "hello",
        "description": "words",
        "minLength": 1,
        "maxLength": 9,
        "pattern": "^[a-z]+$",
    },
    {"type": "number", "enum": [1, 2.5, -3.7], "minimum": -10, "maximum": 10},
    {"type": "integer", "enum": [1, 2, 3], "minimum": -10, "maximum": 10},
    {"type": "boolean", "enum": [True, False], "default": True},
    {"type": "null", "default": None},
    {"type": "array", "items": TEXT, "minItems": 0, "maxItems": 10, "default": []},
    {"type": "array"},
    {"type": "array", "items": {"type": "array", "items": TEXT}},
    {**an_object(name=TEXT, age={"type": "integer"}), "required": ["name"], "additionalProperties": False},
    {"type": "object", "additionalProperties": NUMBER},
    {"type": "object", "required": []},
    an_object(type=TEXT, enum=TEXT, items=TEXT, defs=TEXT),
    an_object(**{"": TEXT, "a.b/c": TEXT}),
    {"anyOf": [TEXT, an_object(g=TEXT)], "description": "one or the other"},
    {"type": "string", "title": "A title", "format": "date"},  # unknown there, and tolerated
]

REFUSED: list[tuple[Any, str]] = [
    ({}, "type is not defined"),
    ({"type": []}, "type is not defined"),
    ({"type": None}, "type is not defined"),
    ({"type": 123}, "type is not defined"),
    ({"type": {}}, "type is not defined"),
    ({"type": "text"}, "type is not defined"),
    ({"type": ["string", ["number"]]}, "type is not defined"),
    ({"type": ["string", "integer"], "minLength": 1}, "minLength is no keyword of"),
    ("text", "a schema must be an object"),
    (None, "a schema must be an object"),
    ({"type": "object", "properties": "none"}, "properties must be an object"),
    ({"type": "object", "properties": {"b": {"type": "object", "required": ["c"]}}}, "required name c is not"),
    ({**an_object(name=TEXT), "required": "name"}, "required must be an array"),
    ({**an_object(name=TEXT), "required": ["name", 123]}, "required name 123 is not"),
    ({**an_object(name=TEXT), "required": ["name", ""]}, "required name  is not"),
    ({"type": "string", "required": ["value"]}, "required is no keyword of string"),
    ({**an_object(name=TEXT), "minLength": 1}, "minLength is no keyword of object"),
    ({"type": "array", "items": TEXT, "properties": {}}, "properties is no keyword of array"),
    ({"type": "string", "minItems": 1}, "minItems is no keyword of string"),
    ({"type": "number", "maxLength": 1}, "maxLength is no keyword of number"),
    ({"type": "boolean", "minimum": 0}, "minimum is no keyword of boolean"),
    ({"type": "null", "maxLength": 1}, "maxLength is no keyword of null"),
    ({"type": "string", "pattern": ["a+"]}, "pattern must be a string"),
    ({"type": "string", "description": None}, "description must be a string"),
    ({"type": "string", "title": {"text": "x"}}, "title must be a string"),
    ({"type": "array", "items": 123}, "items must be an object"),
    ({"type": "array", "items": [TEXT]}, "items must be an object"),
    ({"type": "object", "patternProperties": {"^S_": TEXT}}, "patternProperties is not supported"),
    (an_object(anyOf=TEXT), "must not be named anyOf"),
    (an_object(additionalProperties=TEXT), "must not be named additionalProperties"),
    ({"type": "string", "$id": "https://example.test/a"}, "$id must be at root level"),
    ({"type": "string", "enum": []}, "1 to 500 items"),
    ({"type": "number", "enum": list(range(501))}, "1 to 500 items"),
    ({"type": "string", "enum": {}}, "enum must be an array"),
    ({"type": "string", "enum": [1, 2]}, "values of string only"),
    ({"type": "string", "enum": [True, None]}, "values of string only"),
    ({"type": "integer", "enum": [True]}, "values of integer only"),
    ({"type": "string", "minLength": 10, "maxLength": 5}, "minLength is above maxLength"),
    ({"type": "number", "minimum": 10, "maximum": 5}, "minimum is above maximum"),
    ({"type": "array", "minItems": 10, "maxItems": 5}, "minItems is above maxItems"),
    ({"type": "string", "minLength": -1}, "must be whole numbers"),
    ({"type": "string", "maxLength": "5"}, "must be whole numbers"),
    ({"type": "string", "maxLength": None}, "must be whole numbers"),
    ({"type": "integer", "minimum": 1.5}, "must be whole numbers"),
    ({"type": "number", "maximum": "10"}, "must be numbers"),
    ({"type": "array", "maxItems": -5}, "must be whole numbers"),
    ({"type": "number", "anyOf": [TEXT]}, "must not stand beside anyOf"),
    ({"anyOf": [TEXT, {"enum": [-73]}]}, "type is not defined"),
    ({"anyOf": []}, "anyOf must not be empty"),
    ({"anyOf": [NUMBER], "minimum": 0}, "minimum is not allowed at the same level as anyOf"),
    ({"anyOf": [an_object(a=TEXT)], "properties": {}}, "properties is not allowed at the same level as anyOf"),
    ({"$ref": 123}, "$ref must be a string"),
    ({"$ref": None}, "$ref must be a string"),
    ({"$ref": "#/$defs/User", "type": "string"}, "must not stand beside anyOf or $ref"),
    ({"$ref": "#/$defs/User", "minLength": 10}, "minLength is not allowed at the same level as $ref"),
    ({"$ref": "#/$defs/User", "anyOf": [TEXT]}, "$ref is not allowed at the same level as anyOf"),
    ({"$ref": "#/$defs/Nobody"}, "nothing is found for the reference"),
    ({"$ref": "#/$defs/User/anyOf"}, "nothing is found for the reference"),
    ({"$ref": "https://example.test/schema"}, "nothing is found for the reference"),
]


@pytest.mark.parametrize("schema", TAKEN, ids=str)
def test_what_the_vendor_s_validator_takes_is_taken(schema: dict[str, Any]) -> None:
    assert at(schema) is None


@pytest.mark.parametrize(("schema", "words"), REFUSED, ids=lambda value: str(value)[:60])
def test_what_the_vendor_s_validator_refuses_is_refused_at_its_place(schema: Any, words: str) -> None:
    found = at(schema, **{"$defs": {"User": {"anyOf": [TEXT, NUMBER]}}})
    assert found is not None
    assert words in found.what
    assert found.path.startswith("a")


@pytest.mark.parametrize("reference", ["#", "#/$defs/User", "#/properties/b"])
def test_references_inside_the_schema_are_taken(reference: str) -> None:
    told = {"$ref": reference, "description": "a summary"}
    assert at(told, **{"$defs": {"User": an_object(name=TEXT)}, "properties": {"a": told, "b": TEXT}}) is None


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({}, "the root must be of type object"),
        ({"type": "string"}, "the root must be of type object"),
        ([], "the root must be of type object"),
        ({"type": "object", "$id": 1}, "$id must be a string"),
        ({"type": "object", "$defs": []}, "$defs must be an object"),
        ({"type": "object", "$defs": {"A": {}}}, "type is not defined"),
        ({"type": "object", "required": ["name"]}, "required name name is not in properties"),
    ],
)
def test_the_root_is_an_object_with_arguments(parameters: Any, words: str) -> None:
    found = problem_of({"name": "look_up", "parameters": parameters}, strict=False)
    assert found is not None
    assert words in found.what


@pytest.mark.parametrize("name", ["do", "1st", "has space", "a" * 65, "", None, "é_name"])
def test_a_name_has_3_to_64_plain_characters(name: Any) -> None:
    found = problem_of({"name": name, "parameters": {"type": "object"}}, strict=False)
    assert found is not None
    assert "function name" in found.what


@pytest.mark.parametrize("keyword", ["format", "pattern", "multipleOf", "exclusiveMinimum", "const", "x-own"])
def test_what_nobody_would_enforce_is_refused_where_one_asks_strictly(keyword: str) -> None:
    schema = an_object(a={"type": "number", keyword: "1"})
    assert problem_of({"name": "look_up", "parameters": schema}, strict=False) is None
    assert problem_of({"name": "look_up", "parameters": schema}, strict=True) == Problem(
        "a", f"keyword {keyword} is not supported"
    )
