"""What a rehearsal tells of one incident: when it opened, what held it back, what would have been done for it.

``desk`` writes it while event time passes; backtests and rule tests read it when all is over.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dutyd.rules.rehearsal.actor import Done
from dutyd.rules.rehearsal.paper import Kind


@dataclass(slots=True)
class Opening:
    """One incident, or one page for many, as far as it came.

    Attributes:
        incident: its id.
        entity: ``per`` field to value, of a group ``by`` field; empty for a page for many.
        opened, cleared: event time, seconds since the epoch; None: it is still open.
        kind: what it is.
        members: the entities that a page for many stands for.
        effects: in order, those of ``on_clear`` too.
        said: what the gateway told the model where it refused.
        asked: when the model would have been asked, seconds since the epoch.
        over: whether it has ended: it cleared, or it stands for one event and all was done.
        muted: what held it back, in that order, each once: ``throttle``, ``silence ID``, ``storm``, ``group``,
            ``group_wait``, ``inhibited by RULE``.
        begun: when something was first done for it; None: nothing was.
        braked: whether a brake was on, so that its effects wait for approval.
        seen, clearing: the values that it was decided by, where they are kept.

    """

    incident: str
    rule: str
    entity: Mapping[str, str]
    opened: float
    kind: Kind = Kind.INCIDENT
    cleared: float | None = None
    members: list[Mapping[str, str]] = field(default_factory=list)
    effects: list[Done] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)
    over: bool = False
    muted: list[str] = field(default_factory=list)
    begun: float | None = None
    braked: bool = False
    seen: Mapping[str, Any] = field(default_factory=dict)
    clearing: Mapping[str, Any] = field(default_factory=dict)

    def hold(self, why: str) -> None:
        """Note what holds it back."""
        if why not in self.muted:
            self.muted.append(why)
