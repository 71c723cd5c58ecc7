"""Of an incident that is over, the effects that have not ended: each ends, and nothing is sent any more.

The outcomes topic can know that an incident is closed while an older copy of the ledger still waits with an effect of
it; and a step that no rule set knows any more is asked about by nobody else. ``lua/common.lua`` gives such an incident
to a worker instead of closing it, and ``path`` comes here. What was not sent is off; what may have been is looked for,
or settled by class; then the incident is closed.
"""

from dutyd.act.effects import Instead
from dutyd.act.episode import Episode, Rest
from dutyd.core.incident import EffectState

CLOSED = Instead(EffectState.REFUSED, "closed")


async def end_leftovers(episode: Episode) -> Rest:
    """Bring every effect of the incident to its end, whatever its round and its step."""
    effects = episode.means.ledger.effects
    await effects.withdraw(episode.claim)
    for effect in await effects.of(episode.claim.id):
        if not effect.state.ended:
            step = (episode.accepted.on_clear if effect.clear else episode.accepted.steps).get(effect.step)
            sender = episode.sender_of(effect.tool, step.if_unsure if step else None, CLOSED)
            episode.earlier.append(await sender.go_on(effect))
    return episode.rest(close=True)
