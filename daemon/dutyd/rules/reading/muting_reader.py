"""Read what mutes incidents: ``inhibit`` of a rule, and the ``silences`` of a file.

Called by ``rule_reader`` and ``load``. Which rules there are is known when all files were read: ``load`` asks
``wrong_inhibitors`` and ``wrong_silences`` then.
"""

from collections.abc import Iterator, Mapping, Sequence

from dutyd.core.errors import nearest
from dutyd.core.limits import Inhibit
from dutyd.core.mute import RecurringSilence
from dutyd.core.rule import Rule
from dutyd.rules.problems import Problem
from dutyd.rules.reading.fields import Fields, entries
from dutyd.rules.reading.schedule_reader import read_cron
from dutyd.rules.reading.values import duration, names, text
from dutyd.rules.syntax.source import Node, SourceFile


def read_inhibit(source: SourceFile, node: Node) -> Inhibit | None:
    """Return what inhibits a rule, or None where it can't be read."""
    fields = Fields(source, node, "inhibit", ("by", "equal", "group_wait"), required=("by",))
    by = fields.require("by", names("[host-down]"), "name the rules whose open incidents mute this one")
    found = Inhibit(by or (), fields.read("equal", names("[host]"), ()), fields.read("group_wait", duration, 0.0))
    return None if by is None else found


def read_silence(source: SourceFile, node: Node) -> RecurringSilence | None:
    """Return a silence that comes again by the clock, or None where it can't be read."""
    known = ("id", "at", "timezone", "lasts", "rule", "match", "because")
    fields = Fields(source, node, "silence", known, required=("id", "at", "lasts", "because"))
    if not fields.readable:
        return None
    id_ = fields.require("id", text)
    if not fields.written("at"):
        fields.require("at", text, "say when it begins: '0 22 * * *' is every day at 22:00")
    at = read_cron(fields, "at")
    lasts = fields.require("lasts", duration, "say how long it lasts, such as 8h")
    because = fields.require("because", text, "say why, for whoever wonders")
    rule, match = fields.read("rule", text, ""), fields.read("match", _match, {})
    if id_ is None or at is None or lasts is None or because is None:
        return None
    return RecurringSilence(
        id=id_,
        because=because,
        schedule=at,
        lasts=lasts,
        rule=rule,
        entity=match,
        place=source.place((fields.node_of("id") or node).start),
    )


def _match(source: SourceFile, node: Node) -> Mapping[str, str] | None:
    found = {name.text: text(source, value) for name, value in entries(source, node, "a mapping of fields to values")}
    return {name: value for name, value in found.items() if value is not None}


def wrong_silences(silences: Sequence[RecurringSilence], rules: Mapping[str, Rule]) -> Iterator[Problem]:
    """Yield what is wrong between a silence, the other ones, and the rules that they name."""
    seen: set[str] = set()
    for silence in silences:
        place = (silence.place.file, silence.place.line, silence.place.column, "silence")
        if silence.id in seen:
            yield Problem(*place, f"there is a silence '{silence.id}' already", "ids are unique")
        seen.add(silence.id)
        if silence.rule and silence.rule not in rules:
            hint = f"name a rule of these files{nearest(silence.rule, tuple(rules))}"
            yield Problem(*place, f"silence '{silence.id}' is for '{silence.rule}', and there is no such rule", hint)
            continue
        for field in silence.entity if silence.rule else ():
            if field not in rules[silence.rule].per:
                message = f"'{field}' of `match` is not in the `per` of '{silence.rule}': it would cover nothing"
                yield Problem(*place, message, "name fields that the rule keeps its incidents by")


def wrong_inhibitors(rules: Mapping[str, Rule]) -> Iterator[Problem]:
    """Yield what is wrong between a rule and those that inhibit it."""
    for rule in rules.values():
        if rule.inhibit is None:
            continue
        place = (rule.place.file, rule.place.line, rule.place.column, "inhibit")
        for other in rule.inhibit.by:
            if other not in rules:
                yield Problem(
                    *place,
                    f"rule '{rule.id}' is inhibited by '{other}', and there is no such rule",
                    f"name a rule of these files{nearest(other, tuple(rules))}",
                )
                continue
            for field in rule.inhibit.equal:
                if field not in rule.per or field not in rules[other].per:
                    message = f"'{field}' of `equal` is not in the `per` of both '{rule.id}' and '{other}'"
                    yield Problem(*place, message, "name fields that both rules keep their incidents by")
