"""Timers of a view: panes that leave windows, and latches that have been pending for long enough.

Every timer acts at its own due time, in order, whoever notices that it is due: the next event of the entity, before it
is judged (``catch_up``), or the clock, for an entity that is quiet (``fire_until``). At equal times an event goes
before a latch fires, and a pane leaves before either.
"""

import math
from typing import TYPE_CHECKING

from dutyd.core.event import Event
from dutyd.evaluate.engine.entities import Key
from dutyd.evaluate.engine.moment import Moment, look_at
from dutyd.evaluate.engine.runner import Outcome, Runner
from dutyd.evaluate.engine.tracks import HOLD, PANE, REAP, Clock, Track

if TYPE_CHECKING:
    from dutyd.evaluate.engine.feeds import Todo
    from dutyd.evaluate.engine.view import View


def catch_up(view: "View", track: Track, time: float) -> "Todo":
    """Fire what was due before *time*; return the tables that an event at *time* must ask, whatever it brings."""
    _fire(view, track, time)
    todo: Todo = {}
    while track.due == time and track.timers[0][1] == PANE:
        _, _, number = track.pop()
        view.index.feeds[number].leave(track, time, todo)
    track.rest()
    if track.stale:
        todo.update(view.index.reading(track.stale))
        track.stale.clear()
    return todo


def fire_until(clock: Clock, watermark: float) -> None:
    """Fire what is due at or before *watermark*, for every entity."""
    for track in clock.due(watermark):
        _fire(track.view, track, math.nextafter(watermark, math.inf))
        track.rest()
        track.view.drop_if_idle(track)
    clock.reached = max(clock.reached, watermark)


def wait(view: "View", key: Key, runner: Runner, event: Event | None) -> Outcome:
    """Set the timer of a latch that is pending now; REFUSED, and not pending any more, where there is no room."""
    track = view.tracks.get(key) or view.new_track(key, event, None)
    due = runner.due(key)
    if track is None or due is None:
        runner.give_up(key)
        return Outcome.REFUSED
    track.keep(event)
    view.topic.clock.set(track, (due, HOLD, view.numbers[runner]))
    return Outcome.MOVED


def _fire(view: "View", track: Track, until: float) -> None:
    while track.due < until:
        due = track.due
        todo: Todo = {}
        holds: list[Runner] = []
        while track.due == due:
            _, kind, number = track.pop()
            if kind == HOLD:
                holds.append(view.runners[number])
            elif kind == REAP:
                view.samples.reap(track, due)
            else:
                view.index.feeds[number].leave(track, due, todo)
        if track.last is not None:
            for table in todo:
                view.judge(table, track.key, track.last, due, track)
        for runner in holds:
            _fire_held(view, runner, track, due)


def _fire_held(view: "View", runner: Runner, track: Track, due: float) -> None:
    offset, moment = view.topic.offset, None
    if track.last is not None:
        moment = Moment(track.last, due, offset, look_at(track.last, due, track, view.samples))
    runner.fire(track.key, due, offset, moment)
