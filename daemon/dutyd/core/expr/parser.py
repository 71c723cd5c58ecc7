"""The parser: the text of an expression in, its tree out, or an ExpressionError that points and says what to write.

A Pratt parser over ``tokens``: ``rules.load`` calls it for every expression of a rule file, ``template`` for what
stands between ``{{ }}``. It knows the functions and how many arguments they take, so whoever gets a tree need not ask
again; types are the checker's. Caps keep every later walk small: a text of at most 4 KiB, 64 levels, 256 nodes.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from dutyd.core.expr.calls import Argument, by_outside, known_function, make_call, series_of
from dutyd.core.expr.errors import ExpressionError
from dutyd.core.expr.mistakes import leading_zeros, no_operator, no_value
from dutyd.core.expr.precedence import COMPARISON, POWER, TERNARY
from dutyd.core.expr.tokens import Token, tokens
from dutyd.core.expr.tree import Binary, Expr, ListOf, Literal, Name, Node, Ternary, Unary, children

MAX_BYTES: Final = 4096
MAX_DEPTH: Final = 64
MAX_NODES: Final = 256
_SPLIT: Final = "name a part of it in `let`, or make two rules of it"
_CONSTANTS: Final = {"true": True, "false": False, "null": None}
T = TypeVar("T")


def parse(text: str, *, offset: int = 0) -> Expr:
    """Return the tree of *text*; raises ExpressionError.

    *offset* is where *text* begins inside a longer one: columns count from that one's start.
    """
    try:
        return Expr(text, _parse(text), offset)
    except ExpressionError as error:
        raise ExpressionError(error.message, error.column + offset, error.hint) from None


def _parse(text: str) -> Node:
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise ExpressionError(f"the expression is longer than {MAX_BYTES} bytes", 1, _SPLIT)
    root = _Parser(tuple(tokens(text))).whole()
    _refuse_large(root)
    return root


def _refuse_large(root: Node) -> None:
    waiting, seen = [(root, 1)], 0
    while waiting:
        node, depth = waiting.pop()
        seen += 1
        if depth > MAX_DEPTH:
            raise _too_deep(node.at)
        if series_of(node) is not None:
            raise by_outside(node.at)
        if seen > MAX_NODES:
            raise ExpressionError(f"the expression has more than {MAX_NODES} parts", node.at + 1, _SPLIT)
        waiting.extend((child, depth + 1) for child in reversed(children(node)))


def _too_deep(at: int) -> ExpressionError:
    return ExpressionError(f"the expression is nested deeper than {MAX_DEPTH} levels", at + 1, _SPLIT)


@dataclass(slots=True)
class _Parser:
    """Reads one token after the other; ``next`` is the one that was not taken yet.

    Marks and words are told by their text alone: that of a literal text begins with a quote.
    """

    all: Sequence[Token]
    index: int = 0
    nesting: int = 0

    @property
    def next(self) -> Token:
        return self.all[self.index]

    def take(self) -> Token:
        token = self.next
        self.index += token.kind != "end"
        return token

    def taken(self, mark: str) -> bool:
        """Take the next token if it is *mark*, and say so."""
        found = self.next.text == mark
        self.index += found
        return found

    @contextmanager
    def nested(self) -> Iterator[None]:
        """Count a level of recursion, so that no text exhausts the stack before its tree is measured."""
        self.nesting += 1
        if self.nesting > 2 * MAX_DEPTH:  # a level of the tree takes at most two: brackets and an operator
            raise _too_deep(self.next.at)
        yield
        self.nesting -= 1

    def whole(self) -> Node:
        if self.next.kind == "end":
            raise ExpressionError("the expression is empty", 1, "write a condition such as error_count > 10")
        root = self.expression()
        self.end()
        return root

    def end(self) -> None:
        if self.next.kind != "end":
            raise no_operator(self.next, self.all[self.index - 1])

    def expression(self, least: int = TERNARY) -> Node:
        """Read operators that bind at least as tight as *least*, and their operands."""
        with self.nested():
            node = self.operand()
            while (own := POWER.get(self.next.text, 0)) >= max(least, TERNARY + 1):
                node = self.binary(node, own)
            return self.ternary(node) if least == TERNARY and self.next.text == "?" else node

    def binary(self, left: Node, own: int) -> Node:
        token = self.take()
        right = self.expression(own + 1)
        if own == COMPARISON == POWER.get(self.next.text):
            hint = "write a < b && b < c, or put brackets around one"
            raise ExpressionError("comparisons can't be chained", self.next.at + 1, hint)
        return Binary(cast("Any", token.text), left, right, token.at)

    def ternary(self, condition: Node) -> Node:
        question = self.take()
        then = self.expression()
        if not self.taken(":"):
            hint = "write condition ? value : other value"
            raise ExpressionError("this '?' has no ':'", question.at + 1, hint)
        return Ternary(condition, then, self.expression(), question.at)

    def operand(self) -> Node:
        """Read a unary operator and its operand, or what binds tighter than any operator."""
        token = self.next
        if token.text in ("!", "-"):
            return self.unary()
        if token.text == "not":
            node = self.unary()
            if POWER.get(self.next.text, 0) >= COMPARISON:
                hint = "put brackets around what it covers: not (a == b)"
                raise ExpressionError("it is not clear what 'not' covers", token.at + 1, hint)
            return node
        return self.calls_on(self.primary())

    def unary(self) -> Node:
        token = self.take()
        with self.nested():
            operand = self.operand()
        if token.text != "-":
            return Unary("!", operand, token.at)
        if isinstance(operand, Literal) and isinstance(operand.value, float):
            return Literal(-operand.value, token.at)  # -5 is a number, no calculation
        return Unary("-", operand, token.at)

    def primary(self) -> Node:
        token = self.take()
        if token.kind == "number" and token.text[0] == "0" and token.text[1:2].isdigit():
            raise leading_zeros(token)
        if token.kind in ("number", "text"):
            return Literal(token.value, token.at)
        if token.kind == "name":
            return self.name(token)
        if token.text in _CONSTANTS:
            return Literal(_CONSTANTS[token.text], token.at)
        if token.text == "[":
            return ListOf(tuple(self.items(token, "]", self.expression)), token.at)
        if token.text == "(":
            inner = self.expression()
            self.close(token, ")")
            return inner
        raise no_value(token)

    def name(self, token: Token) -> Node:
        if self.next.text != "(":
            return Name(token.text, token.at)
        receiver, dot, function = token.text.rpartition(".")
        first = (Name(receiver, token.at),) if dot else ()
        return self.call(first, function, token.at + len(receiver) + len(dot))

    def calls_on(self, node: Node) -> Node:
        """Read ``.f(...)`` after *node*, as often as it comes."""
        while self.taken("."):
            token = self.take()
            if token.kind != "name" or "." in token.text or self.next.text != "(":
                hint = 'write a name without spaces (labels.service), or a function: lower(x).contains("a")'
                raise ExpressionError("after '.' stands neither a name nor a function", token.at + 1, hint)
            node = self.call((node,), token.text, token.at)
        return node

    def call(self, receiver: tuple[Node, ...], function: str, at: int) -> Node:
        known_function(function, at)
        args = self.items(self.take(), ")", self.argument)
        return make_call(function, (*receiver, *args), at, on_value=bool(receiver))

    def argument(self) -> Argument:
        if self.next.kind == "duration" and self.all[self.index + 1].text in (",", ")", ""):
            return self.take()
        return self.expression()

    def items(self, opening: Token, closing: str, read: Callable[[], T]) -> list[T]:
        """Read what stands between *opening* and *closing*, separated by commas."""
        found: list[T] = []
        if self.taken(closing):
            return found
        found.append(read())
        while self.taken(","):
            found.append(read())
        self.close(opening, closing)
        return found

    def close(self, opening: Token, closing: str) -> None:
        """Take *closing*, or say that *opening* is never closed, or what stands in its way."""
        if self.taken(closing):
            return
        if self.next.kind == "end" or self.next.text in (")", "]"):
            hint = f"put a '{closing}' where it ends"
            raise ExpressionError(f"this '{opening.text}' is never closed", opening.at + 1, hint)
        raise no_operator(self.next, self.all[self.index - 1])
