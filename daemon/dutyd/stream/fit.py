"""How the broker's topics and rights fit what dutyd needs: values that ``Stream.differences`` and
``Stream.missing_rights`` answer with.

Own topics are often created by somebody else, and rights are granted one by one; what does not fit is named before it
hurts, with the command that mends it. Asked by ``run`` at start, by ``doctor``, and by whoever writes the page of
rights; nothing here is sent anywhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from dutyd.core.topic import OwnTopics


class Harm(StrEnum):
    """What a difference does."""

    WEAK = "weak"  # dutyd works, and less is promised than could be
    FATAL = "fatal"  # records would be lost or refused: dutyd does not start


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which a topic is not as its ``TopicSpec`` says.

    Attributes:
        topic: its real name.
        what: the setting, by Kafka's name, or ``partitions``, ``replicas``.
        found: what the broker has.
        wanted: what was expected.
        harm: what it does.
        because: why that matters, half a sentence.
        mend: the command that mends it, or what else to do.

    """

    topic: str
    what: str
    found: str
    wanted: str
    harm: Harm
    because: str
    mend: str

    def __str__(self) -> str:
        """Return it as one line without what to do."""
        return f"topic '{self.topic}' has {self.what} {self.found}, wanted {self.wanted}: {self.because}"


class Right(StrEnum):
    """What a client may be allowed to do, by the words of ``kafka-acls --operation``."""

    DESCRIBE = "Describe"
    READ = "Read"
    WRITE = "Write"
    CREATE = "Create"
    DESCRIBE_CONFIGS = "DescribeConfigs"


class Kind(StrEnum):
    """What a right is for, by the words of ``kafka-acls``."""

    TOPIC = "topic"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Access:
    """A right that somebody needs.

    Attributes:
        kind: on what kind of thing.
        name: its real name.
        right: which.
        why: what dutyd does with it, half a sentence.

    """

    kind: Kind
    name: str
    right: Right
    why: str

    def __str__(self) -> str:
        """Return it as words of a sentence."""
        return f"{self.right} on {self.kind} '{self.name}' ({self.why})"

    @property
    def mend(self) -> str:
        """The command that grants it, as an administrator gives it."""
        grant = f"--add --allow-principal User:NAME --operation {self.right} --{self.kind} {self.name}"
        return f"kafka-acls.sh --bootstrap-server $BROKER {grant}"


def evaluator_needs(own: OwnTopics, sources: tuple[str, ...]) -> tuple[Access, ...]:
    """Return the rights of ``run --role evaluator``; *sources* are real names."""
    return (
        *(Access(Kind.TOPIC, source, Right.READ, "read events") for source in sources),
        Access(Kind.GROUP, f"{own.installation}.evaluate", Right.READ, "share the source topics among evaluators"),
        Access(Kind.TOPIC, own.triggers, Right.WRITE, "produce triggers"),
        Access(Kind.TOPIC, own.triggers, Right.READ, "read latches back after a loss of Redis"),
        *(Access(Kind.TOPIC, topic, Right.WRITE, "bring events to the entities of rules") for topic in own.by_keys),
        *(Access(Kind.TOPIC, topic, Right.READ, "judge them there") for topic in own.by_keys),
        *_kept(own),
    )


def worker_needs(own: OwnTopics) -> tuple[Access, ...]:
    """Return the rights of ``run --role worker``."""
    return (
        Access(Kind.TOPIC, own.triggers, Right.READ, "accept triggers"),
        Access(Kind.GROUP, f"{own.installation}.act", Right.READ, "share the triggers topic among workers"),
        Access(Kind.TOPIC, own.outcomes, Right.WRITE, "say what became of effects"),
        Access(Kind.TOPIC, own.outcomes, Right.READ, "take in what was done after a loss of Redis"),
        Access(Kind.TOPIC, own.audit, Right.WRITE, "say what people decided"),
        *_kept(own),
    )


def publisher_needs(source: str) -> tuple[Access, ...]:
    """Return the rights of ``publish``."""
    return (Access(Kind.TOPIC, source, Right.WRITE, "publish events"),)


def together(needs: Iterable[Access]) -> tuple[Access, ...]:
    """Return *needs* with each right once, for all its reasons, and without ``Describe`` where another contains it."""
    alike: dict[tuple[Kind, str, Right], list[str]] = {}
    for need in needs:
        reasons = alike.setdefault((need.kind, need.name, need.right), [])
        if need.why not in reasons:
            reasons.append(need.why)
    used = {(kind, name) for kind, name, right in alike if right in (Right.READ, Right.WRITE)}
    return tuple(
        Access(kind, name, right, "; ".join(reasons))
        for (kind, name, right), reasons in alike.items()
        if right is not Right.DESCRIBE or (kind, name) not in used
    )


def _kept(own: OwnTopics) -> tuple[Access, ...]:
    """What every role needs: own topics that are there and as they should be, and a place for bad input."""
    return (
        Access(Kind.TOPIC, own.dead_letters, Right.WRITE, "keep records that can't be understood"),
        *(Access(Kind.TOPIC, topic, Right.DESCRIBE, "find the topic") for topic in own.all()),
        *(Access(Kind.TOPIC, topic, Right.CREATE, "create the topic where it is missing") for topic in own.all()),
        *(Access(Kind.TOPIC, topic, Right.DESCRIBE_CONFIGS, "check the topic's settings") for topic in own.all()),
    )
