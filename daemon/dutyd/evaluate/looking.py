"""How far every partition is decided, by whichever process: for whoever only looks, such as ``doctor`` and ``idle``."""

from collections import Counter
from collections.abc import Iterator, Sequence

from dutyd.core.topic import Topic, task_name
from dutyd.evaluate.checkpoint import Checkpoint
from dutyd.evaluate.saved import Progress
from dutyd.stream.base import Partition, Span, Stream


def progress_of(
    stream: Stream, checkpoint: Checkpoint, topics: Sequence[Topic]
) -> Iterator[tuple[Partition, Span, Progress]]:
    """Yield each partition of *topics*, what it holds now, and how far its task is."""
    by_name = {topic.topic: topic for topic in topics}
    spans = stream.spans(sorted(by_name))
    counts = Counter(partition.topic for partition in spans)
    tasks = {each: task_name(by_name[each.topic], counts[each.topic], each.number) for each in spans}
    progress = checkpoint.progress(sorted(set(tasks.values())))
    yield from ((each, span, progress[tasks[each]]) for each, span in spans.items())
