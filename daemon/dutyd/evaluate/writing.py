"""The fenced write of a turn: every task that has something to write, in one round trip, and what the answers mean.

Called by ``path`` before anything is produced. A task that Redis lost is written again from memory here; one that
another process owns by now is handed back, and ``path`` leaves the group.
"""

from collections.abc import Iterable

import structlog

from dutyd.core.metrics import CHECKPOINT_SECONDS
from dutyd.evaluate.checkpoint import Checkpoint
from dutyd.evaluate.saved import Answer
from dutyd.evaluate.tasks import Task

log = structlog.get_logger()


def write_tasks(checkpoint: Checkpoint, tasks: Iterable[Task], now: float, *, at_once: bool) -> list[Task]:
    """Write what has to be written by *now*, a monotonic clock; return the tasks that another process owns.

    Raises:
        NotReadyError: Redis does not answer; calling again repeats the same writes.

    """
    found = {task: task.write(checkpoint.number(), now, at_once=at_once) for task in tasks}
    due = {task: write for task, write in found.items() if write is not None}
    if not due:
        return []
    with CHECKPOINT_SECONDS.time():
        answers = checkpoint.write(list(due.values()))
    gone = []
    for task, answer in zip(due, answers, strict=True):
        if answer is Answer.OWN:
            task.written()
        elif answer is Answer.ANOTHER or not _restored(checkpoint, task):
            gone.append(task)
    return gone


def _restored(checkpoint: Checkpoint, task: Task) -> bool:
    """Write all of *task* again, from memory; False: another process was faster."""
    log.warning("Redis lost data of a task: writing it again from memory", task=task.name)
    owner = checkpoint.restore(task.whole(checkpoint.number()))
    if owner is not None:
        task.restored(owner)
    return owner is not None
