"""Tool calls of a public benchmark through the loop, the gateway and a tool of each case's own, on real HTTP.

The Berkeley Function Calling Leaderboard's cases come with what the right call is; the stand-in makes that call, so
this says nothing of any model: it holds dutyd to its part. Each function is offered in the endpoint's dialect, each
right call reaches its tool with exactly its arguments, a wrong one is told and does not, and where nothing fits nothing
is asked.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from pydantic import Field, create_model

from dutyd.act.agent import loop
from dutyd.act.agent.brief import Brief, EndKind
from dutyd.act.agent.client import Client, Endpoint
from dutyd.act.agent.journal import Stop
from dutyd.act.agent.tries import Answered, Failed
from dutyd.act.gateway import Accepted, Call, Read, Rejected, judge, offered
from dutyd.core.expr import parse_template
from dutyd.core.step import Agent, Budget
from dutyd.core.tool import Args, Provider, Tool
from support.agent_run import Instant, Notebook, playing
from support.grants import CATALOGUE, a_rule, a_ticket, names
from support.needs import data

TYPES: Mapping[str, Any] = {"integer": int, "float": float, "number": float, "string": str, "boolean": bool}
CONTRADICTED = {"simple_python_200"}  # its right call leaves out what its function requires
DONE = {"title": "t", "priority": "P1", "urgent": False, "weight": 1}


@dataclass
class Case:
    """One case, its function made a tool, and what the tool was asked.

    Attributes:
        right: the arguments of the right call; None where no call is right.

    """

    id: str
    question: str
    tool: Tool
    right: dict[str, Any] | None
    asked: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)

    async def execute(self, call: Call) -> Answered | Failed | Stop:
        rule = a_rule(a_ticket(), agent=Agent(parse_template("x"), (self.tool.name,), Budget()))
        match judge(rule, {**CATALOGUE, self.tool.name: self.tool}, call, names()):
            case Read(_, args):
                self.asked.append(dict(args))
                return Answered("found")
            case Accepted():
                return Answered("done")
            case Rejected(message):
                self.rejected.append(message)
                return Failed(f"Rejected: {message}")

    async def played(self, client: Client, kind: str) -> EndKind:
        """Run an agent with this case's question, marked with the *kind* of what the stand-in says."""
        agent = Agent(parse_template("x"), (self.tool.name,), Budget())
        rule = a_rule(a_ticket(), agent=agent)
        functions = offered(rule, {**CATALOGUE, self.tool.name: self.tool}, names())
        brief = Brief(incident="i", goal=f"[{kind} {self.id}] {self.question}", functions=functions)
        return (await loop.run(brief, client, self.execute, Notebook(), Instant())).kind


def cases(name: str) -> list[Case]:
    found = (json.loads(line) for line in data(f"tool_calls/{name}").read_text().splitlines())
    return [case_of(said) for said in found if said["id"] not in CONTRADICTED]


def case_of(said: Mapping[str, Any]) -> Case:
    (function,) = said["function"]
    name = function["name"].replace(".", "_")
    args, about = model_of(name, function["parameters"]), function["description"]
    tool = Tool(name=name, family="bench", args=args, about=about, ask=never)
    truth = said["ground_truth"]
    right = first_of(truth[0][function["name"]]) if truth else None
    return Case(said["id"], said["question"][0][0]["content"], tool, right)


async def never(_provider: Provider, _args: Any) -> Any:
    raise AssertionError


def first_of(allowed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first of the values that are allowed for each argument; where an empty one is, it may be left out."""
    found = {name: values[0] for name, values in allowed.items() if "" not in values}
    return {name: first_of(value) if isinstance(value, dict) else value for name, value in found.items()}


def model_of(name: str, parameters: Mapping[str, Any]) -> type[Args]:
    required = set(parameters.get("required", ()))
    fields: dict[str, Any] = {}
    for argument, schema in parameters["properties"].items():
        kind, about = type_of(schema), schema.get("description", "")
        if argument in required:
            fields[argument] = (kind, Field(description=about))
        else:
            fields[argument] = (kind | None, Field(None, description=about))
    return create_model(name, __base__=Args, **fields)


def type_of(schema: Mapping[str, Any]) -> Any:
    if "enum" in schema:
        return Literal[tuple(schema["enum"])]
    if schema["type"] == "array":
        return list[type_of(schema["items"])]  # type: ignore[misc]  # the type is a value here
    return model_of("inner", schema) if schema["type"] == "dict" else TYPES[schema["type"]]


SIMPLE, IRRELEVANT = "bfcl_simple_python.jsonl", "bfcl_irrelevance.jsonl"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A stand-in that makes the right call of each case, and one that lacks its first argument."""
    answers: list[dict[str, Any]] = []
    for case in cases(SIMPLE):
        name, right = case.tool.name, case.right or {}
        wrong = {argument: value for argument, value in right.items() if argument != next(iter(right))}
        ticket = {"name": "ticket", "arguments": DONE}
        answers += [
            {"when": f"[right {case.id}]", "turn": 0, "calls": [{"name": name, "arguments": right}]},
            {"when": f"[wrong {case.id}]", "turn": 0, "calls": [{"name": name, "arguments": wrong}]},
            {"when": f"[wrong {case.id}]", "turn": 1, "calls": [{"name": name, "arguments": right}]},
            {"when": f"{case.id}]", "turn": 1, "calls": [ticket]},
            {"when": f"[wrong {case.id}]", "turn": 2, "calls": [ticket]},
        ]
    ending = {"when": "[nothing", "turn": "every", "text": "Nothing here fits."}
    with playing({"answers": [*answers, ending]}) as served:
        yield served.url


async def test_each_right_call_reaches_its_tool_with_exactly_its_arguments(url: str) -> None:
    client = Client(Endpoint(base_url=url))
    for case in cases(SIMPLE):
        assert await case.played(client, "right") is EndKind.FINISHED, case.id
        assert (case.asked, case.rejected) == ([case.right], []), case.id
    await client.close()


async def test_a_call_that_lacks_an_argument_is_told_and_mended_and_only_then_asked(url: str) -> None:
    client = Client(Endpoint(base_url=url))
    for case in cases(SIMPLE):
        assert await case.played(client, "wrong") is EndKind.FINISHED, case.id
        assert case.asked == [case.right], case.id
        assert "Field required" in case.rejected[0], case.id
    await client.close()


async def test_where_no_function_fits_nothing_is_asked(url: str) -> None:
    client = Client(Endpoint(base_url=url))
    for case in cases(IRRELEVANT):
        assert await case.played(client, "nothing") is EndKind.FINISHED, case.id
        assert (case.asked, case.rejected) == ([], []), case.id
    await client.close()
