"""Read what opens a rule's incidents, each kind of rule in its own way: the clock (``schedule``), one thing after the
other (``sequence``), every event (``opens: each_event``), or a condition that becomes true.

Called by ``rule_reader``. Which keys a kind needs and which it can't have is reported here and in the kind's reader.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dutyd.core.errors import WrongError
from dutyd.core.expr import Expr, Type, parse
from dutyd.core.opening import Opens, Schedule, Sequence
from dutyd.core.rule import Rule
from dutyd.evaluate.engine.compiled.conditions import conditions_of
from dutyd.evaluate.engine.compiled.sequence import reads_items
from dutyd.rules.known import Known
from dutyd.rules.reading import schedule_reader, sequence_reader
from dutyd.rules.reading.fields import Fields
from dutyd.rules.reading.topics import check_topic
from dutyd.rules.reading.uses import Uses, Where
from dutyd.rules.reading.values import anything, text
from dutyd.rules.syntax.source import SourceFile

_CONDITIONS = {"where": Where.EVENT, "when": Where.CONDITION, "clear": Where.CONDITION}
_OF_ONE_EVENT = {"where": Where.EVENT, "when": Where.ONE_EVENT}


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens a rule, as far as it can be read.

    Attributes:
        topic: whose events it sees, empty: it sees none; None: not known.
        when: None where it can't be read, or what stands in its place can't.
        names: what its steps read in place of an event's fields.
        items: the names of its sequence's items, right or wrong.

    """

    topic: str | None
    when: Expr | None
    where: Expr | None = None
    clear: Expr | None = None
    schedule: Schedule | None = None
    sequence: Sequence | None = None
    names: Mapping[str, Type] | None = None
    items: tuple[str, ...] = ()


def read_opening(fields: Fields, known: Known, uses: Uses, per: tuple[str, ...] | None, opens: Opens) -> Opening:
    """Return what opens the rule of *fields*; *per* and *opens* are read already."""
    places = _OF_ONE_EVENT if opens is Opens.EACH_EVENT else _CONDITIONS
    conditions = {key: fields.read(key, uses.expression(where)) for key, where in places.items()}
    if fields.written("schedule"):
        schedule = schedule_reader.schedule_of(fields, known)
        when = None if schedule is None else parse("true")
        return Opening("", when, schedule=schedule, names=schedule_reader.NAMES)
    schedule_reader.refuse_alone(fields)
    topic = fields.require("from", text)
    if topic:
        stays = None if opens is Opens.EACH_EVENT else per if fields.written("per") else ()
        check_topic(fields, known, topic, stays)
    opening = Opening(topic, conditions["when"], conditions["where"], conditions.get("clear"))
    if fields.written("sequence"):
        return _in_order(opening, fields, sequence_reader.Home(known, uses, topic, per or ()))
    sequence_reader.refuse_alone(fields)
    if opens is Opens.EACH_EVENT:
        return opening if fields.written("when") else replace(opening, when=parse("true"))
    fields.require("when", anything, "say when it fires, such as error_count > 10")
    return opening


def _in_order(opening: Opening, fields: Fields, home: sequence_reader.Home) -> Opening:
    """Return *opening* with a sequence in place of ``when``."""
    sequence = sequence_reader.read_sequence(fields, home)
    when = None if sequence is None else parse("false")
    return replace(opening, when=when, sequence=sequence, items=sequence_reader.names_of(fields))


def check_conditions(source: SourceFile, fields: Fields, rule: Rule) -> None:
    """Have the engine read the conditions: it knows how much it can hold with every ``let`` put in."""
    try:
        found = conditions_of(rule)
    except WrongError as error:
        source.report(fields.node_of("let") or fields.node, "conditions", str(error))
        return
    several = rule.sequence is not None and len(rule.sequence.topics) > 1
    if several and (found.windows or found.prevs):
        message = "a sequence over several topics has no windows and no prev: it is judged after later events"
        source.report(fields.node_of("let") or fields.node, "sequence", message, "count in a rule of its own")
    if rule.sequence is not None and found.clear is not None and reads_items(found.clear):
        message = "`clear` looks at the events after the sequence: it can't read its items"
        source.report(fields.key("clear"), "sequence", message, "compare with a number or with a field of the event")
    if rule.opens is Opens.EACH_EVENT and (found.windows or found.prevs):
        message = "a rule that opens for each event looks at that event alone: no windows, no prev"
        source.report(fields.node_of("let") or fields.node, "each-event", message, "count in a rule of its own")
