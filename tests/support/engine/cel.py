"""CEL beside our own expressions: the cases of its conformance suite, and a CEL library to ask.

Ours has one kind of number, so a tree is printed for CEL with every number a double.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cel

from dutyd.core.expr import ExpressionError, Node
from dutyd.core.expr.text import quoted
from dutyd.core.expr.tree import Binary, Call, Has, ListOf, Literal, Name, Ternary, Unary
from dutyd.rules.rehearsal.event_files import read_document
from dutyd.rules.rehearsal.trial import Value, checked, try_on
from support.needs import DATA

CASES = DATA / "cel_conformance" / "cases.jsonl"


@dataclass(frozen=True, slots=True)
class Failed:
    """No value: an error in CEL; unknown, or refused before any event, here."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One case of the suite: what its expression comes to under its bindings."""

    id: str
    expression: str
    bindings: Mapping[str, Any]
    expected: object


def cases() -> Iterator[Case]:
    """Yield the cases that lie beside the project."""
    for line in CASES.read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        expected = case["value"] if case["expect"] == "value" else Failed()
        yield Case(case["id"], case["expr"], case.get("bindings") or {}, expected)


def ours(text: str, event: Mapping[str, Any]) -> object:
    """Return what ``rules eval`` answers: a value, or ``Failed``."""
    try:
        found = try_on(checked(text), read_document(json.dumps(event).encode()))
    except ExpressionError as error:
        return Failed(str(error))
    return found.value if isinstance(found, Value) else Failed(found.why)


def theirs(text: str, variables: Mapping[str, Any]) -> object:
    """Return what the library answers."""
    try:
        return cel.evaluate(text, dict(variables))
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        return Failed(str(error))


def agree(one: object, other: object) -> bool:
    """Whether two answers are the same: any failure is like any other, and a number is a double."""
    if isinstance(one, Failed) or isinstance(other, Failed):
        return isinstance(one, Failed) and isinstance(other, Failed)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(agree, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return one == other


def cel_text(node: Node) -> str:  # noqa: C901, PLR0911  # one kind of node after the other
    """Return *node* as CEL writes it, every part in brackets."""
    match node:
        case Literal(value=bool()):
            return str(node.value).lower()
        case Literal(value=str(value)):
            return quoted(value)
        case Literal():
            return repr(node.value)
        case ListOf():
            return f"[{', '.join(map(cel_text, node.items))}]"
        case Name():
            return node.name
        case Has():
            return f"has({node.name})"
        case Unary():
            return f"({node.op}{cel_text(node.operand)})"
        case Binary():
            return f"({cel_text(node.left)} {node.op} {cel_text(node.right)})"
        case Ternary():
            return f"({cel_text(node.condition)} ? {cel_text(node.then)} : {cel_text(node.other)})"
        case Call(function="size"):
            return f"double(size({cel_text(node.args[0])}))"
        case Call():
            return f"{cel_text(node.args[0])}.{node.function}({', '.join(map(cel_text, node.args[1:]))})"
    raise TypeError(node)
