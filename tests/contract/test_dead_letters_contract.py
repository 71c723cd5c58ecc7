"""Dead letters looked at and sent back, on both stream backends: as they were, each once."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dutyd.app.dead_letters import Ended, Wanted, find, replay
from dutyd.core.errors import NotReadyError
from dutyd.core.event import Headers
from dutyd.core.topic import OwnTopics
from dutyd.ledger import Ledger, open_ledger
from dutyd.ledger.connect import connect_async
from dutyd.stream.base import Partition, Producer, TopicSpec
from dutyd.stream.dead_letters import VALUE_LIMIT, send_dead_letter
from support.backends import Backend
from support.program import Program

LONG_AGO = 1_780_000_000_000


class Died(NamedTuple):
    """A record that could not be read."""

    value: bytes | None
    key: bytes | None = b"k"
    headers: Headers = (("trace", b"\x00\xff"),)
    offset: int = 7
    timestamp: int = LONG_AGO


@dataclass
class Graveyard:
    """An installation with dead letters."""

    backend: Backend
    own: OwnTopics
    valkey_url: str

    def bury(self, *records: Died, partition: int = 0, reason: str = "not JSON") -> None:
        producer = self.backend.stream.producer()
        for record in records:
            send_dead_letter(producer, self.own, record, Partition(self.backend.topic, partition), reason)
            producer.flush()  # one after the other: the order in which they died
        producer.close()

    @asynccontextmanager
    async def ledger(self) -> AsyncIterator[Ledger]:
        client = connect_async(self.valkey_url)
        try:
            yield open_ledger(client, self.own.installation)
        finally:
            await client.aclose()

    async def replay(self, wanted: Wanted | None = None, *, again: bool = False) -> list[Ended]:
        async with self.ledger() as ledger:
            letters = find(self.backend.stream, self.own.dead_letters, wanted or Wanted())
            return [each async for each in replay(letters, self.backend.stream, ledger.replays, "ana", again=again)]

    def back(self) -> list[tuple[Partition, Any]]:
        return list(self.backend.stream.scan(self.backend.topic))

    def names(self, wanted: Wanted) -> list[bytes | None]:
        return [kept.letter.value for kept in find(self.backend.stream, self.own.dead_letters, wanted)]


@pytest.fixture
def graveyard(backend: Backend, unique: str, valkey_url: str) -> Graveyard:
    backend.needs("create")
    own = OwnTopics(f"{unique}-own")
    backend.stream.ensure(TopicSpec(own.dead_letters, 1, {"max.message.bytes": str(16 * 1024 * 1024)}))
    return Graveyard(backend, own, valkey_url)


async def test_one_goes_back_to_its_partition_as_it_was(graveyard: Graveyard) -> None:
    partition = len(graveyard.backend.stream.spans([graveyard.backend.topic])) - 1
    graveyard.bury(Died(b'{"n": '), partition=partition)
    [ended] = await graveyard.replay()
    assert ended.refused == ""
    [(place, record)] = graveyard.back()
    assert place == Partition(graveyard.backend.topic, partition)
    assert (record.key, record.value, list(record.headers)) == (b"k", b'{"n": ', [("trace", b"\x00\xff")])
    assert record.timestamp > LONG_AGO, "dated as it was, it could be deleted before it is read"


async def test_a_header_without_a_value_goes_back_empty(graveyard: Graveyard) -> None:
    graveyard.bury(Died(b"one", headers=(("trace", None),)))
    [ended] = await graveyard.replay()
    assert ended.refused == ""
    [(_, record)] = graveyard.back()
    assert list(record.headers) == [("trace", b"")]


async def test_none_goes_back_twice_unless_that_is_asked_for(graveyard: Graveyard) -> None:
    graveyard.bury(Died(b"one"), Died(b"two"))
    await graveyard.replay(Wanted(names=frozenset([first(graveyard)])))
    refused = [each.refused for each in await graveyard.replay()]
    assert refused == ["it went back before, sent by ana; --again sends it once more", ""]
    assert [record.value for _, record in graveyard.back()] == [b"one", b"two"]
    await graveyard.replay(Wanted(names=frozenset([first(graveyard)])), again=True)
    assert sorted(record.value for _, record in graveyard.back()) == [b"one", b"one", b"two"]


async def test_what_may_have_gone_back_before_a_crash_waits_for_a_word(
    graveyard: Graveyard, monkeypatch: pytest.MonkeyPatch
) -> None:
    graveyard.bury(Died(b"one"))
    real = graveyard.backend.stream.producer()
    monkeypatch.setattr(graveyard.backend.stream, "producer", lambda: Mortal(real))
    with pytest.raises(NotReadyError, match="gone"):
        await graveyard.replay()
    monkeypatch.undo()
    [ended] = await graveyard.replay()
    assert ended.refused == "ana began to send it and came to no end: look whether it is there; --again sends it"


class Mortal:
    """A producer whose acknowledgement nobody hears."""

    def __init__(self, real: Producer) -> None:
        self._real = real
        self.put_back, self.close = real.put_back, real.close

    def flush(self) -> None:
        self._real.flush()
        raise NotReadyError("gone")


async def test_what_was_cut_or_has_no_place_any_more_is_refused(graveyard: Graveyard) -> None:
    graveyard.bury(Died(b"x" * (VALUE_LIMIT + 1)))
    graveyard.bury(Died(b"y"), partition=99)
    cut, placeless = [each.refused for each in await graveyard.replay()]
    assert cut == f"it was cut: {VALUE_LIMIT} of {VALUE_LIMIT + 1} bytes are kept"
    assert placeless == f"there is no partition 99 of topic '{graveyard.backend.topic}' any more"
    assert graveyard.back() == []


def test_they_are_found_by_what_is_asked_for(graveyard: Graveyard) -> None:
    graveyard.bury(Died(b"one"), reason="not JSON: line 1")
    graveyard.bury(Died(b"two"), reason="no time")
    assert graveyard.names(Wanted()) == [b"one", b"two"]
    assert graveyard.names(Wanted(reason="json")) == [b"one"]
    assert graveyard.names(Wanted(topic="another")) == []
    assert graveyard.names(Wanted(since=4e9)) == []


def first(graveyard: Graveyard) -> str:
    return next(find(graveyard.backend.stream, graveyard.own.dead_letters, Wanted())).name


@pytest.fixture
def cli(
    graveyard: Graveyard,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Program:
    settings: dict[str, Any] = {
        "installation": graveyard.own.installation,
        "redis": graveyard.valkey_url,
        "topics": {"metrics": {"topic": graveyard.backend.topic}},
    }
    if graveyard.backend.name == "kafka":
        settings["stream"] = f"kafka://{request.getfixturevalue('kafka')}"
    (tmp_path / "dutyd.yaml").write_text(json.dumps(settings))
    return Program(tmp_path, capsys, monkeypatch)


def test_people_see_why_they_died_try_and_send(graveyard: Graveyard, cli: Program) -> None:
    assert cli("deadletters", "list") == (0, "No dead letters.\n", "")
    graveyard.bury(Died(b'{"n": \x1b[2J'), Died(b"z" * 100))
    code, out, err = cli("deadletters", "list", "--topic", "metrics", "--since", "1h")
    assert (code, err) == (0, "")
    assert "not JSON" in out
    assert "\x1b" not in out
    assert f"{graveyard.backend.topic}/0@7" in out
    newest, oldest = json.loads(cli("deadletters", "list", "--json").out)
    assert (newest["value"], newest["bytes"], newest["cut"], newest["went_back"]) == ("z" * 100, 100, False, None)
    assert (oldest["timestamp"], oldest["key"], oldest["reason"]) == ("2026-05-28T20:26:40Z", "k", "not JSON")

    dry = cli("deadletters", "replay", oldest["id"], "--dry-run")
    assert dry.out.splitlines() == [
        f"{oldest['id']}: would go back to {graveyard.backend.topic}/0",
        "1 dead letter would go back, none refused.",
    ]
    assert graveyard.back() == []
    assert cli("deadletters", "replay", "--all", "--as", "ana").code == 0
    assert len(graveyard.back()) == 2
    again = cli("deadletters", "replay", "--reason", "json", "--as", "ben")
    assert (again.code, again.out.splitlines()[-1]) == (1, "0 dead letters went back, 2 refused.")
    assert "sent by ana" in again.out
    assert json.loads(cli("deadletters", "list", "--json", "--limit", "1").out)[0]["went_back"]["who"] == "ana"


def test_what_is_odd_about_a_dead_letter_does_not_hide_the_others(graveyard: Graveyard, cli: Program) -> None:
    graveyard.bury(Died(b"one", timestamp=LONG_AGO * 1000), Died(b"two", timestamp=-1, headers=(("trace", None),)))
    newest, oldest = json.loads(cli("deadletters", "list", "--json").out)
    assert (oldest["value"], oldest["timestamp"]) == ("one", None)
    assert (newest["value"], newest["timestamp"]) == ("two", None)


def test_replay_wants_to_know_which_and_who(cli: Program) -> None:
    assert cli("deadletters", "replay", "--as", "ana").err.startswith("dutyd: which dead letters?")
    assert cli("deadletters", "replay", "--all").err == "dutyd: --as NAME is needed: who sends them is written down\n"
    unknown = cli("deadletters", "replay", "0-99", "--as", "ana")
    assert (unknown.code, unknown.err) == (
        1,
        "dutyd: there is no dead letter '0-99' that fits: `dutyd deadletters list` shows them\n",
    )
    assert "did you mean 'metrics'" in cli("deadletters", "list", "--topic", "metrisc").err
    assert "write how long ago" in cli("deadletters", "list", "--since", "yesterday").err
