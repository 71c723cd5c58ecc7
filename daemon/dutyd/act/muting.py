"""Muting: whether an incident that has done nothing yet may begin, or has to wait.

``path`` asks once for each claim, before the first step; silences and other incidents come from the ledger, so that
every worker says the same. Throttles are counted where triggers are accepted (``lua/accept.lua``), and so are storms.
What has begun is not muted any more: half a page is worse than one too many.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from dutyd.core.limits import Inhibit
from dutyd.core.mute import Mute, Other, RecurringSilence, Silence, all_silenced, inhibited, silenced
from dutyd.core.rule import Rule
from dutyd.ledger import Ledger
from dutyd.ledger.claims import Claim
from dutyd.ledger.members import Members


@dataclass(frozen=True, slots=True)
class Muting:
    """Says what mutes an incident.

    Attributes:
        now: the worker's clock, seconds since the epoch.

    """

    ledger: Ledger
    now: Callable[[], float]

    async def mute_of(self, claim: Claim, rule: Rule, written: Sequence[RecurringSilence]) -> Mute | None:
        """Return what mutes it now, None where it may begin; *written* are the silences of the rule files."""
        now = self.now()
        found = silenced(await self._silences(now, written), rule.id, claim.trigger.entity, now)
        if found is not None or rule.inhibit is None:
            return found
        others = [(other, await self.ledger.incidents.open_of(other)) for other in rule.inhibit.by]
        return _inhibited(rule.inhibit, claim, others, now, claim.age)

    async def was_muted(self, claim: Claim, rule: Rule, written: Sequence[RecurringSilence]) -> bool:
        """Return whether it was muted when it cleared, though a worker comes to it only now."""
        then = claim.ended
        if then is None:
            return False
        silences: list[Silence | RecurringSilence] = [*await self.ledger.silences.at(then), *written]
        if silenced(silences, rule.id, claim.trigger.entity, then) is not None:
            return True
        if rule.inhibit is None:
            return False
        others = [(other, await self.ledger.incidents.open_at(other, then)) for other in rule.inhibit.by]
        return _inhibited(rule.inhibit, claim, others, then, then - claim.opened) is not None

    async def mute_of_many(self, rule: Rule, members: Members, written: Sequence[RecurringSilence]) -> Mute | None:
        """Return what mutes a page for *members*: silences that cover all of them; None where it may begin."""
        if members.count > len(members.triggers):  # of the others nobody knows
            return None
        now = self.now()
        entities = (each.entity for each in members.triggers)
        return all_silenced(await self._silences(now, written), rule.id, entities, now)

    async def _silences(self, now: float, written: Sequence[RecurringSilence]) -> Sequence[Silence | RecurringSilence]:
        return [*await self.ledger.silences.all(now), *written]


def _inhibited(
    inhibit: Inhibit, claim: Claim, open_: Iterable[tuple[str, Mapping[str, Mapping[str, str]]]], at: float, age: float
) -> Mute | None:
    """Return what mutes *claim*, which is *age* seconds old then, of the incidents that are *open_* *at* that time."""
    others = [Other(rule, incident, entity) for rule, found in open_ for incident, entity in found.items()]
    return inhibited(inhibit, Other(claim.rule, claim.id, claim.trigger.entity), others, at, age)
