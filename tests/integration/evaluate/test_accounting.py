"""Nothing falls through: every record is decided or a dead letter, every entity gets its page, and a second reading of
all triggers does nothing.
"""

import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from prometheus_client import REGISTRY

from dutyd.stream import open_stream
from dutyd.stream.formats import Decoder
from support.acting import Office, office, running
from support.evaluating import Path as Evaluation
from support.evaluating import abandon, now_text
from support.needs import DATA

FUZZED = 100_000
HOSTILE = DATA / "hostile"
NAUGHTY = 500


def fuzzed(chance: random.Random, number: int) -> tuple[bytes, int]:
    """Return a record as producers write them, broken in some way more often than not, and how many events it holds
    if it is understood.
    """
    event: dict[str, Any] = {
        "id": f"f{number}",
        "time": now_text(),
        "service": f"s{chance.randrange(50)}",
        "error_count": chance.choice([1, 3, 12, 12.5, "12", None, True, 1e308, -0.0, [], {}]),
    }
    for _ in range(chance.randrange(3)):
        event[chance.choice(list(event))] = chance.choice(
            ["", "x" * 300, None, -1, 1e400, {"a": [1]}, "NaN", "\ud800", 0]
        )
    value = json.dumps(event).encode()
    how = chance.randrange(8)
    if how == 0:
        return value[: chance.randrange(len(value))], 1
    if how == 1:
        at = chance.randrange(len(value))
        return value[:at] + bytes([chance.randrange(256)]) + value[at + 1 :], 1
    if how == 2:
        copies = chance.randrange(4)
        return b"[" + b",".join([value] * copies) + b"]", copies
    if how == 3:
        return bytes(chance.randrange(256) for _ in range(chance.randrange(40))), 1
    return value, 1


def counted(name: str, **labels: str) -> float:
    """Return the sum of a counter over its labels, or over those series that have *labels*."""
    return sum(
        sample.value
        for family in REGISTRY.collect()
        for sample in family.samples
        if sample.name == name
        and "metrics" in (sample.labels.get("topic", "metrics"))
        and labels.items() <= sample.labels.items()
    )


def test_of_a_hundred_thousand_fuzzed_records_each_is_decided_or_a_dead_letter(valkey_url: str, unique: str) -> None:
    chance = random.Random(1)
    published = [fuzzed(chance, number) for number in range(FUZZED)]
    stream = open_stream(valkey_url, {})
    with redis.Redis.from_url(valkey_url, socket_timeout=5) as client:
        path = Evaluation(stream, client, unique, 1)
        producer = stream.producer()
        for value, _ in published:
            producer.send(path.topics["metrics"].topic, value, key=b"k")
        producer.close()
        topic = path.topics["metrics"]
        records = [record for _, record in stream.scan(topic.topic)]
        before, events = counted("dutyd_dead_letters_total"), counted("dutyd_events_total")
        empty = counted("dutyd_events_dropped_total", reason="empty")
        evaluator = path.evaluator()
        path.settle(evaluator)
        judged = counted("dutyd_events_total") - events
        empty = counted("dutyd_events_dropped_total", reason="empty") - empty
        letters = path.dead_letters()
        abandon(evaluator)
        path.close()
    places = [letter.offset for letter in letters]
    assert len(places) == len(set(places)) == counted("dutyd_dead_letters_total") - before
    assert sorted(places) == sorted(bad.record.offset for bad in Decoder(topic, 0).decode(records).bad)
    dead = set(places)
    held = [number for record, (_, number) in zip(records, published, strict=True) if record.offset not in dead]
    assert (judged, empty) == (sum(held), held.count(0)), "records are lost: neither decided, dead nor counted"
    assert len(dead) + sum(map(bool, held)) + empty == FUZZED
    assert 0 < len(dead) < FUZZED
    assert all(letter.reason for letter in letters)
    assert not any(letter.traceback for letter in letters)
    assert {trigger.kind.value for trigger in path.triggers()} == {"opened", "cleared"}
    stream.close()


RULES = """
language: 1
rules:
  - id: errors
    from: metrics
    per: [service]
    when: error_count > 10
    group: off
    mode: act
    steps:
      page: {tool: send_alert, with: {severity: critical, summary: "errors in {{ service }}"}}
      ticket:
        tool: create_ticket
        with: {project: OPS, kind: incident, title: "{{ service }} is ill", body: "{{ evidence }}"}
"""


def naughty() -> Iterator[str]:
    """Yield strings that break programs: the known ones, then mixes of them."""
    known = json.loads((HOSTILE / "naughty_strings.json").read_text()) if HOSTILE.exists() else []
    known += [
        "..",
        "a/b",
        "a:b",
        "%2F",
        "\u202e",
        "\x00",
        "x" * 5000,
        "'; DROP TABLE incidents;--",
        "-",
        "\ud83d\ude00",
    ]
    chance, seen = random.Random(2), dict.fromkeys(text for text in known if text)
    while len(seen) < NAUGHTY:
        seen["".join(chance.sample(known, 2))[:5000] + str(len(seen))] = None
    yield from seen


@pytest.fixture
async def desk(valkey_url: str, unique: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(valkey_url, unique, tmp_path, RULES) as opened:
        yield opened


async def test_five_hundred_naughty_entities_and_ids_get_one_page_and_one_ticket_each_and_a_replay_adds_none(
    desk: Office,
) -> None:
    entities = [text.encode("utf-8", "replace").decode() for text in naughty()]
    for entity in entities:
        desk.open_(desk.trigger("errors", {"service": entity, "error_count": 12}, {"service": entity}, event=entity))
    async with running(desk.worker()):
        await desk.settled(len(entities), seconds=120.0)
    keys = Counter(row["key"] for row in await desk.listed("/executions"))
    assert (len(keys), keys.total()) == (2 * len(entities), 2 * len(entities))
    rows = await desk.ledger.queries.incidents()
    assert sorted(row["entity"]["service"] for row in rows) == sorted(entities)
    events = [(await desk.ledger.queries.whole(row["id"]))["trigger"]["evidence"]["id"] for row in rows]
    assert sorted(events) == sorted(entities)
    await desk.forget_what_was_accepted()
    async with running(desk.worker()):
        await desk.until(lambda: accepted(desk), len(entities))
        await desk.settled(len(entities))
    assert Counter(row["key"] for row in await desk.listed("/executions")) == keys
    assert len(await desk.listed("/requests")) == 2 * len(entities)


async def accepted(desk: Office) -> int:
    """Return how many triggers there are, once the ledger has passed some again."""
    passed = await desk.ledger.incidents.accepted_offsets()
    return len(desk.produced("triggers")) if passed else 0
