"""The stream backends that every contract test of them runs on."""

from collections.abc import Iterator

import pytest

from dutyd.core.topic import Start
from dutyd.stream import open_stream
from dutyd.stream.base import Consumer, TopicSpec
from support.backends import Backend
from support.broker import Broker


@pytest.fixture(params=["redis", "kafka"])
def backend(request: pytest.FixtureRequest, unique: str) -> Iterator[Backend]:
    lacks: frozenset[str] = frozenset()
    if request.param == "kafka":
        broker: Broker = request.getfixturevalue("kafka_broker")
        url, lacks = f"kafka://{broker.address}", broker.lacks
    else:
        url = request.getfixturevalue("valkey_url")
    stream = open_stream(url, {})
    if "create" not in lacks:
        stream.ensure(TopicSpec(unique, 3))
    members: list[Consumer] = []

    def member(start: Start = Start.EARLIEST) -> Consumer:
        members.append(stream.consumer(f"{unique}.group", {unique: start}, client=f"member-{len(members)}"))
        return members[-1]

    yield Backend(request.param, stream, unique, lacks, member)
    for each in members:
        each.close()
    stream.close()
