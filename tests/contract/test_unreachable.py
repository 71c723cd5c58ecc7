"""Servers that don't answer: not ready, with the reason, within the time that was given."""

import pytest

from dutyd.core.errors import NotReadyError, SettingsError
from dutyd.core.topic import Start
from dutyd.stream import kafka, open_stream
from support.broker import free_port


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka.client, "PATIENCE_SECONDS", 0.0)


@pytest.mark.usefixtures("no_patience")
def test_a_closed_kafka_port_is_not_ready_and_says_why() -> None:
    stream = open_stream(f"kafka://127.0.0.1:{free_port()}", {})
    with pytest.raises(
        NotReadyError, match=r"^Kafka: 127.0.0.1:\d+ refuses connections: nobody listens there; see `stream`$"
    ):
        stream.partitions("a")
    with pytest.raises(NotReadyError, match="refuses connections"):
        stream.consumer("g", {"a": Start.EARLIEST}, client="c")
    producer = stream.producer()
    with pytest.raises(NotReadyError, match="refuses connections"):
        producer.send("a", b"1")


def test_a_closed_redis_port_is_not_ready_and_says_why() -> None:
    stream = open_stream(f"redis://127.0.0.1:{free_port()}", {})
    consumer = stream.consumer("g", {"a": Start.EARLIEST}, client="c")
    with pytest.raises(NotReadyError, match=r"can't read at Redis: .*refused"):
        consumer.poll(0.1, 1)
    producer = stream.producer()
    producer.send("a", b"1")
    with pytest.raises(NotReadyError, match=r"refused"):
        producer.flush()


@pytest.mark.parametrize(
    "url", ["kafka://", "http://x", "nonsense", "kafka://h?x=1", "kafka://h?api_version=two", "kafka://h:x"]
)
def test_a_wrong_address_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(SettingsError, match=r"stream: "):
        open_stream(url, {})
