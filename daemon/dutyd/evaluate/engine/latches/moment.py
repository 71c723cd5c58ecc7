"""When and on what a decision is made: an event, or a timer that looks at the entity's last event again.

Made by ``tables`` and ``view`` only when a latch moves, so it may be comfortable. Evidence is made here, too: what the
event said, what the rule computed from it, and the value of each window and ``prev``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from dutyd.core.event import Event
from dutyd.core.expr import Look, evaluate, to_text
from dutyd.core.expr.tree import Has, Name, Prev, Window
from dutyd.core.incident import Evidence
from dutyd.evaluate.engine.compiled.conditions import Conditions
from dutyd.evaluate.engine.compiled.sequence import ITEMS
from dutyd.evaluate.engine.windows.samples import Samples
from dutyd.evaluate.engine.windows.tracks import Track


@dataclass(frozen=True, slots=True)
class Moment:
    """The place of a decision.

    Attributes:
        event: the event that is judged, else the newest of the entity.
        time: the event's time, else when the timer was due.
        offset: of the last record that is part of the decision.
        look: the values of fields, windows and ``prev`` at that time.

    """

    event: Event
    time: float
    offset: int
    look: Look

    @property
    def occurrence(self) -> str:
        """The identity of what happened: of the event; for a pane that left, of the last event and the due time."""
        if self.time == self.event.time:
            return self.event.identity
        return f"{self.event.identity}|{self.time:.6f}"

    def is_within(self, offset: int) -> bool:
        """Return whether whoever decided on all records up to *offset* has decided this, too."""
        return self.offset <= offset if self.time == self.event.time else self.offset < offset

    def beside(self, seen: Mapping[str, Any]) -> "Moment":
        """Return this moment with what *seen*, the fields at the opening, says of the items of a sequence."""
        items = {name: value for name, value in seen.items() if name.startswith(ITEMS)}

        def look(node: Name | Has | Window | Prev) -> object | None:
            if isinstance(node, Name | Has) and node.name in items:
                return True if isinstance(node, Has) else items[node.name]
            return self.look(node)

        event = msgspec.structs.replace(self.event, fields=self.event.fields | items)
        return replace(self, event=event, look=look)

    def evidence(self, conditions: Conditions) -> Evidence:
        """Return what the rule saw."""
        read: list[Window | Prev] = [*conditions.windows, *(Prev(field) for field in sorted(conditions.prevs))]
        return Evidence(
            id=self.event.id,
            source=self.event.source,
            time=self.event.time,
            fields=self.event.fields,
            let={name: evaluate(node, self.look) for name, node in conditions.let.items()},
            values={to_text(node): self.look(node) for node in read},
        )


def look_of(event: Event) -> Look:
    """Return a look at what rules read of *event* alone."""

    def look(node: Name | Has | Window | Prev) -> object | None:
        if isinstance(node, Window | Prev):
            return None
        value = event.fields.get(node.name)
        return value is not None if isinstance(node, Has) else value

    return look


def look_at(event: Event, time: float, track: Track | None, samples: Samples) -> Look:
    """Return a look at what rules read of *event*, and of its entity's *track*, at *time*."""
    before: Mapping[str, Any] = {} if track is None or track.before is None else track.before.fields

    def look(node: Name | Has | Window | Prev) -> object | None:
        if isinstance(node, Window):
            return samples.read(samples.aggregates.numbers[node], track, time)
        if isinstance(node, Prev):
            return before.get(node.field)
        value = event.fields.get(node.name)
        return value is not None if isinstance(node, Has) else value

    return look
