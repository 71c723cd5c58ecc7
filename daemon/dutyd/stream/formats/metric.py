"""metric/value/labels: a named number with labels, as Telegraf, Vector and many scripts write it.

The labels become fields under their own names; ``metric``, ``value``, a field named like the metric that holds the
value, and the object's other members can't be replaced by a label.
"""

from typing import Any

from dutyd.core.errors import BadInputError
from dutyd.stream.formats.document import flatten
from dutyd.stream.formats.facts import Facts


def fits(members: dict[str, Any]) -> bool:
    """Whether the object has a text ``metric`` or ``name`` and a number ``value``."""
    number = members.get("value").__class__
    return (number is int or number is float) and _name(members) is not None


def read(members: dict[str, Any]) -> list[Facts]:
    """Read one object.

    Raises:
        BadInputError: it does not fit.

    """
    if not fits(members):
        raise BadInputError("no metric: expected a text 'metric' or 'name' and a number 'value'")
    others = dict(members)
    metric, value = others.pop(_name(members)), others.pop("value")
    labels = _labels(others)
    others = flatten(others)
    fields = labels | others
    fields[metric] = value
    fields["metric"] = metric
    fields["value"] = value
    time = others.get("time")
    return [Facts(fields, others.get("id"), others.get("source"), others.get("timestamp") if time is None else time)]


def _name(members: dict[str, Any]) -> Any:
    """Return which member names the metric."""
    if members.get("metric").__class__ is str:
        return "metric"
    return "name" if members.get("name").__class__ is str else None


def _labels(members: dict[str, Any]) -> dict[str, Any]:
    """Take the labels out of *members*, flat."""
    for name in ("labels", "tags"):
        if members.get(name).__class__ is dict:
            return flatten(members.pop(name))
    return {}
