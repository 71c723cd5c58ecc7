"""collectd's ``write_kafka`` with ``Format JSON``: each value list of an array is one event.

A value list has several numbers under names of their own (``load``: shortterm, midterm, longterm; most others: one
``value``). These names become fields, beside ``host``, ``plugin``, ``type`` and the rest, which none of them replaces.
A number that collectd could not measure is null there, and so unknown in a rule. The id is collectd's own name for the
series (``web-1/memory/memory-used``): with the time it makes the event's identity.
"""

from typing import Any

from dutyd.core.errors import BadInputError
from dutyd.stream.formats.document import flatten
from dutyd.stream.formats.facts import Facts

_NUMBERS = ("values", "dsnames", "dstypes")


def fits(members: dict[str, Any]) -> bool:
    """Whether the object is a value list: texts ``host``, ``plugin``, ``type``, and a name for each of ``values``."""
    values, names = members.get("values"), members.get("dsnames")
    return (
        isinstance(values, list)
        and isinstance(names, list)
        and len(values) == len(names)
        and all(isinstance(name, str) for name in names)
        and all(isinstance(members.get(name), str) for name in ("host", "plugin", "type"))
    )


def read(members: dict[str, Any]) -> list[Facts]:
    """Read one value list.

    Raises:
        BadInputError: it does not fit.

    """
    if not fits(members):
        raise BadInputError(
            "no value list of collectd: expected texts 'host', 'plugin' and 'type', and lists 'values' and 'dsnames' "
            "of the same length"
        )
    numbers = dict(zip(members["dsnames"], members["values"], strict=True))
    fields = flatten(numbers) | flatten({name: value for name, value in members.items() if name not in _NUMBERS})
    return [Facts(fields, _series(members), None, members.get("time"))]


def _series(members: dict[str, Any]) -> str:
    """Return the name that collectd gives the series: host/plugin-instance/type-instance."""
    parts = [members["host"]]
    for name in ("plugin", "type"):
        instance = members.get(f"{name}_instance")
        parts.append(f"{members[name]}-{instance}" if instance else members[name])
    return "/".join(parts)
