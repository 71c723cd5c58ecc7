"""How a view goes on from what was decided before: events read again, snapshots, another plan of the same view.

Nothing is judged here: windows are fed, newest times and last events noted. Late events come in here, too, because the
windows take them and no latch moves. ``topic`` calls ``replay`` for each event, ``binding`` the other two at once when
a plan is bound.
"""

from collections.abc import Container, Iterable
from typing import TYPE_CHECKING

from dutyd.core.event import Event
from dutyd.evaluate.engine.compiled.aggregates import Aggregate
from dutyd.evaluate.engine.entities import Key
from dutyd.evaluate.engine.snapshots.snapshot import Snapshot, awake, read_event
from dutyd.evaluate.engine.views.feeds import Todo
from dutyd.evaluate.engine.views.timing import pass_by
from dutyd.evaluate.engine.windows.tracks import UNSEEN, Track
from dutyd.evaluate.engine.windows.window import Window

if TYPE_CHECKING:
    from dutyd.evaluate.engine.views.view import View


def replay(view: "View", event: Event, key: Key) -> None:
    """Take note of *event* without judging it."""
    if event.offset < view.first:
        return
    track = view.tracks.get(key)
    if track is not None and event.offset < track.whole:
        _feed_rest(view, event, track)
        return
    newest = view.newest_at(key)
    if event.time < newest:
        if track is not None and track.restored and (track.before is None or track.before.time <= event.time):
            track.before = event  # not late: the newest was known before it is read again
            view.soil(track, event)
        take_late(view, event, key, newest, _later(view, event))
        return
    if track is not None:
        if track.due <= event.time:
            pass_by(view, track, event.time)
        track.newest = event.time
        if track.keeps:
            track.before, track.last = track.before if track.restored else track.last, event
            track.restored = False
        view.soil(track, event)
    else:
        view.quiet.young[key] = event.time
        if view.remembers:
            view.new_track(key, event, None)
    _feed(view, event, key, event.time, _later(view, event))


def take_late(view: "View", event: Event, key: Key, newest: float, known: Container[Aggregate] = ()) -> None:
    """Have the windows, but those of *known*, take an event older than the *newest* of its entity; judge nothing."""
    taken = _feed(view, event, key, newest, known)
    if taken:
        track = view.tracks[key]
        track.doubt(taken)
        view.soil(track, event)


def inherit(view: "View", old: "View") -> None:
    """Take over what *old*, the same view by another plan, remembers of entities and windows."""
    view.quiet = old.quiet
    view.woken = old.woken & view.samples.begun.keys()
    places = {each: at for at, each in enumerate(view.plan.aggregates.all)}
    now = {at: places.get(each) for at, each in enumerate(old.plan.aggregates.all)}
    for key, track in old.tracks.items():
        windows = old.samples.windows(track).items()
        mine = {place: window for at, window in windows if (place := now[at]) is not None}
        new = _go_on(view, key, track.newest, (track.last, track.before), mine)
        if new is not None and view.name:
            new.soiled, new.whole = (track.soiled, track.whole) if old.name else (UNSEEN, -1)


def wake(view: "View", held: Iterable[Aggregate], tracks: Iterable[tuple[Key, Snapshot]]) -> None:
    """Go on from *tracks*, which a checkpoint held, with the aggregates that are *held* there."""
    all_, begun = view.plan.aggregates.all, view.samples.begun
    view.woken = frozenset(held)
    at = {name: at for at, name in enumerate(view.names) if all_[at] in view.woken}
    for key, found in tracks:
        mine = [(at[name], rest) for name, rest in found.windows if name in at]
        # What was written before an aggregate began is of one that was here before it.
        windows = {no: awake(rest, all_[no]) for no, rest in mine if begun[all_[no]].offset < found.whole}
        for window in windows.values():
            window.settle(found.newest)
        last, before = read_event(found.last), read_event(found.before)
        track = _go_on(view, key, found.newest, (last, before), windows)
        if track is not None:
            track.whole = found.whole


def _go_on(
    view: "View", key: Key, newest: float, events: tuple[Event | None, Event | None], windows: dict[int, Window]
) -> Track | None:
    """Return a track of *key* with what another had: newest time, last event and the one before, windows."""
    track = view.new_track(key, None, newest)
    if track is not None:
        track.last, track.before = events
        track.doubt(windows)
        view.samples.adopt(track, windows)
    return track


def _feed(view: "View", event: Event, key: Key, newest: float, known: Container[Aggregate] = ()) -> list[int]:
    """Add *event* to the windows that take it, none of *known*, and judge nothing; return their numbers."""
    nobody: Todo = {}
    entries = filter(None, map(view.index.entries.get, event.fields))
    feeds = [(feed, event.fields[entry[0]]) for entry in entries if entry[5] is not None for feed in entry[5].feeds]
    feeds += [(feed, 1.0) for feed in view.index.counted]
    all_ = view.plan.aggregates.all
    return [
        feed.at for feed, value in feeds if all_[feed.at] not in known and feed.take(event, key, value, newest, nobody)
    ]


def _later(view: "View", event: Event) -> frozenset[Aggregate]:
    """Return the aggregates that began after *event*: without a stop, too, they would lack it."""
    begun = view.samples.begun
    return frozenset(each for each in begun if begun[each].offset > event.offset)


def _feed_rest(view: "View", event: Event, track: Track) -> None:
    """Add *event*, which the snapshot of *track* holds, to the windows that it does not hold."""
    some = any(each not in view.woken for each in view.plan.aggregates.all)
    if some and _feed(view, event, track.key, track.newest, view.woken | _later(view, event)):
        view.soil(track, event)
