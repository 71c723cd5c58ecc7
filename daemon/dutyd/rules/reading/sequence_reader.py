"""Read what opens a rule when one thing after the other happened: ``sequence``, ``within``, ``unless``.

Called by ``opening_reader``. What the items have to do with the rest of the rule is checked here, too: which keys such
a rule can't have, and that all topics keep an entity's events in the same task.
"""

import re
from dataclasses import dataclass

from dutyd.core.opening import Guard, Item, Sequence
from dutyd.rules.known import Known
from dutyd.rules.reading.episode_reader import positive_duration
from dutyd.rules.reading.fields import Fields
from dutyd.rules.reading.topics import check_topic
from dutyd.rules.reading.uses import Uses, Where
from dutyd.rules.reading.values import plain, text, wrong
from dutyd.rules.syntax.source import ListNode, Node, SourceFile

KEYS = ("sequence", "within", "unless")

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
ITEM_KEYS = ("name", "from", "where")
GUARD_KEYS = ("from", "where")

_FEWEST, _MOST = 2, 10
_NOT_BESIDE = ("when", "for", "opens")
_OPEN = ("on_clear", "again")
_SUCH_AS = "[{name: deploy, where: deployed == true}, {name: errors, where: error_count > 10}]"

_ENDED_BY_EVENTS = ("clear", "silent")
"""What would depend on which topic is read first."""


@dataclass(frozen=True, slots=True)
class Home:
    """The rule that the items are of: its own topic, None where it can't be read, and its ``per``."""

    known: Known
    uses: Uses
    topic: str | None
    per: tuple[str, ...]


def refuse_alone(fields: Fields) -> None:
    """Report what belongs to a sequence where there is none."""
    for key in ("within", "unless"):
        if fields.written(key):
            message = f"`{key}` belongs to a `sequence`, and this rule has none"
            fields.source.report(fields.key(key), "sequence", message, f"delete it, or write sequence: {_SUCH_AS}")


def read_sequence(fields: Fields, home: Home) -> Sequence | None:
    """Return the sequence of a rule that has one, or None where it can't be read."""
    within = fields.require("within", positive_duration, "from the first item to the last, such as within: 10m")
    unless = fields.read("unless", lambda source, node: _guard(source, node, home))
    items = fields.read("sequence", lambda source, node: _items(source, node, home)) or ()
    for key in _NOT_BESIDE:
        if fields.written(key):
            message = f"a rule with a `sequence` has no `{key}`: it opens with its last item"
            fields.source.report(fields.key(key), "sequence", message, "delete it, or make two rules of it")
    _check_end(fields)
    if within is None or not items:
        return None
    found = Sequence(items, within, unless)
    for key in _ENDED_BY_EVENTS if len(found.topics) > 1 else ():
        if fields.written(key):
            message = f"a sequence over several topics has no `{key}`: its items are judged later than the events that"
            fields.source.report(fields.key(key), "sequence", f"{message} would end it", "end it with expire: 1h")
    return found


def names_of(fields: Fields) -> tuple[str, ...]:
    """Return the names that the items have, right or wrong: what expressions may read."""
    node = fields.node_of("sequence")
    written = plain(node) if isinstance(node, ListNode) else ()
    names = [item.get("name") for item in written if isinstance(item, dict)]
    return tuple(name for name in names if isinstance(name, str))


def _check_end(fields: Fields) -> None:
    """Report what follows on an incident that nothing holds open."""
    stays = any(fields.written(key) for key in ("clear", "silent", "expire"))
    for key in () if stays else _OPEN:
        if fields.written(key):
            message = f"`{key}`: this incident ends as soon as its steps are done"
            hint = "say what ends it: clear, silent: {after: 1h, then: end} or expire: 1h"
            fields.source.report(fields.key(key), "sequence", message, hint)
    if fields.written("keep_firing_for") and not fields.written("clear"):
        message = "`keep_firing_for` holds back what `clear` would clear, and this rule has no `clear`"
        fields.source.report(fields.key("keep_firing_for"), "sequence", message, "delete it, or add clear")


def _items(source: SourceFile, node: Node, home: Home) -> tuple[Item, ...] | None:
    if not isinstance(node, ListNode):
        wrong(source, node, f"a list of items such as {_SUCH_AS}")
        return None
    count = len(node.items)
    if not _FEWEST <= count <= _MOST:
        message = f"a sequence has {_FEWEST} to {_MOST} items, this one has {count}"
        source.report(node, "out-of-range", message, "one event alone is `when`" if count < _FEWEST else "")
        return None
    found: dict[str, Item] = {}
    for at, each in enumerate(node.items):
        item = _item(source, each, home, last=at == count - 1)
        if item is not None and item.name in found:
            message = f"there is an item '{item.name}' already"
            source.report(each, "duplicate-item", message, "names of items are unique in a rule")
        elif item is not None:
            found[item.name] = item
    return tuple(found.values()) if len(found) == count else None


def _item(source: SourceFile, node: Node, home: Home, *, last: bool) -> Item | None:
    fields = Fields(source, node, "item", ITEM_KEYS, required=("name",))
    if not fields.readable:
        return None
    name = fields.require("name", _name, "by which steps and later items read it: items.deploy.version")
    where = fields.read("where", home.uses.expression(Where.SEQUENCE, name or ""))
    topic = _topic(fields, home)
    if last and topic is not None and home.topic is not None and topic != home.topic:
        message = f"the last item is of the rule's own topic, '{home.topic}': the incident opens there"
        hint = f"write from: {topic} in the rule, and from: {home.topic} in the items that need it"
        source.report(fields.key("from"), "sequence", message, hint)
    return None if name is None or topic is None else Item(name, topic, where)


def _guard(source: SourceFile, node: Node, home: Home) -> Guard | None:
    fields = Fields(source, node, "guard", GUARD_KEYS, required=("where",))
    if not fields.readable:
        return None
    where = fields.require("where", home.uses.expression(Where.SEQUENCE), "which events break the sequence")
    topic = _topic(fields, home)
    return None if where is None or topic is None else Guard(topic, where)


def _topic(fields: Fields, home: Home) -> str | None:
    """Return the topic of an item: its own, else the rule's."""
    alias = fields.read("from", text) if fields.written("from") else home.topic
    if alias is None or alias == home.topic or home.known.topics is None:
        return alias
    before = len(fields.source.problems)
    check_topic(fields, home.known, alias, home.per)
    own, other = home.known.topics.get(home.topic or ""), home.known.topics.get(alias)
    if own is None or other is None or len(fields.source.problems) > before:
        return alias
    if (own.partitions, own.partitioned_by) != (other.partitions, other.partitioned_by):
        message = f"topic '{alias}' is not spread over its partitions as '{home.topic}' is: nobody would see both"
        hint = "give both the same `partitions` and `partitioned_by` in the settings"
        fields.source.report(fields.key("from"), "not-partitioned", message, hint)
    elif own.partitions > 1 and not own.keeps_together(home.per):
        message = "a sequence over several topics can't go by key (`rekey`): each topic would come at its own pace"
        hint = f"add {', '.join(own.partitioned_by) or 'what producers use as key'} to `per`"
        fields.source.report(fields.key("from"), "not-partitioned", message, hint)
    return alias


def _name(source: SourceFile, node: Node) -> str | None:
    found = text(source, node)
    if found is None or NAME.fullmatch(found):
        return found
    hint = "letters, digits and _, up to 40, such as deploy"
    source.report(node, "item-name", f"'{found[:60]}' is no name for an item", hint)
    return None
