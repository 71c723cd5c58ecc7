"""Where in the file a character of a scalar's value stands: carets inside quotes, escapes and block scalars.

YAML folds lines, doubles quotes and decodes escapes, so that the seventh character of an expression is rarely the
seventh of its scalar. ``locate`` walks the value and its written form side by side: a run of white space matches a run
of white space, however YAML folded it, everything else matches one by one. It runs only when there is a mistake to
point at.
"""

import re
from collections.abc import Iterator

from dutyd.rules.syntax.source import Scalar

_SPACE = re.compile(r"\s+")
_ESCAPED_SPACE = re.compile(r"(?:\s|\\[ \tntrvf_NLP\r\n])+")
_ESCAPE = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", re.DOTALL)


def locate(text: str, scalar: Scalar, offset: int) -> int:
    """Return the index in *text* of the character at *offset* of the scalar's value, or the nearest one before."""
    last = scalar.start
    for count, index in enumerate(_indexes(text, scalar)):
        last = index
        if count == offset:
            break
    return min(last, scalar.end)


def _indexes(text: str, scalar: Scalar) -> Iterator[int]:
    """Yield, for each character of the value in turn and for its end, the index in *text* where it is written."""
    index = scalar.start
    if scalar.style in ("|", ">"):
        index = text.find("\n", index) + 1
    elif scalar.style:
        index += 1
    space = _ESCAPED_SPACE if scalar.style == '"' else _SPACE
    for char in scalar.text:
        skipped = space.match(text, index, scalar.end)
        if char.isspace():
            yield index
            continue  # the run is passed over when the next other character comes
        index = skipped.end() if skipped else index
        yield index
        index += _width(text, scalar.style, index)
    yield index


def _width(text: str, style: str, index: int) -> int:
    """Return how many characters the one at *index* takes in the file."""
    if style == '"' and (escape := _ESCAPE.match(text, index)):
        return len(escape[0])
    return 2 if style == "'" and text.startswith("''", index) else 1
