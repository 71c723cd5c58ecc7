"""The Python that compiled expressions are made of, as syntax-tree nodes: names, constants, calls and what joins them.

Nodes are built, never text, so that nothing an expression says can become code. What is plain already when it is
written, such as whether a constant is None, is decided here. ``compiler`` writes expressions with these, the engine's
``codegen`` the functions around them.
"""

import ast


def name(text: str) -> ast.expr:
    """Return the code that reads the local name *text*."""
    return ast.Name(text, ast.Load())


def constant(value: object) -> ast.expr:
    """Return the code of a constant."""
    return ast.Constant(value)  # type: ignore[arg-type]  # frozen sets of constants are fine for the compiler


def call(function: str, *args: ast.expr) -> ast.expr:
    """Return the code of a call."""
    return ast.Call(name(function), list(args), [])


def all_of(*parts: ast.expr) -> ast.expr:
    """Return ``a and b and ...``; of nothing: True."""
    return ast.BoolOp(ast.And(), list(parts)) if len(parts) > 1 else (*parts, constant(True))[0]


def any_of(*parts: ast.expr) -> ast.expr:
    """Return ``a or b or ...``."""
    return ast.BoolOp(ast.Or(), list(parts)) if len(parts) > 1 else parts[0]


def is_(value: ast.expr, other: bool | None) -> ast.expr:
    """Return ``value is other``."""
    if isinstance(value, ast.Constant):
        return constant(value.value is other)
    return ast.Compare(value, [ast.Is()], [constant(other)])


def is_not(value: ast.expr, other: bool | None) -> ast.expr:
    """Return ``value is not other``."""
    if isinstance(value, ast.Constant):
        return constant(value.value is not other)
    return ast.Compare(value, [ast.IsNot()], [constant(other)])


def compare(left: ast.expr, op: type[ast.cmpop], right: ast.expr) -> ast.expr:
    """Return ``left op right``."""
    return ast.Compare(left, [op()], [right])


def class_is(value: ast.expr, kind: str) -> ast.expr:
    """Return ``value.__class__ is kind``: of that class and of none below it, so a bool is no int."""
    return compare(ast.Attribute(value, "__class__", ast.Load()), ast.Is, name(kind))


def known(*values: ast.expr) -> list[ast.expr]:
    """Return the checks that none of *values* is None; a constant needs none."""
    unsure = [value for value in values if not (isinstance(value, ast.Constant) and value.value is not None)]
    return [is_not(value, None) for value in unsure]
