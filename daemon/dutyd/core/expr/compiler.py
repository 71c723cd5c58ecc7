"""Trees become Python: statements that compute an expression with *unknown* as None, as ``evaluate`` does, but fast.

A ``Writer`` collects the statements of one function; ``evaluate.engine.compiled.codegen`` puts the conditions of many
rules into one, ``compile_predicate`` makes a function of a single condition. They build the nodes of ``python``, never
text. Two ideas keep the code short and fast:

* a condition is written twice, as *what makes it true* and as *what makes it false*. Each is plain two-valued logic
  (``a && b`` is false when either is false), and what is neither is unknown;
* values are computed once each into a local name (equal nodes share it), numbers as a double or None.

Where the fast form does not fit (texts in order, lists, functions) the code calls ``operators`` and ``functions``,
which define the meaning for both; a property test holds the two together. Floats in events are finite: decoding
sees to it.
"""

import ast
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from dutyd.core.expr.functions import FUNCTIONS
from dutyd.core.expr.operators import BINARY
from dutyd.core.expr.python import all_of, any_of, call, class_is, compare, constant, is_, is_not, known, name
from dutyd.core.expr.tables import find_row
from dutyd.core.expr.tree import (
    Binary,
    Call,
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
from dutyd.core.expr.types import static_type

Get = Callable[[str], Any]
"""Gives the value of a field, None where the event lacks it: ``fields.get``."""

_ORDER: Final[Mapping[str, tuple[type[ast.cmpop], type[ast.cmpop]]]] = {
    "<": (ast.Lt, ast.GtE),
    "<=": (ast.LtE, ast.Gt),
    ">": (ast.Gt, ast.LtE),
    ">=": (ast.GtE, ast.Lt),
}
"""Each ordering and its opposite: numbers here are never NaN."""

_ARITHMETIC: Final[Mapping[str, type[ast.operator]]] = {
    "+": ast.Add,
    "-": ast.Sub,
    "*": ast.Mult,
    "/": ast.Div,
}

_NAMESPACE: Final[Mapping[str, object]] = {
    "__builtins__": {},
    "float": float,
    "int": int,
    "str": str,
    "fmod": math.fmod,
    "find_row": find_row,
    **{f"op_{index}": function for index, function in enumerate(BINARY.values())},
    **{f"do_{name}": function.apply for name, function in FUNCTIONS.items()},
}
"""All that generated code can reach."""

_TOO_LARGE: Final = 2**1024 - 2**970
"""Whole numbers from here on are beyond the doubles."""

_HELPERS: Final = {op: f"op_{index}" for index, op in enumerate(BINARY)}


class Writer:
    """Writes the statements of one function.

    The function has these parameters where it needs them: ``get`` (a field's value by name), ``prev`` (the same in
    the event before), ``read``, ``track`` and ``time`` (``read(number, track, time)`` is a window's value).

    Attributes:
        body: the statements so far: assignments of local names.
        refs: what these names stand for that no constant can hold.

    """

    def __init__(self, windows: Mapping[Window, int], given: Mapping[Node, str] | None = None) -> None:
        """Write for windows by their numbers; *given*: nodes whose number is in a parameter, never None."""
        self.body: list[ast.stmt] = []
        self.refs: dict[str, object] = {}
        self._windows = windows
        self._given = given or {}
        self._values: dict[Node, ast.expr] = {}
        self._numbers: dict[Node, ast.expr] = {}

    def truth(self, node: Node) -> ast.expr:  # one kind of node after the other
        """Return code that is true when *node* is true, and false when it is false or unknown."""
        match node:
            case Binary(op="&&"):
                return all_of(self.truth(node.left), self.truth(node.right))
            case Binary(op="||"):
                return any_of(self.truth(node.left), self.truth(node.right))
            case Unary(op="!"):
                return self.falsity(node.operand)
            case Has():
                return is_not(self.value(Name(node.name)), None)
            case Binary(op="<" | "<=" | ">" | ">=" | "==" | "!=" | "in"):
                return self._comparison(node)[0]
        return is_(self.value(node), True)

    def falsity(self, node: Node) -> ast.expr:  # one kind of node after the other
        """Return code that is true when *node* is false, and false when it is true or unknown."""
        match node:
            case Binary(op="&&"):
                return any_of(self.falsity(node.left), self.falsity(node.right))
            case Binary(op="||"):
                return all_of(self.falsity(node.left), self.falsity(node.right))
            case Unary(op="!"):
                return self.truth(node.operand)
            case Has():
                return is_(self.value(Name(node.name)), None)
            case Binary(op="<" | "<=" | ">" | ">=" | "==" | "!=" | "in"):
                return self._comparison(node)[1]
        return is_(self.value(node), False)

    def value(self, node: Node) -> ast.expr:
        """Return code for the value of *node*, None when it is unknown."""
        if isinstance(node, Literal):
            return constant(node.value)
        if node in self._given:
            return name(self._given[node])
        if node not in self._values:
            self._values[node] = self._keep(self._compute(node))
        return self._values[node]

    def number(self, node: Node) -> ast.expr:
        """Return code for *node* as a number, None when it is unknown or no number."""
        if isinstance(node, Literal):
            numeric = isinstance(node.value, int | float) and not isinstance(node.value, bool)
            return constant(float(node.value) if numeric else None)  # type: ignore[arg-type]  # just checked
        if node in self._given:
            return name(self._given[node])
        if node not in self._numbers:
            self._numbers[node] = self._number(node)
        return self._numbers[node]

    def _keep(self, code: ast.expr) -> ast.expr:
        """Assign *code* to a new local name and return that."""
        if isinstance(code, ast.Constant | ast.Name):
            return code
        local = f"v{len(self.body)}"
        self.body.append(ast.Assign([ast.Name(local, ast.Store())], code))
        return name(local)

    def _when_known(self, values: list[ast.expr], code: ast.expr) -> ast.expr:
        """Return *code*, or None where one of *values* is None."""
        checks = known(*values)
        return ast.IfExp(all_of(*checks), code, constant(None)) if checks else code

    def _compute(self, node: Node) -> ast.expr:  # noqa: PLR0911  # one kind of node after the other
        match node:
            case Name():
                return call("get", constant(node.name))
            case Prev():
                return call("prev", constant(node.field))
            case Window():
                return call("read", constant(self._windows[node]), name("track"), name("time"))
            case Ternary():
                return self._either(node, self.value(node.then), self.value(node.other))
            case Call():
                args = [self.value(arg) for arg in node.args]
                return self._when_known(args, call(f"do_{node.function}", *args))
            case Lookup():
                values = f"t{len(self.refs)}"
                self.refs[values] = node.values
                default = constant(None) if node.default is None else self.value(node.default)
                return call("find_row", name(values), self.value(node.key), default)
            case ListOf():
                items = [self.value(item) for item in node.items]
                return self._when_known(items, ast.Tuple(items, ast.Load()))
            case Binary(op="+") if static_type(node) is not Type.NUMBER:
                total = self.number(node)
                joined = call(_HELPERS["+"], self.value(node.left), self.value(node.right))
                return ast.IfExp(is_not(total, None), total, joined)
            case Binary(op="+" | "-" | "*" | "/" | "%") | Unary(op="-"):
                return self.number(node)
        false = ast.IfExp(self.falsity(node), constant(False), constant(None))
        return ast.IfExp(self.truth(node), constant(True), false)

    def _either(self, node: Ternary, then: ast.expr, other: ast.expr) -> ast.expr:
        condition = self.value(node.condition)
        return ast.IfExp(is_(condition, True), then, ast.IfExp(is_(condition, False), other, constant(None)))

    def _number(self, node: Node) -> ast.expr:
        match node:
            case Binary(op="+" | "-" | "*" | "/" | "%"):
                return self._keep(self._arithmetic(node))
            case Unary(op="-"):
                operand = self.number(node.operand)
                return self._keep(self._when_known([operand], ast.UnaryOp(ast.USub(), operand)))
            case Ternary():
                return self._keep(self._either(node, self.number(node.then), self.number(node.other)))
            case Window() | Call() if static_type(node) is Type.NUMBER:
                return self.value(node)
            case Name() | Prev() | Lookup():
                value = self.value(node)
                fits = ast.Compare(constant(-_TOO_LARGE), [ast.Lt(), ast.Lt()], [value, constant(_TOO_LARGE)])
                whole = ast.IfExp(all_of(class_is(value, "int"), fits), call("float", value), constant(None))
                return self._keep(ast.IfExp(class_is(value, "float"), value, whole))
        return constant(None)

    def _arithmetic(self, node: Binary) -> ast.expr:
        """Return the result, or None where it is not finite or divides by zero."""
        left, right = self.number(node.left), self.number(node.right)
        result = call("fmod", left, right) if node.op == "%" else ast.BinOp(left, _ARITHMETIC[node.op](), right)
        local = f"r{len(self.body)}"
        stored = ast.NamedExpr(ast.Name(local, ast.Store()), result)
        finite = ast.Compare(constant(-math.inf), [ast.Lt(), ast.Lt()], [stored, constant(math.inf)])
        checks = known(left, right)
        if node.op in "/%":
            checks.append(compare(right, ast.NotEq, constant(0.0)))
        return ast.IfExp(all_of(*checks, finite), name(local), constant(None))

    def _comparison(self, node: Binary) -> tuple[ast.expr, ast.expr]:
        """Return the code for true and for false of a comparison."""
        sides = (static_type(node.left), static_type(node.right))
        if node.op in _ORDER and Type.NUMBER in sides:
            return self._order(node)
        if node.op in ("==", "!=") and isinstance(node.right, Literal) and node.right.value is not None:
            equal, other = self._equals(node.left, node.right)
            return (equal, other) if node.op == "==" else (other, equal)
        if node.op == "in" and isinstance(node.right, ListOf) and _only_texts(node.right):
            return self._among(node.left, node.right)
        found = self._keep(self._by_helper(node))
        return is_(found, True), is_(found, False)

    def _order(self, node: Binary) -> tuple[ast.expr, ast.expr]:
        left, right = self.number(node.left), self.number(node.right)
        checks = [] if node.left in self._given else known(left)
        checks += [] if node.right in self._given else known(right)
        holds, fails = _ORDER[node.op]
        return all_of(*checks, compare(left, holds, right)), all_of(*checks, compare(left, fails, right))

    def _equals(self, node: Node, literal: Literal) -> tuple[ast.expr, ast.expr]:
        """Compare with a constant: values of another type differ from it."""
        value = self.value(node)
        if isinstance(literal.value, bool):
            return is_(value, literal.value), all_of(*known(value), is_not(value, literal.value))
        same = value if isinstance(literal.value, str) else self.number(node)
        right = self.number(literal) if same is not value else self.value(literal)
        return compare(same, ast.Eq, right), all_of(*known(value), compare(same, ast.NotEq, right))

    def _among(self, node: Node, texts: ListOf) -> tuple[ast.expr, ast.expr]:
        value = self.value(node)
        options = constant(frozenset(item.value for item in texts.items if isinstance(item, Literal)))
        found = all_of(class_is(value, "str"), compare(value, ast.In, options))
        return found, all_of(*known(value), ast.UnaryOp(ast.Not(), found))

    def _by_helper(self, node: Binary) -> ast.expr:
        helped = call(_HELPERS[node.op], self.value(node.left), self.value(node.right))
        if node.op not in _ORDER or {static_type(node.left), static_type(node.right)} != {Type.ANY}:
            return helped
        left, right = self.number(node.left), self.number(node.right)
        numbers = compare(left, _ORDER[node.op][0], right)
        return ast.IfExp(all_of(*known(left, right)), numbers, helped)


def _only_texts(node: ListOf) -> bool:
    return bool(node.items) and all(isinstance(item, Literal) and isinstance(item.value, str) for item in node.items)


def compile_function(
    parameters: tuple[str, ...], body: list[ast.stmt], refs: Mapping[str, object] | None = None
) -> Callable[..., Any]:
    """Return the function that *body* (statements, the last returns) makes, with the *refs* of its ``Writer``."""
    arguments = ast.arguments([], [ast.arg(parameter) for parameter in parameters], None, [], [], None, [])
    function = ast.FunctionDef("generated", arguments, body, [])
    module = ast.fix_missing_locations(ast.Module([function], []))
    namespace = {**_NAMESPACE, **(refs or {})}
    exec(compile(module, "<rules>", "exec"), namespace)  # noqa: S102  # nodes built above, no text from a rule is code
    generated: Callable[..., Any] = namespace["generated"]  # type: ignore[assignment]  # what the line above defined
    return generated


def compile_predicate(node: Node) -> Callable[[Get], bool | None]:
    """Return a function of ``fields.get`` that tells whether *node* (no window, no ``prev``) is true; None: unknown."""
    writer = Writer({})
    result = writer.value(node)
    return compile_function(("get",), [*writer.body, ast.Return(result)], writer.refs)
