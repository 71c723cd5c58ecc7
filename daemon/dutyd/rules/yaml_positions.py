"""Where in the file a character of a scalar's value stands: carets inside quotes, escapes and block scalars.

YAML folds lines, doubles quotes and decodes escapes, so that the seventh character of an expression is rarely the
seventh of its scalar. ``locate`` walks the written form and the value side by side; it runs only when there is a
mistake to point at.
"""

import re
from collections.abc import Iterator

from dutyd.rules.source import Scalar

_ESCAPE = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|\r\n|.)", re.DOTALL)
_BREAK = re.compile(r"[ \t]*(?:\r\n|\r|\n)[ \t\r\n]*")


def locate(text: str, scalar: Scalar, offset: int) -> int:
    """Return the index in *text* of the character at *offset* of the scalar's value, or the nearest one before."""
    last = scalar.start
    for count, index in enumerate(_indexes(text, scalar)):
        last = index
        if count == offset:
            return index
    return min(last + 1, scalar.end) if scalar.text else scalar.start


def _indexes(text: str, scalar: Scalar) -> Iterator[int]:
    """Yield, for each character of the value in turn, the index in *text* where it is written."""
    if scalar.style in ("|", ">"):
        return _in_block(text, scalar)
    if scalar.style:
        return _in_line(text, scalar, scalar.start + 1, scalar.end - 1)
    return _in_line(text, scalar, scalar.start, scalar.end)


def _in_line(text: str, scalar: Scalar, begin: int, end: int) -> Iterator[int]:
    index = begin
    while index < end:
        if folded := _BREAK.match(text, index, end):
            # A line end is a space; each further one is a line end of the value.
            breaks = len(re.findall(r"\r\n|\r|\n", folded[0]))
            yield from [index] * max(breaks - 1, 1)
            index = folded.end()
        elif scalar.style == '"' and (escape := _ESCAPE.match(text, index, end)):
            if escape[0][1] not in "\r\n":
                yield index
            index = escape.end()
        else:
            yield index
            index += 2 if scalar.style == "'" and text.startswith("''", index) else 1


def _in_block(text: str, scalar: Scalar) -> Iterator[int]:
    """Yield the places of a block scalar: its header line is skipped, and each line's indentation."""
    index = text.find("\n", scalar.start) + 1
    indent: int | None = None
    while index < scalar.end:
        stop = text.find("\n", index)
        stop = scalar.end if stop < 0 else stop
        line = text[index:stop]
        if indent is None and line.strip():
            indent = len(line) - len(line.lstrip(" "))
        start = min(index + (indent or 0), stop)
        yield from range(start, stop + 1)
        index = stop + 1
