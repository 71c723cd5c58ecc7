"""A tool whose arguments a model can't be offered is told by path and keyword, before an incident needs it."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, create_model

from dutyd.act.gateway.misfit import Misfit, misfit_of
from dutyd.act.gateway.sayable import unsayable_question
from dutyd.app.catalogue import installed_tools
from dutyd.core.tool import Tool


class Ring(BaseModel):
    word: str
    next: "Ring | None" = None


class Line(BaseModel):
    place: tuple[int, str]


class Lines(BaseModel):
    lines: list[Line]


class Named(BaseModel):
    tags: dict[str, int]


class Called(BaseModel):
    call: Callable[[], None]


class Odd(BaseModel):
    model_config = ConfigDict(json_schema_extra={"not": {"required": ["a"]}})
    a: int = 0


def wide(fields: int) -> type[BaseModel]:
    chosen: dict[str, Any] = {f"f{number}": (int, 0) for number in range(fields)}
    model: type[BaseModel] = create_model("Wide", **chosen)
    return model


def nested(levels: int) -> type[BaseModel]:
    model: Any = int
    for _ in range(levels):
        model = create_model("Level", inner=(model, ...))
    chosen: type[BaseModel] = model
    return chosen


@pytest.mark.parametrize(
    ("model", "path", "keyword"),
    [
        (Ring, "next", "$ref to itself"),
        (Lines, "lines[].place", "prefixItems"),
        (Named, "tags", "additionalProperties"),
        (Called, "", "a type without a JSON schema"),
        (Odd, "", "not"),
        (nested(6), "inner.inner.inner.inner.inner.inner", "more than 5 levels"),
        (wide(101), "f100", "more than 100 fields"),
        (create_model("Taken", required=(int, 0)), "required", "the name 'required'"),
    ],
)
def test_what_the_dialect_cannot_say_is_named(model: type[BaseModel], path: str, keyword: str) -> None:
    found = misfit_of(model)
    assert isinstance(found, Misfit)
    assert (found.path, found.keyword) == (path, keyword)
    assert found.what_to_do


@pytest.mark.parametrize("tool", installed_tools().values(), ids=lambda tool: tool.name)
def test_every_installed_tool_can_be_offered(tool: Tool) -> None:
    assert unsayable_question(tool) is None
