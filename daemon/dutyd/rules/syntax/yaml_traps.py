"""YAML's traps in plain words: what a syntax error really means for somebody who writes rules, and how to read on.

Pure functions over the text and ruamel's error, called by ``yaml_reader``. ``explain`` says what is wrong and what to
do; ``mend`` blanks the value that was wrong, so that the rest of the file can be checked in the same run.
"""

import re
from dataclasses import dataclass

from ruamel.yaml.error import MarkedYAMLError

LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+")
"""A plain scalar such as ``0012``: a number in YAML, a part number for people."""

UNQUOTED_TEMPLATE = (
    "'{{ }}' without quotes reads as a YAML mapping",
    'put the whole value in quotes: "{{ ... }}"',
)

_KEY_VALUE = re.compile(r"[ ]*(?:- +)*['\"]?[A-Za-z_][\w.-]*['\"]?[ ]*:[ ]+(?=\S)")
_KINDS = {"!": "tag", "&": "anchor", "*": "alias"}
_SHOWN = 60  # characters of a value in a hint


@dataclass(frozen=True, slots=True)
class Slip:
    """A syntax error in plain words, and the index where it stands."""

    index: int
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Mended:
    """The text with one wrong value replaced by a null of the same length, and where that value begins."""

    text: str
    start: int


def first_character(value: str) -> str:
    """Return what YAML makes of a value that begins with ``!``, ``&`` or ``*``."""
    first = value[:1]
    return f"'{first}' at the beginning of a value makes it a YAML {_KINDS.get(first, 'tag')}, not an expression"


def in_quotes(value: str) -> str:
    """Return the hint to put all of *value* in quotes, with the kind that needs no escapes."""
    value = value.strip()
    if len(value) > _SHOWN:
        return "put the whole value in quotes"
    if "'" in value and '"' not in value and "\\" not in value:
        return f'put the whole value in quotes: "{value}"'
    doubled = value.replace("'", "''")
    return f"put the whole value in quotes: '{doubled}'"


def explain(text: str, error: MarkedYAMLError) -> Slip:
    """Return where *error* really is, what is wrong, and what to do about it."""
    index, problem = _index(error, text), error.problem or "it can't be read"
    for mark, message, hint in _CERTAIN:
        if mark in problem:
            return Slip(index, message, hint)
    found = _value_of_line(text, index)
    if found is not None and found[0] <= index:
        start, value = found
        if trap := _value_trap(start, value, in_flow="flow" in str(error.context)):
            return trap
        if "mapping values are not allowed" in problem:
            return Slip(index, "': ' inside a value without quotes begins a new mapping", in_quotes(value))
    for mark, message, hint in _LIKELY:
        if mark in problem:
            return Slip(index, message, hint)
    return Slip(index, f"this is not YAML: {problem}", "")


_CERTAIN = (
    ("'\\t'", "a tab stands where YAML wants spaces", "indent and separate with spaces"),
    ("unexpected end of stream", "this quote is never closed", "close it"),
    ("unknown escape", "this backslash escape does not exist in double quotes", "use single quotes, or write \\\\"),
    ("cannot start any token", "a value can't begin with this character", "put the whole value in quotes"),
)
_LIKELY = (
    ("expected ',' or '}'", "this { is not closed, or a comma is missing", "check the braces, commas and quotes"),
    ("expected ',' or ']'", "this [ is not closed, or a comma is missing", "check the brackets, commas and quotes"),
    ("could not find expected ':'", "a ':' is missing after this key", "write 'key: value'"),
    ("mapping values are not allowed", "this line is indented more than its neighbours", "align it with them"),
    ("expected <block end>", "this line does not fit the lines above it", "check its indentation"),
)


def _index(error: MarkedYAMLError, text: str) -> int:
    """Return the index that helps most: of what was never closed where the text just ends, else of the error."""
    mark, context, problem = error.problem_mark, error.context_mark, error.problem or ""
    unclosed = "end" in problem and "stream" in problem
    best = context if context is not None and (unclosed or "expected ':'" in problem or mark is None) else mark
    return min(best.index, len(text)) if best is not None else 0


def _value_of_line(text: str, index: int) -> tuple[int, str] | None:
    """Return where the value of a ``key: value`` line begins, and the value; None for other lines."""
    begin = max(text.rfind("\n", 0, index), text.rfind("\r", 0, index)) + 1
    end = min(found for found in (text.find("\n", index), text.find("\r", index), len(text)) if found >= 0)
    match = _KEY_VALUE.match(text, begin, end)
    return (match.end(), text[match.end() : end]) if match else None


def _value_trap(start: int, value: str, *, in_flow: bool) -> Slip | None:
    """Return what is wrong with a value whose first characters have another meaning in YAML."""
    if value.startswith("{{"):
        return Slip(start, *UNQUOTED_TEMPLATE)
    if in_flow and "{{" in value:
        return Slip(start + value.index("{{"), *UNQUOTED_TEMPLATE)
    if value[0] in _KINDS:
        return Slip(start, first_character(value), in_quotes(value))
    if value[0] in "'\"":
        message = "a value that begins with a quote ends at the next one; what follows has no place"
        return Slip(start, message, in_quotes(value))
    return None


def mend(text: str, index: int) -> Mended | None:
    """Return *text* with the wrong value of the line at *index* blanked, or a tab there; None: can't go on."""
    if text[index : index + 1] == "\t":
        stop = index + len(text[index:]) - len(text[index:].lstrip("\t"))
        return Mended(text[:index] + " " * (stop - index) + text[stop:], index)
    found = _value_of_line(text, index)
    if found is None:
        return None
    start, value = found
    return Mended(text[:start] + "~".ljust(len(value)) + text[start + len(value) :], start)
