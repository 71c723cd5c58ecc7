"""Flat JSON: an object's members are the event's fields, those of inner objects by dots."""

from typing import Any

from dutyd.stream.formats.document import flatten
from dutyd.stream.formats.facts import Facts


def read(members: dict[str, Any]) -> list[Facts]:
    """Read one object; every object fits."""
    fields = flatten(members)
    time = fields.get("time")
    return [Facts(fields, fields.get("id"), fields.get("source"), fields.get("timestamp") if time is None else time)]
