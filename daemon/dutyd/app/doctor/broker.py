"""The broker: does it answer, what may we do there, are the topics there, and do they fit.

The reason why a broker does not answer comes from ``stream.kafka.trouble``, the rights and what differs of own topics
from ``Stream.missing_rights`` and ``Stream.differences``.
"""

from collections.abc import Iterator, Mapping

from dutyd.app.doctor.finding import Finding, fine, note, weak, wrong
from dutyd.app.world import World
from dutyd.core.errors import NotReadyError, SettingsError
from dutyd.core.topic import Topic
from dutyd.evaluate.notes import Notes
from dutyd.settings.values import masked
from dutyd.stream.base import Stream, TopicSpec
from dutyd.stream.fit import Access, Harm, Right, evaluator_needs, together, worker_needs
from dutyd.stream.own_topics import own_topics

Roles = frozenset[str]
"""Names of the roles that this client has at the broker."""

BOTH: Roles = frozenset(("evaluator", "worker"))


def where_topics_are(world: World) -> str:
    """Return the broker as people may see it."""
    return "the redis server" if world.settings.stream is None else masked(world.settings.stream)


def look_at_broker(world: World, roles: Roles = BOTH) -> Iterator[Finding]:
    """Ask for this client's rights in *roles*: it answers, and knows us. A right that is missing is told, and no other
    reason.
    """
    where = where_topics_are(world)
    try:
        missing = world.stream.missing_rights(_wanted(world, roles))
        if not missing:
            world.stream.partitions(world.settings.own_topics.triggers)
    except (NotReadyError, SettingsError) as error:
        found, _, see = str(error).partition("; see ")
        see = see or "`stream` and `kafka` in the settings: address, encryption, login"
        yield wrong("broker", found, f"{where} answers, and knows this client", f"see {see}; or start it")
        return
    yield fine("broker", f"{where} answers")
    for access in missing:
        say = weak if access.right is Right.DESCRIBE_CONFIGS else wrong  # settings can be right without being checked
        yield say("rights", f"this client lacks {access}", str(access), access.mend)
    if not missing:
        yield fine("rights", f"everything that {' and '.join(sorted(roles))} do there is allowed")


def _wanted(world: World, roles: Roles) -> tuple[Access, ...]:
    sources = tuple(topic.topic for topic in world.topics.values())
    own = world.settings.own_topics
    needs = {"evaluator": evaluator_needs(own, sources), "worker": worker_needs(own)}
    return together(access for role in sorted(roles) for access in needs[role])


def look_at_topics(world: World) -> Iterator[Finding]:
    """Look for the source topics, and hold their partitions against the state that was made for them."""
    if not world.topics:
        yield wrong("topics", "no source topic", "a topic with events", "name one under `topics` in the settings")
    stored = _counts_of_state(world)
    for topic in world.topics.values():
        try:
            yield _topic(topic, world.stream.partitions(topic.topic), stored, where_topics_are(world))
        except NotReadyError as error:
            yield wrong(f"topic {topic.alias}", str(error), "this client may see it", "see the rights above")


def _topic(topic: Topic, partitions: int | None, stored: Mapping[str, int], where: str) -> Finding:
    check, there = f"topic {topic.alias}", f"'{topic.topic}' is on {where}"
    if partitions is None:
        what = f"correct topics.{topic.alias}.topic, or create it: `dutyd publish --topic {topic.alias}` does, "
        what += f"with partitions: {topic.partitions}; until then `dutyd run` waits for it and reads the others"
        return wrong(check, f"'{topic.topic}' is not on {where}", there, what)
    before = stored.get(topic.topic, partitions)
    if before != partitions:
        found = f"'{topic.topic}' has partitions: {partitions}, its state was made for {before}"
        what = "stop all evaluators and run `dutyd state repartition`; until then none of them starts"
        return wrong(check, found, f"partitions: {before}", what)
    return fine(check, f"{there}, partitions: {partitions}", there)


def _counts_of_state(world: World) -> dict[str, int]:
    try:
        return dict(Notes(world.plain_redis, world.settings.installation).counts())
    except NotReadyError:
        return {}  # what was said of Redis is enough


def look_at_own_topics(world: World) -> Iterator[Finding]:
    """Look at dutyd's own topics: somebody else may have created them."""
    for spec in own_topics(world.settings.own_topics):
        try:
            yield from _own_topic(world.stream, spec)
        except NotReadyError as error:
            yield wrong(f"topic {spec.name}", str(error), "this client may see it", "see the rights above")


def _own_topic(stream: Stream, spec: TopicSpec) -> Iterator[Finding]:
    check = f"topic {spec.name}"
    if stream.partitions(spec.name) is None:
        yield note(check, "not there yet", "`dutyd run` creates it")
        return
    found = stream.differences(spec)
    for each in found:
        say = wrong if each.harm is Harm.FATAL else weak
        yield say(check, f"{each.what} is {each.found}: {each.because}", f"{each.what} {each.wanted}", each.mend)
    if not found:
        yield fine(check, "there, and as it should be")
