"""The checker: a tree and a scope in, its type and every problem out, before any event is read.

``rules.load`` checks each expression once, so that ``1 > "a"``, a misspelt name or a window where none can be is an
error at load, with a column, and never a condition that is silently unknown. Fields of events have no declared type
(``Type.ANY``), so it refuses only what can't ever be right.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from dutyd.core.expr.errors import ExpressionError, near
from dutyd.core.expr.functions import FUNCTIONS
from dutyd.core.expr.tree import (
    Binary,
    Call,
    Expr,
    Has,
    ListOf,
    Literal,
    Lookup,
    Name,
    Node,
    Prev,
    Ternary,
    Type,
    Unary,
    Window,
)

__all__ = ["Checked", "Scope", "Type", "check", "examine", "static_type"]

_NUMBER_TEXT: Final = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*")


@dataclass(frozen=True, slots=True)
class Scope:
    """What names an expression may use.

    Attributes:
        names: known names (``let``, a call's arguments, ``summary``) and their types.
        closed: whether these are all; else any other name is a field of the event, of any type.
        prefixes: first parts such as ``steps``, each with what may follow it, or None where anything may.
        windows: whether windows and ``prev`` can be evaluated here.

    """

    names: Mapping[str, Type] = field(default_factory=dict)
    closed: bool = False
    prefixes: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    windows: bool = True


class Checked(NamedTuple):
    """The type of an expression, and what is wrong with it, in the order of the text."""

    type: Type
    problems: tuple[ExpressionError, ...]


def check(expr: Expr, scope: Scope, expect: Type = Type.ANY) -> Type:
    """Return the type of *expr*; raises the first ExpressionError of ``examine``."""
    found = examine(expr, scope, expect)
    for problem in found.problems:
        raise problem
    return found.type


def examine(expr: Expr, scope: Scope, expect: Type = Type.ANY) -> Checked:
    """Return the type of *expr* and all its problems; *expect* is what must come out, such as ``Type.BOOL``."""
    checker = _Checker(scope, expr.offset, [])
    found = checker.expect(expr.root, expect, "the expression must be")
    return Checked(found, tuple(sorted(checker.problems, key=lambda problem: problem.column)))


def static_type(node: Node) -> Type:  # noqa: PLR0911  # one kind of node after the other
    """Return what *node* can only be, whatever the scope, where it is not unknown: what compiled code relies on."""
    match node:
        case Literal(value=bool()) | Has() | Unary(op="!") | Window(function="absent"):
            return Type.BOOL
        case Literal(value=float() | int()) | Window() | Unary(op="-") | Binary(op="-" | "*" | "/" | "%"):
            return Type.NUMBER
        case Literal(value=str()):
            return Type.TEXT
        case ListOf():
            return Type.LIST
        case Call():
            return FUNCTIONS[node.function].gives
        case Lookup():
            return node.gives
        case Binary(op="+"):
            sides = {static_type(node.left), static_type(node.right)}
            return next(iter(sides - {Type.ANY}), Type.ANY)
        case Binary():
            return Type.BOOL
    return Type.ANY


@dataclass(frozen=True, slots=True)
class _Checker:
    """One pass over one tree; ``of_...`` return the type of a node and note its problems."""

    scope: Scope
    offset: int
    problems: list[ExpressionError]

    def problem(self, node: Node, message: str, hint: str) -> None:
        self.problems.append(ExpressionError(message, self.offset + node.at + 1, hint))

    def type_of(self, node: Node) -> Type:
        return _BY_NODE[type(node)](self, node)

    def expect(self, node: Node, wanted: Type, must: str) -> Type:
        """Check that *node* can be *wanted*; *must* begins the message: ``after '!' must stand``."""
        found = self.type_of(node)
        if _meet(found, wanted) is None:
            self.problem(node, f"{must} {wanted}, and this is {found}", _HINT[wanted])
        return found

    def name(self, node: Node, name: str) -> Type:
        if name in self.scope.names:
            return self.scope.names[name]
        first, _, rest = name.partition(".")
        if first in self.scope.prefixes:
            self.prefixed(node, first, rest.partition(".")[0])
        elif self.scope.closed:
            valid = (*self.scope.names, *self.scope.prefixes)
            hint = near(name, valid) or f"there are {', '.join(sorted(valid)) or 'no names'}"
            self.problem(node, f"there is no '{name}' here", hint)
        return Type.ANY

    def prefixed(self, node: Node, first: str, second: str) -> None:
        valid = self.scope.prefixes[first]
        if valid is not None and second not in valid:
            message = f"there is no '{first}.{second}'" if second else f"'{first}' alone has no value"
            listed = ", ".join(f"{first}.{one}" for one in sorted(valid))
            self.problem(node, message, near(second, tuple(valid)) or f"there are {listed or 'none here'}")

    def of_literal(self, node: Literal) -> Type:
        return _OF_LITERAL[type(node.value)]

    def of_list(self, node: ListOf) -> Type:
        for item in node.items:
            self.type_of(item)
        return Type.LIST

    def of_name(self, node: Name) -> Type:
        return self.name(node, node.name)

    def of_has(self, node: Has) -> Type:
        self.name(node, node.name)
        return Type.BOOL

    def of_unary(self, node: Unary) -> Type:
        wanted = Type.BOOL if node.op == "!" else Type.NUMBER
        self.expect(node.operand, wanted, f"after '{node.op}' must stand")
        return wanted

    def of_ternary(self, node: Ternary) -> Type:
        self.expect(node.condition, Type.BOOL, "before '?' must stand")
        return _meet(self.type_of(node.then), self.type_of(node.other)) or Type.ANY

    def of_call(self, node: Call) -> Type:
        function = FUNCTIONS[node.function]
        for index, arg in enumerate(node.args):
            wanted = function.takes[min(index, len(function.takes) - 1)]
            self.expect(arg, wanted, f"argument {index + 1} of '{node.function}' must be")
        return function.gives

    def of_lookup(self, node: Lookup) -> Type:
        key = self.type_of(node.key)
        if key is Type.LIST:
            self.problem(node.key, "the key of 'lookup' can't be a list", "name a field, such as sku")
        if node.default is not None:
            self.expect(node.default, node.gives, f"the default of '{node.column}' must be")
        return node.gives

    def of_window(self, node: Window) -> Type:
        self.remembered(node)
        if node.field is not None:
            self.name(node, node.field)
        if node.by is not None:
            self.name(node, node.by)
        if node.filter is not None:
            self.expect(node.filter, Type.BOOL, "the filter of a window must be")
        return Type.BOOL if node.function == "absent" else Type.NUMBER

    def of_prev(self, node: Prev) -> Type:
        self.remembered(node)
        return self.name(node, node.field)

    def remembered(self, node: Window | Prev) -> None:
        if not self.scope.windows:
            hint = "give it a name in the rule's `let` and use that here"
            self.problem(node, "windows and prev can't be used here", hint)

    def of_binary(self, node: Binary) -> Type:
        if any(isinstance(side, Literal) and side.value is None for side in (node.left, node.right)):
            hint = "write has(field) or !has(field) to ask whether there is a value"
            self.problem(node, f"'{node.op}' with null is always unknown", hint)
        if node.op in ("&&", "||"):
            return self.sides(node, Type.BOOL)
        if node.op in ("-", "*", "/", "%"):
            return self.sides(node, Type.NUMBER)
        left, right = self.type_of(node.left), self.type_of(node.right)
        if node.op == "+":
            return self.sum(node, left, right)
        if node.op == "in":
            self.membership(node, right)
        elif node.op in ("==", "!="):
            self.equality(node, left, right)
        else:
            self.order(node, left, right)
        return Type.BOOL

    def sides(self, node: Binary, wanted: Type) -> Type:
        self.expect(node.left, wanted, f"before '{node.op}' must stand")
        self.expect(node.right, wanted, f"after '{node.op}' must stand")
        return wanted

    def sum(self, node: Binary, left: Type, right: Type) -> Type:
        found = _meet(left, right)
        if found in (Type.NUMBER, Type.TEXT, Type.ANY):
            return found
        self.problem(node, f"'+' can't join {left} and {right}", "add two numbers or join two texts")
        return Type.ANY

    def membership(self, node: Binary, right: Type) -> None:
        if _meet(right, Type.LIST) is None:
            self.problem(node.right, f"after 'in' must stand a list, and this is {right}", _HINT[Type.LIST])

    def equality(self, node: Binary, left: Type, right: Type) -> None:
        if _meet(left, right) is None:
            hint = "compare values of one type; numbers stand without quotes, texts in quotes"
            self.problem(node, f"{left} and {right} are never equal", hint)

    def order(self, node: Binary, left: Type, right: Type) -> None:
        for side, other in ((node.left, right), (node.right, left)):
            if other is not Type.TEXT and (written := _number_in_quotes(side)):
                hint = f"write {written} without quotes"
                self.problem(side, f"'{node.op}' compares with a number that is a text", hint)
                return
        if _meet(left, right) not in (Type.NUMBER, Type.TEXT, Type.ANY):
            hint = "compare two numbers or two texts"
            self.problem(node, f"'{node.op}' can't put {left} and {right} in order", hint)


def _number_in_quotes(node: Node) -> str:
    """Return the number that a literal text reads as, or an empty text."""
    if isinstance(node, Literal) and isinstance(node.value, str) and _NUMBER_TEXT.fullmatch(node.value):
        return node.value.strip()
    return ""


def _meet(one: Type, other: Type) -> Type | None:
    """Return the type that both can be, or None."""
    if one is Type.ANY:
        return other
    return one if other in (one, Type.ANY) else None


_HINT: Final = {
    Type.BOOL: "compare it with something, such as error_count > 10",
    Type.NUMBER: "numbers stand without quotes; a condition counts by (condition ? 1 : 0)",
    Type.TEXT: "texts stand in quotes",
    Type.LIST: 'write [a, b]; for a part of a text write x.contains("a")',
}
_OF_LITERAL: Final[Mapping[type, Type]] = {
    float: Type.NUMBER,
    int: Type.NUMBER,
    str: Type.TEXT,
    bool: Type.BOOL,
    type(None): Type.ANY,
}
_BY_NODE: Final[Mapping[type[Node], Callable[[_Checker, Any], Type]]] = {
    Literal: _Checker.of_literal,
    ListOf: _Checker.of_list,
    Name: _Checker.of_name,
    Unary: _Checker.of_unary,
    Binary: _Checker.of_binary,
    Ternary: _Checker.of_ternary,
    Has: _Checker.of_has,
    Call: _Checker.of_call,
    Lookup: _Checker.of_lookup,
    Window: _Checker.of_window,
    Prev: _Checker.of_prev,
}
