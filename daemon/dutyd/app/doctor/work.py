"""How the installation stands right now: what is not decided yet, who waits for a worker, what waits for people."""

import asyncio
from collections.abc import Iterator

from redis.exceptions import RedisError

from dutyd.app.doctor.finding import Finding, fine, note, weak
from dutyd.app.world import World
from dutyd.core.errors import NotReadyError
from dutyd.core.incident import EffectState
from dutyd.evaluate.checkpoint import Checkpoint
from dutyd.evaluate.looking import progress_of
from dutyd.ledger.standing import Standing

LATE_SECONDS = 60.0
"""How long a due incident may wait: a worker that runs claims it within a second."""

SHOWN = 5


def look_at_evaluation(world: World) -> Iterator[Finding]:
    """Hold the ends of the source topics against what is decided, by whichever process."""
    checkpoint = Checkpoint(world.plain_redis, world.settings.installation)
    found = list(progress_of(world.stream, checkpoint, list(world.topics.values())))
    behind = []
    for partition, span, progress in found:
        decided = progress.offsets.get(partition.topic)
        if span.end > max(decided.offset if decided else 0, span.begin):
            behind.append(f"{partition.topic}/{partition.number}")
    if behind:
        more = f" and {len(behind) - SHOWN} more" if len(behind) > SHOWN else ""
        said = f"not decided to the end now: {', '.join(behind[:SHOWN])}{more}"
        yield note(
            "evaluation", said, "if it stays so: does an evaluator run? Its log and /readyz say what it waits for"
        )
    elif found:
        yield fine("evaluation", "every record is decided")


def look_at_work(world: World) -> Iterator[Finding]:
    """Say who waits for a worker, and what waits for people."""
    standing = asyncio.run(_standing(world))
    promised = "a worker claims a due incident within a second"
    if standing.oldest_due > LATE_SECONDS:
        found = f"a due incident has waited {standing.oldest_due:.0f} s for a worker"
        yield weak("work", found, promised, "does a worker run? Its log and /readyz say what it waits for")
    else:
        yield fine("work", f"incidents that go on by themselves: {standing.busy}; none waits for a worker", promised)
    if waiting := standing.effects.get(EffectState.AWAITING_APPROVAL, 0):
        yield note("approvals", f"calls that wait for a person: {waiting}", "decide them: `dutyd approvals list`")
    if parked := standing.effects.get(EffectState.PARKED, 0):
        yield note(
            "parked",
            f"effects that may have happened: {parked}",
            "`dutyd effects list --state parked` says how to settle them",
        )
    if standing.breaches:
        said = f"done effects that are missing or double: {len(standing.breaches)}"
        yield note("breaches", said, "`dutyd effects list --breaches` says which, and what to look for")
    if standing.stuck:
        ids = ", ".join(standing.stuck_ids[:SHOWN])
        yield note(
            "stuck", f"incidents stopped by something unexpected: {ids}", "`dutyd incidents show ID` has the cause"
        )


async def _standing(world: World) -> Standing:
    client = world.ledger_client()
    try:
        return await world.ledger(client).standings.now()
    except RedisError as error:
        raise NotReadyError(f"the ledger's Redis does not answer: {error}") from error
    finally:
        await client.aclose()
