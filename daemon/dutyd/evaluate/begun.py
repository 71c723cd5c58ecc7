"""Notes and tells since when the events of a by-key rule are on its by-key topic: older windows of it are unknown.

Events are carried there from every source partition, and only from the moment that the rule is known. A rule that is
new, or sees other events than before, finds nothing there of what came before it; a window that took that for silence
would lie. So whoever carries a source partition notes in Redis for which rules (by ``per`` and ``where``) it does so,
and since when; whoever judges asks, and gives the latest answer to the engine. ``path`` calls it when tasks are taken
up, when rules change, and now and then: processes take changed rules at different times.
"""

import math
from collections.abc import Iterable, Mapping
from functools import cache

from dutyd.evaluate.by_key import channel, source_of
from dutyd.evaluate.notes import Notes
from dutyd.evaluate.plans import Planned
from dutyd.evaluate.sources import ByKeySource
from dutyd.evaluate.tasks import Task


class Begun:
    """The notes of one installation."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    def tell(self, task: Task, planned: Planned) -> None:
        """Note what *task* carries by *planned* from now on, and tell it what others do.

        Raises:
            NotReadyError: Redis does not answer.

        """
        for source in task.sources.values():
            if source.outlet is not None:
                views = set(_views(source.alias, planned))
                self._notes.begin(source.alias, source.partition.number, views, source.arrived)
        self.ask([task], planned)

    def ask(self, tasks: Iterable[Task], planned: Planned) -> None:
        """Tell *tasks* since when the events that they judge are all there.

        Raises:
            NotReadyError: Redis does not answer.

        """
        begun = cache(self._notes.begun)  # many tasks, few topics
        for task in tasks:
            for source in task.sources.values():
                if isinstance(source, ByKeySource):
                    _tell(task, source, planned, begun(source_of(source.alias)))


def _tell(task: Task, source: ByKeySource, planned: Planned, found: Mapping[str, float]) -> None:
    alias, numbers = source_of(source.alias), range(source.sources)
    task.state.know(
        {
            (channel(alias, route.per), view): max(
                (found.get(f"{number} {_name(route.per, view)}", math.inf) for number in numbers), default=math.inf
            )
            for route in planned.routes.get(alias, ())
            for view in route.views
        }
    )


def _views(alias: str, planned: Planned) -> list[str]:
    return [_name(route.per, view) for route in planned.routes.get(alias, ()) for view in route.views]


def _name(per: tuple[str, ...], view: str) -> str:
    return f"{','.join(per)}|{view}"
