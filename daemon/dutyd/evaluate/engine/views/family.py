"""Which views see an event, and for which entity: one ``Family`` for each different ``per`` of a topic.

``topic`` shows each event to its families. A ``where`` that asks for a text is looked up, not computed; what else it
asks is generated code. A ``where`` that is false or unknown hides the event from the view altogether.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from dutyd.core.event import Event
from dutyd.evaluate.engine.compiled.selector import Selector
from dutyd.evaluate.engine.entities import Key, key_of
from dutyd.evaluate.engine.latches.runner import Runner
from dutyd.evaluate.engine.views.unknown import Unknown


class Chooses(Protocol):
    """What sees some events of a topic: a view, or the watch of a sequence."""

    @property
    def selector(self) -> Selector:
        """Which events."""
        ...

    @property
    def runners(self) -> Sequence[Runner]:
        """The rules that this is for."""
        ...


V = TypeVar("V", bound=Chooses)


class Family(Generic[V]):
    """The views of one topic with equal *per*: an event belongs to one entity in all of them."""

    def __init__(self, per: tuple[str, ...], views: Sequence[V]) -> None:
        """Sort *views* by how they choose their events."""
        self.per = per
        self._single = per[0] if len(per) == 1 else None
        self._all: list[V] = []
        self._tested: list[V] = []
        chosen: dict[str, dict[str, list[V]]] = {}
        self._missing: Counter[tuple[V, str]] = Counter()
        self._missing_field: Counter[str] = Counter()
        for view in views:
            selector = view.selector
            if selector.field is not None:
                chosen.setdefault(selector.field, {}).setdefault(selector.text, []).append(view)
            else:
                (self._all if selector.rest is None else self._tested).append(view)
        self._chosen = tuple(chosen.items())

    def show(self, event: Event, act: Callable[[V, Event, Key], None], counts: Counter[str]) -> None:
        """Call *act* with every view that sees *event*, and its entity."""
        fields = event.fields
        key: Key | None = fields.get(self._single) if self._single is not None else None
        if key.__class__ is not str:
            key = key_of(self.per, fields.get)
            if key is None:
                counts["no_entity"] += 1
                return
        for view in self._all:
            act(view, event, key)
        for field, by_text in self._chosen:
            text = fields.get(field)
            for view in by_text.get(text, ()) if text.__class__ is str else ():
                if view.selector.rest is None or self._passes(view, fields):
                    act(view, event, key)
            if text is None:
                self._missing_field[field] += 1
        for view in self._tested:
            if self._passes(view, fields):
                act(view, event, key)

    def _passes(self, view: V, fields: Mapping[str, Any]) -> bool:
        selector = view.selector
        assert selector.rest is not None
        try:
            passes = selector.rest(fields.get)
        except Exception as error:  # noqa: BLE001  # one rule's fault must not stop the others
            for runner in view.runners:
                runner.fail(error)
            return False
        if passes is None:
            self._missing.update((view, name) for name in selector.names if fields.get(name) is None)
        return passes is True

    def count_unknown(self) -> Iterator[Unknown]:
        """Yield, and forget, how often ``where`` was unknown."""
        for field, by_text in self._chosen:
            missed = self._missing_field[field]
            for view in (view for views in by_text.values() for view in views if missed):
                yield from (((runner.conditions.rule.id, field), missed) for runner in view.runners)
        for (view, name), missed in self._missing.items():
            yield from (((runner.conditions.rule.id, name), missed) for runner in view.runners)
        self._missing_field.clear()
        self._missing.clear()
