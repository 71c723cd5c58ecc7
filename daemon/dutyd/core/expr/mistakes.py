"""Plain words for a token that stands where it can't: one function for each thing that was due in its place.

Called by the parser when it is stuck; the lexer has its own words for what is no token at all.
"""

from typing import Final

from dutyd.core.expr.calls import duration_outside
from dutyd.core.expr.errors import ExpressionError
from dutyd.core.expr.tokens import Token

_VALUE_HINT: Final = "write a field, a number, a text in quotes or something in brackets"
_OPERATOR_HINT: Final = "join conditions with && or ||; texts stand in quotes"
_HINTS: Final = {
    "[": 'write labels.service; a list is asked by "a" in x',
    "not": "write !(x in [a, b])",
    "is": "write == to compare",
    "like": 'write name.contains("a")',
    "matches": 'write name.startsWith("a"), name.endsWith("a") or name.contains("a")',
    "between": "write x >= 1 && x <= 5",
    "if": "write condition ? value : other value",
    "then": "write condition ? value : other value",
    "else": "write condition ? value : other value",
    ":": "write condition ? value : other value",
}


def no_value(token: Token) -> ExpressionError:
    """Return the error for *token* where a value must begin."""
    if token.kind == "end":
        return ExpressionError("a value is missing at the end", token.at + 1, _VALUE_HINT)
    if token.kind == "duration":
        return duration_outside(token)
    hint = "a number needs no sign" if token.text == "+" else _VALUE_HINT
    return ExpressionError(f"a value is missing before '{token.written}'", token.at + 1, hint)


def leading_zeros(token: Token) -> ExpressionError:
    """Return the error for the number *token* that a text was meant by: ``0012``."""
    message = f"{token.text} reads as a number and loses its leading zeros"
    return ExpressionError(message, token.at + 1, f'put it in quotes if it is a text: "{token.text}"')


def no_operator(token: Token, before: Token) -> ExpressionError:
    """Return the error for *token* where, after the value that ends with *before*, only an operator can stand."""
    if token.text in (")", "]"):
        opening = "(" if token.text == ")" else "["
        message = f"this '{token.text}' has no '{opening}'"
        return ExpressionError(message, token.at + 1, "take it away, or open it before")
    if token.kind == "duration":
        return duration_outside(token)
    if token.text == "," and before.kind == "number":
        return ExpressionError("a number holds no commas", token.at + 1, "write 10000 for 10,000 and 0.5 for 0,5")
    hint = _HINTS.get(token.written.lower(), _OPERATOR_HINT)
    return ExpressionError(f"an operator is missing before '{token.written}'", token.at + 1, hint)
