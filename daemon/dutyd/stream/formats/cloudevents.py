"""CloudEvents 1.0 in both modes of the Kafka binding: the members of ``data`` are fields, attributes ``ce.NAME``.

Structured: the value is the whole event. Binary: attributes stand in ``ce_NAME`` headers and the value is the data.
No data can replace an attribute.
"""

import base64
from collections.abc import Mapping
from typing import Any

from dutyd.core.errors import BadInputError
from dutyd.stream.formats.document import flatten, read_json
from dutyd.stream.formats.facts import Facts

REQUIRED = ("specversion", "id", "source", "type")
_HEADER = "ce_"
_STRUCTURED = "application/cloudevents"


def fits(members: dict[str, Any]) -> bool:
    """Whether the object has the four attributes that every CloudEvent has."""
    return all(isinstance(members.get(name), str) for name in REQUIRED)


def read(members: dict[str, Any]) -> list[Facts]:
    """Read one event in structured mode.

    Raises:
        BadInputError: an attribute is missing, or ``data_base64`` can't be read.

    """
    attributes = {name: value for name, value in members.items() if name not in ("data", "data_base64")}
    data = members.get("data")
    if data is None and "data_base64" in members:
        data = _encoded(members["data_base64"], attributes.get("datacontenttype"))
    return [_event(attributes, data)]


def is_binary(headers: Mapping[str, bytes]) -> bool:
    """Whether the record's headers say binary mode."""
    structured = headers.get("content-type", b"").lower().startswith(_STRUCTURED.encode())
    return not structured and f"{_HEADER}specversion" in headers


def read_binary(headers: Mapping[str, bytes], value: bytes | None) -> list[Facts]:
    """Read one event in binary mode; no value is no data.

    Raises:
        BadInputError: an attribute is missing, or the data is not JSON.

    """
    try:
        text = {name: content.decode() for name, content in headers.items()}
    except UnicodeDecodeError as error:
        raise BadInputError("a header is not UTF-8") from error
    attributes: dict[str, Any] = {
        name.removeprefix(_HEADER): content for name, content in text.items() if name.startswith(_HEADER)
    }
    kind = text.get("content-type")
    if kind is not None:
        attributes["datacontenttype"] = kind
    if value is None:
        return [_event(attributes, None)]
    if not _is_json(kind):
        raise BadInputError(f"data of content type {kind!r}: only JSON is read")
    return [_event(attributes, read_json(value))]


def _event(attributes: dict[str, Any], data: Any) -> Facts:
    missing = [name for name in REQUIRED if not isinstance(attributes.get(name), str)]
    if missing:
        raise BadInputError(f"no CloudEvent: the attribute '{missing[0]}' is missing or no text")
    if attributes["specversion"] != "1.0":
        raise BadInputError(f"CloudEvents {attributes['specversion'][:20]!r}: only specversion 1.0 is read")
    if data is not None and not isinstance(data, dict):
        data = {"data": data}
    fields = flatten(data or {}) | flatten({"ce": attributes})
    return Facts(fields, attributes["id"], attributes["source"], attributes.get("time"))


def _encoded(text: Any, kind: Any) -> Any:
    if not isinstance(text, str) or not _is_json(kind):
        raise BadInputError(f"data_base64 of content type {kind!r}: only JSON is read")
    try:
        return read_json(base64.b64decode(text, validate=True))
    except ValueError as error:  # no base64, or no ASCII
        raise BadInputError(f"data_base64 can't be read: {error}") from error


def _is_json(kind: Any) -> bool:
    """Whether the content type is JSON; none means JSON."""
    if kind is None:
        return True
    essence = str(kind).partition(";")[0].strip().lower()
    return essence.endswith(("/json", "+json"))
