"""The worker's desk in event time: triggers in, what would have been done for them out.

What the worker asks the ledger, this asks ``paper``; silences and inhibition are judged by the same ``core.mute``, the
steps by the same graph and gates (``actor``). ``rehearse`` puts the engine's triggers on it, in the order of their
times. What people say, its script says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dutyd.act import many
from dutyd.act.accept import alerting_steps, may_storm
from dutyd.act.grouping import gathering_of, with_members
from dutyd.core.incident import Trigger, TriggerKind
from dutyd.core.mute import Mute, Other, RecurringSilence, Silence, all_silenced, inhibited, silenced
from dutyd.core.rule import Mode, Rule, lowest
from dutyd.ledger.members import LISTED
from dutyd.rules.known import Known
from dutyd.rules.rehearsal.actor import Actor
from dutyd.rules.rehearsal.opening import Opening
from dutyd.rules.rehearsal.paper import Entry, Kind, Paper, Terms
from dutyd.rules.rehearsal.paper_means import Approvals, PaperMeans, Script

Silences = Sequence[Silence | RecurringSilence]
_WHAT = {Kind.STORM: many.STORM, Kind.ROLLUP: many.ROLLUP}


@dataclass(frozen=True, slots=True)
class _Work:
    opening: Opening
    actor: Actor


class Desk:
    """Works what it is given.

    Attributes:
        openings: the incidents, in the order in which they came.
        pages: the pages for many.

    """

    def __init__(
        self,
        rules: Mapping[str, Rule],
        known: Known,
        script: Script,
        silences: Silences = (),
        *,
        keep_values: bool = False,
    ) -> None:
        """Begin with nothing; *keep_values*: remember what each opening was decided by."""
        self.openings: list[Opening] = []
        self.pages: list[Opening] = []
        self._rules, self._means, self._silences = rules, PaperMeans(known, script), silences
        self._keep = keep_values
        self._terms = {rule.id: terms_of(rule, known) for rule in rules.values()}
        self._paper = Paper()
        self._work: dict[str, _Work] = {}

    @property
    def _now(self) -> float:
        return self._means.now

    def take(self, trigger: Trigger) -> None:
        """Do what is due by then, and take *trigger* in; one that comes late is taken now."""
        self.go_on(trigger.decided)
        entry = self._paper.get(trigger.incident)
        if trigger.kind is TriggerKind.OPENED and entry is None:
            self._arrive(trigger)
        elif trigger.kind is TriggerKind.CHANGED and entry is not None:
            self._again(entry, trigger)
        elif trigger.kind is TriggerKind.CLEARED and entry is not None:
            self._clear(entry, trigger)
        self.go_on(trigger.decided)

    def go_on(self, until: float) -> None:
        """Let time pass *until*: work what is due by then."""
        while (found := self._paper.claim(until)) is not None:
            at, entry = found
            self._means.now = max(self._now, at)
            self._claimed(entry)
        self._means.now = max(self._now, until)

    def _arrive(self, trigger: Trigger) -> None:
        entry = self._paper.arrive(trigger, self._terms[trigger.rule], self._now)
        work = self._begin(entry, trigger.entity, trigger.opened)
        self.openings.append(work.opening)
        work.opening.seen = self._values(trigger)
        work.opening.braked = entry.braked
        if entry.muted_by:
            work.opening.hold(entry.muted_by)

    def _begin(self, entry: Entry, entity: Mapping[str, str], opened: float) -> _Work:
        rule = self._rules[entry.trigger.rule]
        if entry.braked:
            rule = replace(rule, mode=lowest(rule.mode, Mode.APPROVE))
        opening = Opening(entry.id, rule.id, entity, opened, entry.kind)
        actor = Actor(rule, self._means, entry.trigger, opening.effects, opening.said, opening.asked)
        self._work[entry.id] = work = _Work(opening, actor)
        return work

    def _begin_page(self, entry: Entry, entity: Mapping[str, str], opened: float) -> _Work:
        """Begin what stands for many."""
        work = self._begin(entry, entity, opened)
        self.pages.append(work.opening)
        entry.begun, work.opening.begun = True, self._now
        return work

    def _claimed(self, entry: Entry) -> None:
        if entry.begun:
            self._work[entry.id].actor.expire()
        if entry.kind is Kind.GROUP and not entry.begun:
            self._act_for_many(entry)
        elif entry.kind is Kind.GROUP and self._work[entry.id].opening.cleared is None:
            self._work[entry.id].actor.act()
        elif entry.kind is not Kind.INCIDENT:
            self._page(entry)
        elif self._work[entry.id].opening.cleared is None:
            self._act(entry)
        if (work := self._work.get(entry.id)) is not None and entry.begun and not entry.muted_by:
            self._rest(entry, work)

    def _act(self, entry: Entry) -> None:
        """Let it join its group, wait for the end of what mutes it, or do what its rule orders."""
        work, rule = self._work[entry.id], self._rules[entry.trigger.rule]
        work.actor.settle_earlier()
        if not work.actor.results and (mute := self._mute_of(entry)) is not None:
            self._paper.mute(entry, mute)
            work.opening.hold(_word(mute))
            return
        if rule.group is not None:
            self._paper.gather(entry, gathering_of(rule, rule.group, entry.trigger), self._now)
            work.opening.hold(entry.muted_by)
            return
        if not entry.begun:
            entry.begun, work.opening.begun = True, self._now
        work.actor.act()

    def _rest(self, entry: Entry, work: _Work) -> None:
        """Let it wait for people, or close it where nothing more will happen."""
        if work.actor.waits:
            if self._means.script.approvals is Approvals.EXPIRE:
                self._paper.wait(entry, work.actor.expires)
        elif entry.kind is Kind.ROLLUP or entry.trigger.momentary or work.opening.cleared is not None:
            self._end(entry, work)

    def _end(self, entry: Entry, work: _Work) -> None:
        work.opening.over = True
        if entry.kind is not Kind.INCIDENT:
            work.opening.members = _entities(entry)
        self._close(entry)
        if entry.kind is Kind.GROUP and entry.trigger.momentary:  # its members have no end of their own
            for member in entry.members:
                self._work[member.id].opening.over = True
                self._close(member)

    def _mute_of(self, entry: Entry) -> Mute | None:
        rule, trigger, now = self._rules[entry.trigger.rule], entry.trigger, self._now
        found = silenced(self._silences, rule.id, trigger.entity, now)
        if found is not None or rule.inhibit is None:
            return found
        own = Other(rule.id, entry.id, trigger.entity)
        return inhibited(rule.inhibit, own, self._paper.others(rule.inhibit.by), now, now - entry.accepted)

    def _act_for_many(self, entry: Entry) -> None:
        """Begin a group that is complete: from here on it is as any other incident."""
        rule = self._rules[entry.trigger.rule]
        if rule.group is None:
            return
        if (mute := silenced(self._silences, rule.id, entry.trigger.entity, self._now)) is not None:
            self._paper.mute(entry, mute)
            return
        entry.trigger = with_members(rule, rule.group, entry.trigger, self._paper.members_of(entry))
        work = self._begin_page(entry, entry.trigger.entity, entry.trigger.opened)
        work.opening.braked = entry.braked
        work.actor.act()

    def _page(self, entry: Entry) -> None:
        """Page once for many."""
        if entry.begun:
            return
        # Of a group each of its members.
        told = [one for each in entry.members for one in (self._paper.members_of(each) or [each.trigger])]
        entities = [trigger.entity for trigger in told]
        if len(entities) <= LISTED:  # of the others nobody knows
            mute = all_silenced(self._silences, entry.trigger.rule, entities, self._now)
            if mute is not None:
                self._paper.mute(entry, mute)
                return
        work = self._begin_page(entry, {}, self._now)
        rule = work.actor.rule
        summary = many.text_of_many(len(told), _WHAT[entry.kind], rule.id, told[:LISTED])
        work.actor.page(summary, alerting_steps(rule, self._means.known.catalogue))

    def _again(self, entry: Entry, trigger: Trigger) -> None:
        """Begin a further round; one that is held back begins with what is seen now when it goes on."""
        work = self._work[entry.id]
        if work.opening.cleared is not None:
            return
        entry.trigger = trigger
        work.actor.renew(trigger)
        if not entry.muted_by:
            self._claimed(entry)

    def _clear(self, entry: Entry, trigger: Trigger) -> None:
        work = self._work[entry.id]
        opening = work.opening
        if opening.cleared is not None:
            return
        opening.cleared, opening.clearing = trigger.decided, self._values(trigger)
        if entry.begun and not (entry.muted_by and not opening.effects):
            entry.muted_by = ""
            work.actor.clear(trigger)
            self._rest(entry, work)
            return
        opening.over = True
        parent = self._close(entry)
        if parent is not None:
            self._end_parent(parent, trigger)

    def _end_parent(self, parent: Entry, trigger: Trigger) -> None:
        """End the parent with the last of its members."""
        work = self._work.get(parent.id)
        if work is None:
            self._close(parent)
            return
        work.opening.cleared = trigger.decided
        work.actor.clear(parent.trigger if parent.kind is Kind.GROUP else trigger)
        self._rest(parent, work)

    def _close(self, entry: Entry) -> Entry | None:
        self._work.pop(entry.id, None)
        return self._paper.close(entry, self._now)

    def finish(self) -> None:
        """Note which members the storms and groups have that go on."""
        for name, work in self._work.items():
            entry = self._paper.get(name)
            if entry is not None and entry.kind in (Kind.STORM, Kind.GROUP):
                work.opening.members = _entities(entry)

    def _values(self, trigger: Trigger) -> Mapping[str, Any]:
        evidence = trigger.evidence
        return {**evidence.fields, **evidence.let, **evidence.values} if self._keep else {}


def terms_of(rule: Rule, known: Known) -> Terms:
    """Return how incidents of *rule* may be held back."""
    of_policy = known.policy.brake if known.policy is not None else None
    return Terms(
        throttle=rule.throttle,
        brakes=tuple(brake for brake in (rule.brake, of_policy) if brake is not None),
        pages=bool(alerting_steps(rule, known.catalogue)),
        storms=may_storm(rule, known.catalogue),
        grouped=rule.group is not None,
    )


def _word(mute: Mute) -> str:
    """Return what mutes in a word or two, for people and programs."""
    kind, _, name = mute.by.partition(":")
    return {"silence": f"silence {name}", "wait": "group_wait"}.get(kind, mute.why)


def _entities(entry: Entry) -> list[Mapping[str, str]]:
    return [member.trigger.entity for member in entry.members]
