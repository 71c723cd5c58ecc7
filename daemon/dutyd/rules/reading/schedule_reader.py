"""Read what makes a rule due by the clock: ``schedule``, ``timezone``, ``missed``. Called by ``opening_reader``.

Such a rule sees no events, so it has none of the keys that speak of them; its steps read what a due time is.
"""

from dutyd.core.expr import Type
from dutyd.core.opening import Schedule
from dutyd.evaluate.schedule import ScheduleError, read_schedule, zone
from dutyd.rules.known import Known
from dutyd.rules.reading.episode_reader import KEYS as EPISODE_KEYS
from dutyd.rules.reading.fields import Fields
from dutyd.rules.reading.sequence_reader import KEYS as SEQUENCE_KEYS
from dutyd.rules.reading.values import duration, text
from dutyd.rules.syntax.source import Node, Scalar, SourceFile
from dutyd.rules.syntax.yaml_positions import locate

KEYS = ("schedule", "timezone", "missed")
NAMES = {"due": Type.TEXT, "date": Type.TEXT, "weekday": Type.TEXT, "missed": Type.NUMBER}
"""What steps and summary of a scheduled rule can read."""

OF_EVENTS = ("from", "where", "per", "let", "when", "for", "clear", "on_clear", *EPISODE_KEYS, *SEQUENCE_KEYS)
_USUAL_MISSED = 600.0
_MISSED = (60.0, 7 * 86400.0)


def refuse_alone(fields: Fields) -> None:
    """Report what belongs to a schedule where there is none."""
    for key in KEYS:
        if fields.written(key):
            message = f"`{key}` belongs to a `schedule`, and this rule has none"
            fields.source.report(fields.key(key), "schedule", message, "delete it, or write schedule: '0 6 * * 1-5'")


def schedule_of(fields: Fields, known: Known) -> Schedule | None:
    """Return the schedule of a rule that has one, or None where it can't be read."""
    for key in OF_EVENTS:
        if fields.written(key):
            message = f"a rule with a `schedule` has no `{key}`: it sees no events, and each due time is an incident"
            hint = (
                "delete it, or make two rules of it" if key != "on_clear" else "delete it: the incident ends by itself"
            )
            fields.source.report(fields.key(key), "schedule", message, hint)
    if known.topics is not None and not known.topics:
        message = "a schedule is run by whoever reads the first topic of the settings, and they have none"
        fields.source.report(fields.key("schedule"), "schedule", message, "add a topic, even one without events")
    return read_cron(fields, "schedule", fields.read("missed", _missed, _USUAL_MISSED))


def read_cron(fields: Fields, key: str, missed: float = 0.0) -> Schedule | None:
    """Return the schedule of the cron expression under *key*, in the `timezone` beside it; None: it can't be read."""
    timezone = fields.read("timezone", _timezone, "UTC")

    def read(source: SourceFile, node: Node) -> Schedule | None:
        written = text(source, node)
        if written is None or not isinstance(node, Scalar):
            return None
        try:
            return read_schedule(written, timezone, missed)
        except ScheduleError as error:
            source.report(locate(source.text, node, error.column - 1), "schedule", error.message, error.hint)
            return None

    return fields.read(key, read)


def _timezone(source: SourceFile, node: Node) -> str | None:
    name = text(source, node)
    try:
        return None if name is None else zone(name).key
    except ValueError as error:
        source.report(node, "timezone", str(error), "names such as Europe/Berlin, America/New_York or UTC")
        return None


def _missed(source: SourceFile, node: Node) -> float | None:
    found = duration(source, node)
    low, high = _MISSED
    if found is None or low <= found <= high:
        return found
    source.report(node, "out-of-range", "`missed` is between 1m and 7d", "how late a run may still be made up for")
    return None
