"""Templates: values of a rule file in which ``{{ }}`` marks an expression.

``parse_template`` reads what stands in ``with``, ``fallback``, ``summary`` and their like once, at load; ``act``
renders it for each incident. A text that is one expression and nothing else keeps that expression's type; any other
text stays text; lists and objects are rendered item by item. A single brace and a ``}}`` without its ``{{`` are text;
a literal ``{{`` is written ``{{ "{{" }}``.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from dutyd.core.expr.errors import ExpressionError, Path
from dutyd.core.expr.evaluate import Look, evaluate
from dutyd.core.expr.operators import number
from dutyd.core.expr.parser import parse
from dutyd.core.expr.text import number_text
from dutyd.core.expr.tree import Expr, Type
from dutyd.core.expr.types import Scope, examine

MAX_DEPTH: Final = 32
"""How deep lists and objects may be nested."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A text with expressions in it: its literal and its marked parts, in order."""

    parts: tuple[str | Expr, ...]


Part = str | int | float | bool | Expr | Joined | tuple["Part", ...] | Mapping[str, "Part"]


@dataclass(frozen=True, slots=True)
class Template:
    """A value of a rule file, parsed.

    Attributes:
        source: the value as written.
        root: the value with its texts parsed.

    """

    source: object
    root: Part

    @property
    def is_literal(self) -> bool:
        """Whether there is no expression in it."""
        return not self.exprs

    @property
    def literal(self) -> object | None:
        """The value where there is no expression in it, else None."""
        return self.source if self.is_literal else None

    @property
    def places(self) -> tuple[tuple[Path, Expr], ...]:
        """Every expression, and in which text of lists and objects it stands."""
        return tuple(_places(self.root, ()))

    @property
    def exprs(self) -> tuple[Expr, ...]:
        """Every expression, in the order of the file."""
        return tuple(expr for _, expr in self.places)

    @property
    def names(self) -> frozenset[str]:
        """Every name that its expressions read."""
        return frozenset[str]().union(*(expr.names for expr in self.exprs))

    def text(self, look: Look, write: Callable[[str], str] = str) -> str | None:
        """Return the value as one text, None if any expression in it is unknown.

        What an expression gives passes through *write*, which makes it harmless where the text will stand (a path, a
        header); what was written literally stays as it is. A list or an object has no text.
        """
        parts = self.root.parts if isinstance(self.root, Joined) else (self.root,)
        pieces = [_piece(part, look, write) for part in parts]
        return None if None in pieces else "".join(piece for piece in pieces if piece is not None)

    def map(self, change: Callable[[Expr], Expr]) -> "Template":
        """Return it with every expression changed."""
        return Template(self.source, _mapped(self.root, change))

    def render(self, look: Look) -> object | None:
        """Return the value under *look*; None if any expression in it is unknown. Whole numbers come as int."""
        return _render(self.root, look)


def parse_template(value: object) -> Template:
    """Return *value* (text, number, bool, list or object, nested) as a template; raises ExpressionError."""
    return Template(value, _parse(value, ()))


def examine_template(template: Template, scope: Scope, expect: Type = Type.ANY) -> tuple[ExpressionError, ...]:
    """Return every problem of the expressions in *template*; *expect* holds for a value that is only ``{{ }}``."""
    problems: list[ExpressionError] = []
    for path, expr in template.places:
        wanted = expect if expr is template.root else Type.ANY
        found = examine(expr, scope, wanted).problems
        problems += [ExpressionError(one.message, one.column, one.hint, path) for one in found]
    return tuple(problems)


def _parse(value: object, path: Path) -> Part:
    if len(path) > MAX_DEPTH:
        raise ExpressionError(f"the value is nested deeper than {MAX_DEPTH} levels", 1, "make it flatter", path)
    if isinstance(value, str):
        try:
            return _parse_text(value)
        except ExpressionError as error:
            raise ExpressionError(error.message, error.column, error.hint, path) from None
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, list | tuple):
        return tuple(_parse(item, (*path, index)) for index, item in enumerate(value))
    if isinstance(value, Mapping):
        return {_key(key, path): _parse(item, (*path, key)) for key, item in value.items()}
    shown = "null" if value is None else repr(value)
    raise ExpressionError(f"{shown} is not a value", 1, "write a text, a number, true or false, or leave it out", path)


def _key(key: object, path: Path) -> str:
    if not isinstance(key, str):
        raise ExpressionError(f"the name {key!r} is not a text", 1, f"put it in quotes: '{key}'", path)
    if "{{" in key:
        raise ExpressionError(f"the name '{key}' can't be an expression", 1, "only values can", path)
    return key


def _parse_text(text: str) -> str | Expr | Joined:
    parts: list[str | Expr] = []
    at = 0
    while (start := text.find("{{", at)) >= 0:
        end = _end(text, start)
        if start > at:
            parts.append(text[at:start])
        parts.append(_parse_marked(text, start + 2, end))
        at = end + 2
    if not parts:
        return text
    if at < len(text):
        parts.append(text[at:])
    only = parts[0] if len(parts) == 1 else None
    return only if isinstance(only, Expr) else Joined(tuple(parts))


def _parse_marked(text: str, start: int, end: int) -> Expr:
    inner = text[start:end].strip()
    if not inner:
        raise ExpressionError("nothing stands between {{ and }}", start - 1, "name a field: {{ service }}")
    return parse(inner, offset=text.index(inner, start))


def _end(text: str, start: int) -> int:
    """Return where the ``}}`` stands that closes the ``{{`` at *start*; one inside a quoted text is none."""
    quote, at = "", start + 2
    while at < len(text):
        if quote:
            if text[at] == "\\":
                at += 1  # what follows a backslash is never the closing quote
            elif text[at] == quote:
                quote = ""
        elif text.startswith("}}", at):
            return at
        elif text[at] in "\"'":
            quote = text[at]
        at += 1
    hint = f"put the closing {quote} before }}}}" if quote else 'put }} after the expression, or write {{ "{{" }}'
    raise ExpressionError("this {{ is never closed", start + 1, hint)


def _places(part: Part, path: Path) -> Iterator[tuple[Path, Expr]]:
    if isinstance(part, Expr):
        yield path, part
    elif isinstance(part, Joined):
        yield from ((path, piece) for piece in part.parts if isinstance(piece, Expr))
    elif isinstance(part, tuple):
        for index, item in enumerate(part):
            yield from _places(item, (*path, index))
    elif isinstance(part, Mapping):
        for key, item in part.items():
            yield from _places(item, (*path, key))


def _mapped(part: Part, change: Callable[[Expr], Expr]) -> Part:
    if isinstance(part, Expr):
        return change(part)
    if isinstance(part, Joined):
        return Joined(tuple(change(piece) if isinstance(piece, Expr) else piece for piece in part.parts))
    if isinstance(part, tuple):
        return tuple(_mapped(item, change) for item in part)
    if isinstance(part, Mapping):
        return {key: _mapped(item, change) for key, item in part.items()}
    return part


def _render(part: Part, look: Look) -> object | None:
    if isinstance(part, Expr):
        return _whole(evaluate(part, look))
    if isinstance(part, Joined):
        pieces = [piece if isinstance(piece, str) else as_text(evaluate(piece, look)) for piece in part.parts]
        return None if None in pieces else "".join(piece for piece in pieces if piece is not None)
    if isinstance(part, tuple):
        items = [_render(item, look) for item in part]
        return None if None in items else items
    if isinstance(part, Mapping):
        members = {key: _render(item, look) for key, item in part.items()}
        return None if None in members.values() else members
    return part


def _piece(part: Part, look: Look, write: Callable[[str], str]) -> str | None:
    if isinstance(part, Expr):
        found = as_text(evaluate(part, look))
        return None if found is None else write(found)
    return None if isinstance(part, Joined | tuple | Mapping) else as_text(part)


def _whole(value: object | None) -> object | None:
    """Return *value* with whole numbers as int: 24.0 and 24 are one number, so they must be one argument."""
    if isinstance(value, list | tuple):
        return [_whole(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def as_text(value: object | None) -> str | None:
    """Return *value* as it stands in a text: numbers as people write them, lists by commas, objects as JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return None if number(value) is None else number_text(value)
    if isinstance(value, list | tuple):
        return ", ".join("null" if item is None else as_text(item) or "" for item in value)
    if isinstance(value, str) or value is None:
        return value
    return json.dumps(value, ensure_ascii=False, default=str)
