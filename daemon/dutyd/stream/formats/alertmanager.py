"""Alertmanager's webhook (version 4), and Grafana's, which is the same and more: one event an alert.

One message holds alerts of mixed status, and each is sent again at every repeat interval: so an alert's identity is
fingerprint, start and status, and its time is the record's, because ``startsAt`` stays the same for as long as it
fires.
"""

from typing import Any

from dutyd.core.errors import BadInputError
from dutyd.stream.formats.document import flatten
from dutyd.stream.formats.facts import ARRIVAL, Facts

_IDENTITY = ("fingerprint", "startsAt", "status")
_MEMBERS = ("status", "fingerprint", "startsAt", "endsAt")


def fits(members: dict[str, Any]) -> bool:
    """Whether the object is a webhook message: ``alerts``, each with ``labels``, ``status`` and ``startsAt``."""
    alerts = members.get("alerts")
    return isinstance(alerts, list) and "status" in members and all(_is_alert(alert) for alert in alerts)


def read(members: dict[str, Any]) -> list[Facts]:
    """Read one message.

    Raises:
        BadInputError: it does not fit.

    """
    if not fits(members):
        raise BadInputError(
            "no Alertmanager message: expected 'status' and a list 'alerts' with labels, status and startsAt in each"
        )
    return [_alert(alert) for alert in members["alerts"]]


def _is_alert(alert: Any) -> bool:
    return (
        isinstance(alert, dict)
        and isinstance(alert.get("labels"), dict)
        and isinstance(alert.get("status"), str)
        and isinstance(alert.get("startsAt"), str)
    )


def _alert(alert: dict[str, Any]) -> Facts:
    annotations = alert.get("annotations")
    fields = flatten(alert["labels"])
    fields |= flatten({"annotations": annotations} if isinstance(annotations, dict) else {})
    fields |= flatten({name: alert[name] for name in _MEMBERS if name in alert})
    identity = [part for part in map(alert.get, _IDENTITY) if isinstance(part, str) and part]
    return Facts(fields, "/".join(identity) if len(identity) == len(_IDENTITY) else None, None, ARRIVAL)
