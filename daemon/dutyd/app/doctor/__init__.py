"""``dutyd doctor``: looks at everything that ``run`` needs, and says of each thing what to do.

``examine`` goes through them in order; each is a function of the ``World`` in a module of its own subject and
yields findings. Nothing is created and nothing is sent, but for a key in Redis that lives for a second. One failing
part doesn't hide the others, and what can't be known without it is left out instead of failing for the same reason.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dutyd.app.doctor.broker import BOTH, Roles, look_at_broker, look_at_own_topics, look_at_topics
from dutyd.app.doctor.finding import Finding, Standing
from dutyd.app.doctor.model import look_at_model
from dutyd.app.doctor.redis import look_at_pauses, look_at_redis
from dutyd.app.doctor.rules import look_at_policy, look_at_rules
from dutyd.app.doctor.systems import look_at_providers
from dutyd.app.doctor.watching import look_at_heartbeat, look_at_notices, look_at_probes
from dutyd.app.doctor.work import look_at_evaluation, look_at_work
from dutyd.app.world import World
from dutyd.core.errors import DutydError

__all__ = ["Finding", "Standing", "examine"]


@dataclass(frozen=True, slots=True)
class _Look:
    """One thing to look at; without what it *needs* there is nothing to see."""

    check: str
    look: Callable[[World], Iterator[Finding]]
    needs: tuple[str, ...] = ()


def _looks(world: World, roles: Roles) -> tuple[_Look, ...]:
    """Return what is looked at, in the order of the table."""
    one_server = ("redis",) if world.settings.stream is None else ()
    return (
        _Look("redis", look_at_redis),
        _Look("pause", look_at_pauses, ("redis",)),
        _Look("broker", lambda world: look_at_broker(world, roles), one_server),
        _Look("topics", look_at_topics, ("broker",)),
        _Look("own topics", look_at_own_topics, ("broker",)),
        _Look("policy", look_at_policy),
        _Look("rules", look_at_rules, ("policy",)),
        _Look("model", look_at_model),
        _Look("providers", look_at_providers),
        _Look("heartbeat", look_at_heartbeat),
        _Look("notices", look_at_notices),
        _Look("probes", look_at_probes),
        _Look("evaluation", look_at_evaluation, ("redis", "broker")),
        _Look("work", look_at_work, ("redis",)),
    )


def examine(world: World, roles: Roles = BOTH) -> Iterator[Finding]:
    """Yield what is found, thing by thing, for processes that have *roles*."""
    broken: set[str] = set()
    for each in _looks(world, roles):
        if broken & set(each.needs):
            broken.add(each.check)
            continue
        try:
            for finding in each.look(world):
                yield finding
                if finding.standing is Standing.WRONG and finding.check == each.check:
                    broken.add(each.check)
        except DutydError as error:
            broken.add(each.check)
            yield Finding(each.check, Standing.WRONG, str(error), what_to_do="mend what it says")
