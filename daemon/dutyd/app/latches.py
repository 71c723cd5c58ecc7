"""What every task remembers, read from Redis for commands that look: nothing is claimed, no daemon is needed."""

from collections.abc import Mapping

from dutyd.app.world import World
from dutyd.evaluate.checkpoint import Checkpoint
from dutyd.evaluate.engine import Latch, LatchKey
from dutyd.evaluate.records import read_latches


def all_latches(world: World) -> Mapping[LatchKey, Latch]:
    """Return the latches of all tasks of *world*'s installation.

    Raises:
        NotReadyError: Redis does not answer, or a newer dutyd wrote them.

    """
    checkpoint = Checkpoint(world.plain_redis, world.settings.installation)
    found: dict[LatchKey, Latch] = {}
    for task in checkpoint.tasks():
        found |= read_latches(checkpoint.latches(task))
    return found
