"""A plan and a state come together: every view of the plan gets its part of what the state remembers.

``bind`` runs before the first event and after each reload. What belongs to a view (newest times, windows, values
before) stays as long as ``per`` and ``where`` do; a window stays as long as its field, filter and length do. New
windows of a topic that is being read are unknown until it has been read for their length.
"""

import math
from collections.abc import Container, Mapping
from functools import partial

import msgspec

from dutyd.core.event import Event
from dutyd.core.expr import to_text
from dutyd.core.rule import Rule
from dutyd.evaluate.engine.compiled.aggregates import Aggregate
from dutyd.evaluate.engine.compiled.conditions import Conditions
from dutyd.evaluate.engine.compiled.plan import Plan, ViewPlan
from dutyd.evaluate.engine.entities import Key, entity_of
from dutyd.evaluate.engine.latches.latch import NOWHERE, Latch, Phase
from dutyd.evaluate.engine.latches.runner import Runner
from dutyd.evaluate.engine.latches.stored import Head
from dutyd.evaluate.engine.sequences import Sequencer, Watch
from dutyd.evaluate.engine.snapshots.snapshot import aggregate_name
from dutyd.evaluate.engine.state import Closing, Placed, State
from dutyd.evaluate.engine.views.going_on import inherit, wake
from dutyd.evaluate.engine.views.timing import wait
from dutyd.evaluate.engine.views.topic import TopicState
from dutyd.evaluate.engine.views.view import View
from dutyd.evaluate.engine.windows.samples import EVER, Begun
from dutyd.evaluate.engine.windows.tracks import Clock


def bind(plan: Plan, state: State) -> None:
    """Make *state* work by *plan*; nothing happens where it does already."""
    if state.plan is plan and state.bound_since == state.known_since:
        return
    _set_aside(plan, state)
    missing = [rule for rule, latches in state.latches.items() if latches and rule not in plan.rules]
    state.absent = {rule: state.absent.get(rule) for rule in missing}
    before, state.topics = state.topics, {}
    state.plan, state.bound_since, state.clock = plan, state.known_since, Clock()
    runners = {rule: _runner(rule, plan, state) for rule in plan.rules}
    for alias, topic_plan in plan.topics.items():
        trickle = state.trickle if state.trickle is not None and alias in state.trickle.topics else None
        topic = TopicState(topic_plan, plan.limits, state.clock, state.journal, trickle)
        _bind_topic(topic, before.get(alias), state, runners)
        state.topics[alias] = topic
    views = [view for topic in state.topics.values() for view in topic.views.values()]
    state.rules = {runner.conditions.rule.id: Placed(runner, view) for view in views for runner in view.runners}
    _bind_sequences(plan, state)
    for view in views:
        _restore(view, state)
    if state.trickle is not None:
        state.trickle.bind(topic for topic in state.topics.values() if topic.trickle is not None)


def _set_aside(plan: Plan, state: State) -> None:
    """Let go of what waits under what its rule said before an edit, and put the latches whose rule has another topic or
    ``per`` now where ``sweep`` closes them.
    """
    for rule_id, conditions in plan.rules.items():
        rule = conditions.rule
        latches = state.latches[rule_id]
        for key in latches.where(partial(_began_otherwise, conditions)):
            _begin_anew(rule_id, key, state)
        for key in latches.where(partial(_stands_otherwise, rule)):
            latch = latches[key]
            stood = (latch.topic or rule.topic, rule.per if latch.per is None else latch.per, False)
            if stood == (rule.topic, rule.per, rule.momentary):
                latches[key] = msgspec.structs.replace(latch, topic=rule.topic, per=rule.per)
            else:
                state.closing.append(Closing(rule_id, key, latches.pop(key)))


def _began_otherwise(conditions: Conditions, head: Head) -> bool:
    waits = head.phase is Phase.PENDING or "ending" in head.also
    return waits and head.under not in ("", conditions.digest)


def _begin_anew(rule: str, key: Key, state: State) -> None:
    latches = state.latches[rule]
    latch = latches[key]
    if latch.phase is Phase.PENDING:
        del latches[key]
    else:
        latches[key] = msgspec.structs.replace(latch, ending=None, under="")
    state.journal.moved.add((rule, entity_of(key)))


def _stands_otherwise(rule: Rule, head: Head) -> bool:
    return head.topic != rule.topic or head.per != rule.per or rule.momentary


def _runner(rule: str, plan: Plan, state: State) -> Runner:
    conditions = plan.rules[rule]
    skips = state.skips.setdefault(rule, {})
    runner = Runner(conditions, state.latches[rule], skips, state.journal, plan.limits.latches)
    if rule in state.rules:
        old = state.rules[rule].runner
        runner.off = old.off and old.conditions.digest == conditions.digest
    return runner


def _bind_topic(topic: TopicState, old: TopicState | None, state: State, runners: Mapping[str, Runner]) -> None:
    views = []
    for plan in topic.plan.views:
        old_view = old.views.get(plan.key) if old is not None else None
        views.append(_view(topic, plan, (old, old_view), state, runners))
    topic.take(views, old)
    offsets = [offset for rule in topic.rules() for offset in state.skips.get(rule, {}).values()]
    topic.skip_until = max(offsets, default=NOWHERE)


def _view(
    topic: TopicState,
    plan: ViewPlan,
    before: tuple[TopicState | None, View | None],
    state: State,
    runners: Mapping[str, Runner],
) -> View:
    """Return a view that goes on where the same was *before*, else where a checkpoint says, else begins now."""
    was, old = before
    alias = topic.plan.alias
    known = max(state.known_since, state.begun.get((alias, plan.key[1]), -math.inf))
    now = EVER if was is None else Begun(was.newest(), was.offset + 1)
    now = max(now, state.read.get(alias, EVER))
    if old is not None:
        view = View(plan, topic, runners, _begun(plan, old.samples.begun, old.woken, now, known), old.first)
        inherit(view, old)
        return view
    cover, tracks = (None, None) if topic.trickle is None else topic.trickle.resume.take(alias, plan, topic.limits)
    stored = {} if cover is None else cover.begun
    kept = {each: stored[name] for each in plan.aggregates.all if (name := aggregate_name(each)) in stored}
    woken = kept.keys() if tracks is not None else set[Aggregate]()
    first = now.offset if cover is None else cover.first
    view = View(plan, topic, runners, _begun(plan, kept, woken, now, known), first)
    if tracks is not None:
        wake(view, kept.keys(), tracks)
    return view


def _begun(
    plan: ViewPlan, before: Mapping[Aggregate, Begun], woken: Container[Aggregate], now: Begun, known: float
) -> dict[Aggregate, Begun]:
    """Return since when each aggregate's samples are all here: those of *before* since they were, others since *now*.

    What reaches back to before *known* was not replayed, which is nothing to those that came from snapshots.
    """
    found = {}
    for each in plan.aggregates.all:
        begun = before.get(each, now)
        begun = now if begun.time == math.inf else begun  # it was not to be had: it begins now
        found[each] = begun if each in woken else Begun(max(known, begun.time), begun.offset)
    return found


def _bind_sequences(plan: Plan, state: State) -> None:
    """Begin every sequence where it is; what is under way of rules that are gone, or say another thing, is over."""
    stored, state.progress = state.progress, {}
    under_way = {rule: each.progress for rule, each in state.sequences.items()} | stored
    watches: dict[str, list[Watch]] = {}
    state.sequences = {}
    for rule, sequence in plan.sequences.items():
        placed = state.rules[rule]
        state.sequences[rule] = sequencer = Sequencer(sequence, placed.runner, placed.view, state.journal)
        sequencer.adopt(under_way.pop(rule, {}))
        for alias, watch in sequencer.watches(state.topics):
            watches.setdefault(alias, []).append(watch)
    for alias, topic in state.topics.items():
        topic.watch(watches.get(alias, ()))
    state.journal.moved.update((rule, entity_of(key)) for rule, keys in under_way.items() for key in keys)


def _restore(view: View, state: State) -> None:
    """Give back the values of last events, and set the timers of pending latches."""
    for runner in view.runners:
        rule = runner.conditions.rule.id
        for key, latch in state.remembered.pop(rule, {}).items():
            track = view.tracks.get(key) or view.new_track(key, None, latch.since)
            if track is not None and track.whole > NOWHERE and track.last is not None:
                continue  # it has the event itself, and what came since is replayed
            if track is not None and (track.last is None or track.last.time <= latch.since):
                known = {} if track.last is None else track.last.fields
                track.restored = True
                track.last = Event("", "", latch.since, latch.since, latch.offset, {**known, **latch.last})
        timing = runner.conditions.rule.timing
        for key in runner.latches.where(partial(_is_timed, timing)):
            latch = runner.latches[key]
            if latch.seen:
                _restore_absences(view, runner, key, latch)
            if latch.phase is Phase.FIRING and latch.timing != timing:
                state.edited.append((runner, key, view))
            elif latch.phase is Phase.PENDING or latch.timing or latch.ending is not None:
                wait(view, key, runner, None)


def _is_timed(timing: str, head: Head) -> bool:
    """Whether there is more to a latch than that events may move it."""
    return head.phase is Phase.PENDING or bool(head.timing or head.also) or head.timing != timing


def _restore_absences(view: View, runner: Runner, key: Key, latch: Latch) -> None:
    track = view.tracks.get(key) or view.new_track(key, None, latch.since)
    if track is not None:
        for node in runner.conditions.absents:
            if to_text(node) in latch.seen:
                view.samples.restore(track, node, latch.seen[to_text(node)])
