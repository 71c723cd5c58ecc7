"""Which rights this client lacks, asked without using them.

The broker tells a topic's allowed operations with its metadata (KIP-430), also where the topic is missing. For groups
it tells them only of groups that exist, so there the heartbeat of a member that does not exist asks: it needs Read and
changes nothing. Called by ``KafkaStream.missing_rights``.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kafka.errors import (
    CoordinatorNotAvailableError,
    GroupAuthorizationFailedError,
    NoError,
    TopicAuthorizationFailedError,
    for_code,
)
from kafka.protocol.consumer import HeartbeatRequest

from dutyd.stream.fit import Access, Kind, Right

COORDINATOR_SECONDS = 10.0
"""How long a cluster without any group may take to make the topic that groups are kept in."""

_RETRY_SECONDS = 0.2


def missing_rights(admin: Any, wanted: Iterable[Access]) -> Iterator[Access]:
    """Yield what of *wanted* is not granted, as far as the broker tells; *admin* is kafka-python's admin client.

    Raises:
        KafkaError: the broker does not answer.

    """
    asked = tuple(wanted)
    topics = sorted({access.name for access in asked if access.kind is Kind.TOPIC})
    found = {each["name"]: each for each in admin.describe_topics(topics)} if topics else {}
    anywhere = set(admin.describe_cluster().get("authorized_operations") or ()) if topics else set()
    groups = {access.name for access in asked if access.kind is Kind.GROUP}
    readable = {group: _may_read(admin, group) for group in groups}
    for access in asked:
        if access.kind is Kind.GROUP:
            granted = readable[access.name]
        else:
            granted = _granted(found[access.name], access.right, anywhere)
        if not granted:
            yield access


def _granted(topic: Mapping[str, Any], right: Right, anywhere: set[str]) -> bool:
    error, allowed = for_code(topic["error_code"]), topic["authorized_operations"]
    if right is Right.CREATE and (error is NoError or right.name in anywhere):
        return True
    if allowed is None:  # hidden, or a broker before 2.3, which does not tell: what was seen is all that is known
        return error is not TopicAuthorizationFailedError
    return right.name in allowed


def _may_read(admin: Any, group: str) -> bool:
    deadline = time.monotonic() + COORDINATOR_SECONDS
    while True:
        try:
            answer = admin._manager.run(_heartbeat, admin, group)  # noqa: SLF001  # there is no public way
        except GroupAuthorizationFailedError:  # not even Describe
            return False
        except CoordinatorNotAvailableError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return for_code(answer.error_code) is not GroupAuthorizationFailedError


async def _heartbeat(admin: Any, group: str) -> Any:
    coordinators = await admin._find_coordinator_ids([group])  # noqa: SLF001  # same
    request = HeartbeatRequest(group_id=group, generation_id=-1, member_id="nobody")
    return await admin._manager.send(request, node_id=coordinators[group])  # noqa: SLF001  # same
