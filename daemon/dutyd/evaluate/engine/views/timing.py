"""Timers of a view: panes that leave windows, and latches that time alone moves (``terms``).

Every timer acts at its own due time, in order, whoever notices that it is due: the next event of the entity, before it
is judged (``catch_up``), or the clock, for an entity that is quiet (``fire_until``). At equal times an event goes
before a latch moves, and a pane leaves before either. A latch has one timer, for what is due first; a timer that is
no longer right is set anew when its time comes.
"""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dutyd.core.event import Event
from dutyd.evaluate.engine.entities import Key
from dutyd.evaluate.engine.latches.latch import Phase
from dutyd.evaluate.engine.latches.moment import Moment, look_at
from dutyd.evaluate.engine.latches.runner import Move, Runner
from dutyd.evaluate.engine.windows.tracks import HOLD, PANE, REAP, Clock, Timer, Track

if TYPE_CHECKING:
    from dutyd.evaluate.engine.views.feeds import Todo
    from dutyd.evaluate.engine.views.view import View


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
        track.stale = frozenset()
        track.ended = frozenset()
    return todo


def pass_by(view: "View", track: Track, time: float) -> None:
    """Let panes go that were due by *time*, and ask nobody: what they moved is in the latches already."""
    nobody: Todo = {}
    later: list[Timer] = []
    while track.due <= time:
        timer = track.pop()
        due, kind, number = timer
        if kind == PANE:
            view.index.feeds[number].leave(track, due, nobody)
        else:
            later.append(timer)
    for timer in later:
        view.topic.clock.set(track, timer)


def fire_until(clock: Clock, watermark: float) -> None:
    """Fire what is due at or before *watermark*, for every entity."""
    for track in clock.due(watermark):
        _fire(track.view, track, math.nextafter(watermark, math.inf))
        track.rest()
        track.view.drop_if_idle(track)
    clock.reached = max(clock.reached, watermark)


def fire_before(view: "View", key: Key, time: float) -> None:
    """Fire what was due for *key* before *time*."""
    track = view.tracks.get(key)
    if track is not None:
        _fire(view, track, time)


def wait(view: "View", key: Key, runner: Runner, event: Event | None) -> Move:
    """Set the timer of a latch; REFUSED, and no longer pending, where there is no room for it."""
    track = view.tracks.get(key) or view.new_track(key, event, None)
    if track is None:
        return runner.give_up(key)
    track.keep(event)
    _set_timer(view, runner, track)
    return Move.MOVED


def begin_terms(edited: "Iterable[tuple[Runner, Key, View]]", time: float) -> None:
    """Put open latches under the terms that their rules have now, from *time* on: an edit does nothing by itself."""
    for runner, key, view in edited:
        latch = runner.latches.get(key)
        if latch is not None and latch.phase is Phase.FIRING:
            newest = view.tracks[key].newest if key in view.tracks else -math.inf
            runner.begin_terms(key, max(time, newest))
            wait(view, key, runner, None)


def _set_timer(view: "View", runner: Runner, track: Track) -> None:
    term = runner.term(track.key, track.newest)
    if term is not None and term.due < runner.timers.get(track.key, math.inf):
        runner.timers[track.key] = term.due
        view.topic.clock.set(track, (term.due, HOLD, view.numbers[runner]))


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
            _fire_latch(view, runner, track, due)


def _fire_latch(view: "View", runner: Runner, track: Track, due: float) -> None:
    """Do what is due for a latch, and set its next timer."""
    if runner.timers.get(track.key) != due:  # an earlier one was set since, or none is needed
        return
    del runner.timers[track.key]
    term = runner.term(track.key, track.newest)
    if term is not None and term.due == due:
        offset, moment = view.topic.offset, None
        if track.last is not None:
            moment = Moment(track.last, due, offset, look_at(track.last, due, track, view.samples))
        runner.fire(track.key, term, offset, moment)
    if not runner.off:
        _set_timer(view, runner, track)
