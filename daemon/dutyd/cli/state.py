"""``dutyd state repartition``: after a topic got more partitions, with every evaluator stopped."""

import typer

from dutyd.cli.options import DEFAULT_SETTINGS, SettingsFile
from dutyd.core.errors import SettingsError

state = typer.Typer(no_args_is_help=True, help="Move the evaluators' state.")


@state.callback()
def _state() -> None:
    """Move the evaluators' state."""


@state.command()
def repartition(settings: SettingsFile = DEFAULT_SETTINGS) -> None:
    """Move the state of topics whose partition count changed; stop every evaluator first."""
    from dutyd.cli.places import open_world
    from dutyd.core.topic import read_topics
    from dutyd.evaluate.checkpoint import Checkpoint
    from dutyd.evaluate.repartition import repartition as move
    from dutyd.stream.kafka.placing import place

    with open_world(settings) as world:
        checkpoint = Checkpoint(world.plain_redis, world.settings.installation)
        stored = checkpoint.notes.counts()
        changed = 0
        for topic in read_topics(world.settings.own_topics, world.topics.values()):
            spans = world.stream.spans([topic.topic])
            before = stored.get(topic.topic)
            if before is None or before == len(spans):
                continue
            if before > len(spans):
                raise SettingsError(f"topic '{topic.topic}' has fewer partitions than before: Kafka can't do that")
            done = move(checkpoint, topic, before, spans, place)
            changed += 1
            typer.echo(
                f"{done.topic}: {done.before} -> {done.now} partitions; {done.moved} of {done.latches} entities "
                "moved to another; windows start unknown"
            )
        if not changed:
            typer.echo("Nothing to do: every topic has the partitions that its state was made for.")
