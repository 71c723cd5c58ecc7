"""Fields that a rule reads and no event ever had: the lint that needs a history.

``dutyd rules check --events FILE`` collects what a topic's events hold; a field of a rule that is in none of them is
mostly misspelt, and would make its conditions unknown for ever.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from dutyd.core.errors import nearest
from dutyd.core.event import Event
from dutyd.core.rule import Rule
from dutyd.evaluate.engine.compiled.sequence import ITEMS
from dutyd.rules.problems import Problem


@dataclass(slots=True)
class Seen:
    """The fields of one topic's events, and in how many of *events* each was."""

    events: int = 0
    fields: Counter[str] = field(default_factory=Counter)

    def add(self, events: Iterable[Event]) -> None:
        """Take note of *events*."""
        for event in events:
            self.events += 1
            self.fields.update(event.fields.keys())


def never_seen(rules: Iterable[Rule], topic: str, seen: Seen) -> Iterator[Problem]:
    """Yield a finding for each field that a rule of *topic* reads and that no event had."""
    for rule in rules:
        names = fields_of(rule, topic) if seen.events else frozenset()
        for name in sorted(names - seen.fields.keys()):
            guess = nearest(name, set(seen.fields))
            message = f"rule '{rule.id}': no event of '{topic}' has a field '{name}' ({seen.events:,} looked at){guess}"
            hint = "" if guess else f"they have {', '.join(sorted(seen.fields)[:12])}"
            yield Problem(rule.place.file, rule.place.line, rule.place.column, "never-seen", message, hint)


def fields_of(rule: Rule, topic: str) -> frozenset[str]:
    """Return the fields that *rule* reads of the events of *topic*."""
    if topic not in rule.topics:
        return frozenset()
    found = {name for name in rule.reads_fields if not name.startswith(ITEMS)} if topic == rule.topic else set(rule.per)
    for item in rule.sequence.items if rule.sequence is not None else ():
        prefix = f"{ITEMS}{item.name}."
        read = {name.removeprefix(prefix) for name in rule.reads_fields if name.startswith(prefix)}
        found |= read if item.topic == topic else set()
    guard = None if rule.sequence is None else rule.sequence.unless
    if guard is not None and guard.topic == topic:
        found |= {name for name in guard.where.names if not name.startswith(ITEMS)}
    return frozenset(found)
