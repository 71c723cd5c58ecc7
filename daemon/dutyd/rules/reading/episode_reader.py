"""Read how long an incident lasts and how often it is acted on: ``opens``, ``keep_firing_for``, ``again``, ``silent``,
``expire``. Called by ``rule_reader``.
"""

from typing import Any

from dutyd.core.limits import Brake
from dutyd.core.opening import Again, Opens, Silent, Then
from dutyd.rules.reading.fields import Fields
from dutyd.rules.reading.values import count, duration, one_of
from dutyd.rules.syntax.source import Node, SourceFile

KEYS = ("keep_firing_for", "again", "silent", "expire", "opens")

NOT_EACH = ("for", "clear", "on_clear", "keep_firing_for", "again", "silent", "expire")
"""What a rule has no use for whose incidents stand for one event each."""


def read_episode(fields: Fields) -> dict[str, Any]:
    """Return what these keys say, as arguments of ``Rule``."""
    opens = fields.read("opens", one_of(Opens), Opens.ON_CHANGE)
    for key in NOT_EACH if opens is Opens.EACH_EVENT else ():
        if fields.written(key):
            message = f"a rule that `opens: each_event` has no `{key}`: nothing follows on the one event"
            hint = "delete it: the incident ends when its steps are done"
            fields.source.report(fields.key(key), "each-event", message, hint)
    return {
        "opens": opens,
        "keep": fields.read("keep_firing_for", positive_duration, 0.0),
        "again": fields.read("again", _again),
        "silent": fields.read("silent", _silent),
        "expire": fields.read("expire", positive_duration),
    }


def positive_duration(source: SourceFile, node: Node) -> float | None:
    """Read a duration longer than nothing."""
    found = duration(source, node)
    if found is None or found > 0:
        return found
    source.report(node, "out-of-range", "expected a duration longer than 0s", "leave the key out for none at all")
    return None


def _again(source: SourceFile, node: Node) -> Again | None:
    fields = Fields(source, node, "round", ("every", "at_most"), required=("every",))
    every = fields.require("every", positive_duration, "such as every: 1d")
    at_most = fields.read("at_most", count)
    return None if every is None else Again(every, at_most)


def read_brake(source: SourceFile, node: Node) -> Brake | None:
    """Read ``brake: {openings: 10, within: 1h}``, of a rule or of the policy."""
    fields = Fields(source, node, "brake", ("openings", "within"), required=("openings", "within"))
    openings = fields.require("openings", count, "how many are still right, such as openings: 10")
    within = fields.require("within", positive_duration, "such as within: 1h")
    return None if openings is None or within is None else Brake(openings, within)


def _silent(source: SourceFile, node: Node) -> Silent | None:
    fields = Fields(source, node, "silence", ("after", "then"), required=("after", "then"))
    after = fields.require("after", positive_duration, "such as after: 15m")
    then = fields.require("then", one_of(Then), "end closes the incident, keep leaves it open")
    return None if after is None or then is None else Silent(after, then)
