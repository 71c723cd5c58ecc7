"""Bytes to a JSON document, and a document's object to flat fields, within bounds.

The first step of every format. What can't be read leaves as ``BadInputError`` with a reason that a producer's owner
understands. Whole numbers stay ``int``, so that large ids compare exactly; one that no double holds is bad input,
like NaN and Infinity, which are not JSON.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from dutyd.core.errors import BadInputError

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_FIELDS = 1_000

DOUBLE_DIGITS = 309
"""A whole number of fewer digits always fits a double."""

DOUBLE_BITS = 1024

loads = msgspec.json.Decoder().decode
"""The bare decoder, for callers that keep the bounds themselves."""

_KINDS = {str: "text", bool: "a bool", int: "a number", float: "a number", type(None): "null", list: "an array"}


def read_json(value: bytes) -> Any:
    """Return the document in *value*.

    Raises:
        BadInputError: it is too large, not JSON, or nested too deep to be read at all.

    """
    if len(value) > MAX_BYTES:
        raise BadInputError(f"too large: {len(value)} bytes, at most {MAX_BYTES} are read")
    try:
        return loads(value)
    except msgspec.ValidationError as error:
        raise BadInputError("a number is beyond what a double holds") from error
    except msgspec.DecodeError as error:
        raise BadInputError(f"not JSON: {_why(value, str(error))}") from error
    except UnicodeDecodeError as error:
        raise BadInputError("not JSON: text that is not UTF-8") from error
    except RecursionError as error:
        raise BadInputError(f"nested deeper than {MAX_DEPTH}") from error


def _why(value: bytes, error: str) -> str:
    if not value.strip():
        return "the value is empty"
    if b"NaN" in value or b"Infinity" in value:
        return f"{error}; NaN and Infinity are no JSON numbers"
    return error


def flatten(members: dict[str, Any]) -> dict[str, Any]:
    """Return *members* with inner objects by dots; of two that get one name the later counts.

    Raises:
        BadInputError: too deep, too many fields, or a number that no double holds.

    """
    fields: dict[str, Any] = {}
    _flatten(members, "", 1, fields)
    if len(fields) > MAX_FIELDS:
        raise BadInputError(f"too many fields: {len(fields)}, at most {MAX_FIELDS} are read")
    return fields


def _flatten(members: dict[str, Any], prefix: str, depth: int, fields: dict[str, Any]) -> None:
    if depth > MAX_DEPTH:
        raise BadInputError(f"nested deeper than {MAX_DEPTH}")
    for name, value in members.items():
        kind = value.__class__
        if kind is dict:
            _flatten(value, f"{prefix}{name}.", depth + 1, fields)
            continue
        if kind is list:
            _check(value, depth + 1)
        elif kind is int and value.bit_length() > DOUBLE_BITS:
            raise BadInputError(f"{prefix}{name}: a number is beyond what a double holds")
        fields[prefix + name] = value


def _check(items: Iterable[Any], depth: int) -> None:
    """Check the bounds of what stays a list."""
    if depth > MAX_DEPTH:
        raise BadInputError(f"nested deeper than {MAX_DEPTH}")
    for item in items:
        kind = item.__class__
        if kind is list:
            _check(item, depth + 1)
        elif kind is dict:
            _check(item.values(), depth + 1)
        elif kind is int and item.bit_length() > DOUBLE_BITS:
            raise BadInputError("a number is beyond what a double holds")


def kind_of(value: Any) -> str:
    """Return what *value* is, in a producer's words."""
    return _KINDS.get(value.__class__, "an object")
