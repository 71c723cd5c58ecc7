"""Topics and rights at start: own topics are created where they are missing, what somebody else created or granted is
checked.

Called by ``service`` before anything reads or writes. What only weakens a promise is said; a topic that would lose or
refuse records stops the start, because nobody would notice before the records are needed; so does a missing right,
because the broker would only let us try again for ever.
"""

from collections import defaultdict
from collections.abc import Sequence

import structlog

from dutyd.core.errors import WrongError
from dutyd.core.topic import OwnTopics
from dutyd.stream.base import Stream
from dutyd.stream.fit import Access, Difference, Harm, Right
from dutyd.stream.own_topics import own_topics

log = structlog.get_logger()


def prepare_own_topics(stream: Stream, topics: OwnTopics) -> None:
    """Create what is missing of *topics* and say what differs.

    Raises:
        NotReadyError: one is missing and can't be created here.
        WrongError: one would lose or refuse records; names each setting and the command that mends it.

    """
    found: list[Difference] = []
    for spec in own_topics(topics):
        stream.ensure(spec)
        found += stream.differences(spec)
    _tell([each for each in found if each.harm is Harm.WEAK])
    if fatal := [each for each in found if each.harm is Harm.FATAL]:
        raise WrongError("\n".join(f"{each}; mend it: {each.mend}" for each in fatal))


def demand_rights(stream: Stream, needs: Sequence[Access]) -> None:
    """Check that this client may read and write what it has to; what else it lacks shows when it is needed.

    Raises:
        WrongError: it may not; names each missing right and the command that grants it.

    """
    missing = [access for access in stream.missing_rights(needs) if access.right in (Right.READ, Right.WRITE)]
    if missing:
        said = ", ".join(map(str, missing))
        commands = "".join(f"\n  {access.mend}" for access in missing)
        raise WrongError(f"Kafka does not grant this client {said}; an administrator grants them:{commands}")


def _tell(weak: list[Difference]) -> None:
    """Log each kind of difference once, with all its topics."""
    alike = defaultdict[tuple[str, str, str], list[Difference]](list)
    for each in weak:
        alike[each.what, each.found, each.because].append(each)
    for (what, has, because), those in alike.items():
        log.warning(
            "own topics promise less than they could",
            topics=", ".join(each.topic for each in those),
            what=what,
            found=has,
            wanted=those[0].wanted,
            because=because,
            mend=those[0].mend,
        )
