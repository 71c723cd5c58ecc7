"""The lexer: the text of an expression in, its tokens out; the first thing that can't be one is refused.

Called by the parser alone. Most mistakes that people bring along from other languages (``=``, ``<>``, ``AND``,
smart quotes, ``10k``) are seen here, so the plain words for them stand here too.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from dutyd.core.duration import UNIT_SECONDS
from dutyd.core.expr.errors import ExpressionError

Kind = Literal["number", "duration", "text", "name", "word", "mark", "end"]

LONGEST_SECONDS: Final = 366 * 86400.0
"""The longest window: a year."""

WORDS: Final = {"and": "&&", "or": "||", "not": "not", "in": "in", "true": "true", "false": "false", "null": "null"}
"""Words that are not names, and the mark that each stands for."""

_TOKEN: Final = re.compile(
    rf"""(?P<space>\s+)
      | (?P<number>(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?P<unit>[A-Za-z_][A-Za-z0-9_]*)?
      | (?P<word>(?:{"|".join(WORDS)})(?![A-Za-z0-9_]))
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)
      | (?P<quote>["'])
      | (?P<mark>===|!==|==|!=|<=|>=|<>|=>|=<|\*\*|&&|\|\||[-+*/%<>!?:()\[\],.=&|])
    """,
    re.VERBOSE,
)
_WRONG_MARKS: Final = {
    "=": "write == to compare",
    "===": "write ==",
    "!==": "write !=",
    "<>": "write !=",
    "=>": "write >=",
    "=<": "write <=",
    "&": "write && or and",
    "|": "write || or or",
    "**": "there are no powers; write x * x",
}
_WRONG_WORDS: Final = {
    "AND": "write && or and",
    "And": "write && or and",
    "OR": "write || or or",
    "Or": "write || or or",
    "NOT": "write ! or not",
    "Not": "write ! or not",
    "IN": "write in",
    "TRUE": "write true",
    "True": "write true",
    "FALSE": "write false",
    "False": "write false",
    "NULL": "write has(field) or !has(field) to ask whether there is a value",
    "Null": "write has(field) or !has(field) to ask whether there is a value",
    "None": "write has(field) or !has(field) to ask whether there is a value",
}
_BRACES: Final = "an expression has no braces; {{ }} belongs around it, and only where text is expected"
_WRONG_CHARACTERS: Final = {
    # Quotes of word processors: double, single, angle, low, backtick, acute.
    **dict.fromkeys(
        "\u201c\u201d\u201e\u00ab\u00bb\u2018\u2019\u201a`\u00b4", "write straight quotes: \"text\" or 'text'"
    ),
    "\u2264": "write <=",
    "\u2265": "write >=",
    "\u2260": "write !=",
    "\u00d7": "write *",
    "\u00f7": "write /",
    **dict.fromkeys("\u2212\u2013", "write -"),  # minus sign, en dash
    **dict.fromkeys("{}", _BRACES),
    "#": "an expression has no comments",
    ";": "there is one expression only; join conditions with &&",
    "$": "write the field's name alone",
    "@": "names are made of letters, digits, _ and dots",
}
_CONTROLS: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPES: Final = _CONTROLS | {mark: mark for mark in "\\?\"'`"}
_ESCAPE_DIGITS: Final = {"x": 2, "X": 2, "u": 4, "U": 8}
"""As in CEL, without its octal ones."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token.

    Attributes:
        text: as written, quotes and all; of a word the mark that it stands for.
        at: where it begins, a 0-based offset.
        value: of a number or text its value, of a duration its seconds, of a word the word.

    """

    kind: Kind
    text: str
    at: int
    value: float | str = 0.0

    @property
    def written(self) -> str:
        """The token as a person wrote it."""
        return str(self.value) if self.kind == "word" else self.text


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of *text*, last an ``end``; raises ExpressionError with the column in *text*."""
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _wrong_character(text[at], at)
        if match["quote"]:
            token, at = _quoted(text, at)
            yield token
            continue
        at = match.end()
        if match["number"]:
            yield _number(match)
        elif match["word"]:
            yield Token("word", WORDS[match["word"]], match.start(), match["word"])
        elif match["name"]:
            yield _name(match["name"], match.start())
        elif match["mark"]:
            yield _mark(match["mark"], match.start())
    yield Token("end", "", len(text))


def _wrong_character(character: str, at: int) -> ExpressionError:
    hint = _WRONG_CHARACTERS.get(character, "names are made of letters, digits, _ and dots; texts stand in quotes")
    return ExpressionError(f"{character!r} has no meaning here", at + 1, hint)


def _mark(mark: str, at: int) -> Token:
    if mark in _WRONG_MARKS:
        raise ExpressionError(f"'{mark}' is not an operator", at + 1, _WRONG_MARKS[mark])
    return Token("mark", mark, at)


def _name(name: str, at: int) -> Token:
    if name in _WRONG_WORDS:
        raise ExpressionError(f"'{name}' is not a word of this language", at + 1, _WRONG_WORDS[name])
    return Token("name", name, at)


def _number(match: re.Match[str]) -> Token:
    at = match.start()
    value = float(match["number"])
    if match["unit"]:
        return Token("duration", match[0], at, _seconds(match, value))
    if not math.isfinite(value):
        raise ExpressionError("the number is too large", at + 1, "numbers are doubles, up to about 1.7e308")
    return Token("number", match[0], at, value)


def _seconds(match: re.Match[str], value: float) -> float:
    text, column = match[0], match.start() + 1
    if match["unit"] not in UNIT_SECONDS:
        hint = "write a number without letters (10000, 0.5), or a duration: 100ms, 30s, 5m, 1h, 7d"
        raise ExpressionError(f"'{text}' is neither a number nor a duration", column, hint)
    if not match["number"].isdigit():
        raise ExpressionError(
            f"the duration '{text}' is not a whole number", column, "take a smaller unit: 90m, not 1.5h"
        )
    # A division for ms: 100 * 0.001 is not 0.1.
    seconds = value / 1000 if match["unit"] == "ms" else value * UNIT_SECONDS[match["unit"]]
    if not 0 < seconds <= LONGEST_SECONDS:
        raise ExpressionError(f"a window can't be '{text}' long", column, "write a duration from 1ms to 366d")
    return seconds


def _quoted(text: str, start: int) -> tuple[Token, int]:
    """Read the text literal that begins at *start*; return it and the offset after its closing quote."""
    end, found = start + 1, list[str]()
    while end < len(text) and text[end] not in "\r\n":
        character = text[end]
        if character == text[start]:
            return Token("text", text[start : end + 1], start, "".join(found)), end + 1
        if character == "\\":
            character, end = _escape(text, end)
        found.append(character)
        end += 1
    raise ExpressionError(
        "the text is never closed", start + 1, f"put {text[start]} at its end, in the same line; \\n is a line break"
    )


def _escape(text: str, at: int) -> tuple[str, int]:
    """Read the escape that begins at *at*; return its character and the offset of its last letter."""
    letter = text[at + 1 : at + 2]
    if letter in _ESCAPES:
        return _ESCAPES[letter], at + 1
    digits = text[at + 2 : at + 2 + _ESCAPE_DIGITS.get(letter, 0)]
    if letter in _ESCAPE_DIGITS and re.fullmatch(r"[0-9a-fA-F]+", digits):
        code = int(digits, 16)
        if len(digits) == _ESCAPE_DIGITS[letter] and code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF:
            return chr(code), at + 1 + len(digits)
    hint = "write \\\\ for a backslash; there are \\n \\t \\r \\\" \\' \\u00e9 \\U0001f600"
    raise ExpressionError(f"'\\{letter}' is not an escape", at + 1, hint)
