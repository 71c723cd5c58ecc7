"""Readers of single values: a node in, the typed value out, or None after the mistake was reported.

Each has the same shape, ``reader(source, node) -> value | None``, so that ``Fields`` can apply any of them and
readers of larger blocks are built from them.
"""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

from dutyd.core.duration import parse_duration
from dutyd.core.errors import nearest
from dutyd.core.limits import Rate
from dutyd.core.secrets import cut
from dutyd.rules.syntax.source import Broken, ListNode, MapNode, Node, Scalar, SourceFile

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)
Reader = Callable[[SourceFile, Node], T | None]

_RATE = re.compile(r"\s*([0-9]+)\s*/\s*(\S+)\s*")


def describe(node: Node) -> str:
    """Return what *node* is, for "expected ..., found ..."."""
    if isinstance(node, ListNode):
        return "a list" if node.items else "an empty list"
    if isinstance(node, MapNode):
        return "a mapping" if node.pairs else "an empty mapping"
    if isinstance(node, Broken) or node.value is None:
        return "nothing"
    if isinstance(node.value, bool):
        return node.text
    return f"the text '{cut(node.text, 40)}'" if isinstance(node.value, str) else f"the number {node.text[:40]}"


def wrong(source: SourceFile, node: Node, expected: str, hint: str = "") -> None:
    """Report that *node* is not what was expected; a broken node was reported before."""
    if not isinstance(node, Broken):
        source.report(node, "wrong-type", f"expected {expected}, found {describe(node)}", hint)


def plain(node: Node) -> Any:
    """Return *node* as ordinary values: dict, list, text, number, bool, None."""
    if isinstance(node, MapNode):
        return {key.text: plain(value) for key, value in node.pairs}
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    return node.value if isinstance(node, Scalar) else None


def anything(_source: SourceFile, node: Node) -> Node:
    """Read whatever stands there; for keys that are only required, or read elsewhere."""
    return node


def text(source: SourceFile, node: Node) -> str | None:
    """Read a text that is not empty."""
    if isinstance(node, Scalar) and isinstance(node.value, str) and node.value.strip():
        return node.value
    hint = ""
    if isinstance(node, Scalar) and isinstance(node.value, bool | int | float):
        hint = f'put it in quotes: "{node.text}"'
    wrong(source, node, "a text", hint)
    return None


def number(source: SourceFile, node: Node) -> float | None:
    """Read a number."""
    if isinstance(node, Scalar) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return node.value
    wrong(source, node, "a number")
    return None


def positive(source: SourceFile, node: Node) -> float | None:
    """Read a number above 0."""
    value = number(source, node)
    if value is None or value > 0:
        return value
    source.report(node, "out-of-range", f"expected a number above 0, found {value:g}")
    return None


def count(source: SourceFile, node: Node) -> int | None:
    """Read a whole number from 1."""
    if isinstance(node, Scalar) and isinstance(node.value, int) and not isinstance(node.value, bool):
        if node.value >= 1:
            return node.value
        source.report(node, "out-of-range", f"expected a whole number from 1, found {node.text}")
        return None
    wrong(source, node, "a whole number")
    return None


def duration(source: SourceFile, node: Node) -> float | None:
    """Read a duration such as ``2m``; returns seconds."""
    if not isinstance(node, Scalar) or node.value is None:
        wrong(source, node, "a duration such as 30s, 2m, 1h or 7d")
        return None
    try:
        return parse_duration(node.text)
    except ValueError as error:
        source.report(node, "duration", str(error))
        return None


def rate(source: SourceFile, node: Node) -> Rate | None:
    """Read a rate such as ``3/1h``: at most three in any hour."""
    match = _RATE.fullmatch(node.text) if isinstance(node, Scalar) else None
    if match is None:
        wrong(source, node, "a rate such as 3/1h: a count, '/', and a duration")
        return None
    try:
        found = Rate(int(match[1][:_MAX_DIGITS]), parse_duration(match[2]))
    except ValueError as error:
        source.report(node, "duration", str(error))
        return None
    if found.count < 1 or found.seconds <= 0:
        source.report(node, "out-of-range", "a rate allows at least 1 in more than no time")
        return None
    return found


_MAX_DIGITS = 9


def list_of(reader: Reader[T], example: str) -> Reader[tuple[T, ...]]:
    """Make a reader of lists; *example* shows how one is written."""

    def read(source: SourceFile, node: Node) -> tuple[T, ...] | None:
        if not isinstance(node, ListNode):
            wrong(source, node, f"a list such as {example}")
            return None
        values = [reader(source, item) for item in node.items]
        return tuple(value for value in values if value is not None)

    return read


def names(example: str, reader: Reader[str] = text) -> Reader[tuple[str, ...]]:
    """Make a reader of lists of names, each there once."""
    listed = list_of(reader, example)

    def read(source: SourceFile, node: Node) -> tuple[str, ...] | None:
        seen: set[str] = set()
        for item in node.items if isinstance(node, ListNode) else ():
            if isinstance(item, Scalar) and item.text in seen:
                source.report(item, "duplicate-value", f"{describe(item)} is in this list twice", "delete one of them")
            elif isinstance(item, Scalar):
                seen.add(item.text)
        return listed(source, node)

    return read


def one_of(enum: type[E], *also: str) -> Reader[E]:
    """Make a reader of the values of *enum*; *also* are values that the caller reads itself, for messages."""
    valid = (*(member.value for member in enum), *also)
    listed = f"{', '.join(valid[:-1])} or {valid[-1]}"

    def read(source: SourceFile, node: Node) -> E | None:
        if not isinstance(node, Scalar) or node.value is None:
            wrong(source, node, f"one of {listed}")
        elif node.text in valid[: len(enum)]:
            return enum(node.text)
        else:
            message = f"'{node.text[:40]}' is not one of {listed}{nearest(node.text, valid)}"
            source.report(node, "unknown-value", message)
        return None

    return read
