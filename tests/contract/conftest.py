"""The stream backends that every contract test of them runs on."""

from collections.abc import Iterator

import pytest

from dutyd.core.topic import Start
from dutyd.stream import open_stream
from dutyd.stream.base import Consumer, TopicSpec
from support.backends import Backend
from support.broker import Broker


@pytest.fixture(params=["redis", "kafka", "kafka, the client's reader"])
def backend(request: pytest.FixtureRequest, unique: str) -> Iterator[Backend]:
    lacks: frozenset[str] = frozenset()
    name, _, other_reader = request.param.partition(", ")
    if name == "kafka":
        broker: Broker = request.getfixturevalue("kafka_broker")
        url, lacks = f"kafka://{broker.address}", broker.lacks
    else:
        url = request.getfixturevalue("valkey_url")
    stream = open_stream(url, {"reader": "client"} if other_reader else {})
    if "create" not in lacks:
        stream.ensure(TopicSpec(unique, 3))
    members: list[Consumer] = []

    def member(start: Start = Start.EARLIEST) -> Consumer:
        members.append(stream.consumer(f"{unique}.group", {unique: start}, client=f"member-{len(members)}"))
        return members[-1]

    yield Backend(name, stream, unique, lacks, member)
    for each in members:
        each.close()
    stream.close()
