"""One kill: an installation whose daemon dies at a named point, and what its back office holds in the end.

``tests/crash/kill_matrix.py`` plays every case; the negative controls borrow its events and rules.
"""

import asyncio
import json
import random
import secrets
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dutyd.core.topic import record_key
from dutyd.ledger import open_ledger
from dutyd.ledger.connect import connect_async
from dutyd.stream import open_stream
from dutyd.stream.base import TopicSpec
from support.daemon import Installation, installation
from support.mortal import EVALUATE, POINTS

MORTAL = Path(__file__).parent / "mortal.py"
END_SECONDS = 120.0

RULES = """
language: 1
rules:
  - id: errors
    from: metrics
    per: [service]
    when: error_count > 10
    mode: act
    steps:
      page: {tool: send_alert, with: {severity: critical, summary: "{{ service }}"}UNSURE}
      ticket:
        {needs: [page], tool: create_ticket, with: {project: O, kind: incident, title: "{{ service }}", body: x}UNSURE}
    on_clear:
      resolve: {tool: resolve_alert, with: {alert: "{{ steps.page.id }}"}UNSURE}
  - id: stock
    from: stock
    per: [sku]
    when: level < 5
    mode: act
    steps:
      order: {tool: draft_purchase_order, with: {sku: "{{ sku }}", supplier: S, quantity: 1}UNSURE}
"""
OPENINGS = [{"service": name, "error_count": 12} for name in "abc"]
STOCK = [{"sku": name, "level": 1} for name in "xy"]
CLEAR = [{"service": "a", "error_count": 1}]
WANTED = Counter(
    [("alerts", name) for name in "abc"]
    + [("tickets", name) for name in "abc"]
    + [("purchase-orders", name) for name in "xy"]
)
RESOLVED = ("alert-resolutions", "a")
OF_CLEARS = frozenset(("clear read -> accept", "clear accepted -> withdraw", "withdraw -> on_clear"))
CLASSES = {
    "A": ("A", ""),
    "B": ("B", ""),
    "C skip": ("C", ", if_unsure: skip"),
    "C repeat": ("C", ", if_unsure: repeat"),
}


@dataclass(frozen=True)
class Case:
    """One row: where it is killed, at which class, how often, at which pass of the point; or at which line of code."""

    point: str
    kind: str
    kills: int
    hit: int = 1
    line: int = 0

    def __str__(self) -> str:
        return f"{self.point}, {self.kind}"


@dataclass(frozen=True)
class Row:
    """What came of a case; ``lost`` and ``doubled`` are what the class does not allow."""

    point: str
    kind: str
    kills: int
    expected: int
    seen: int
    lost: int
    doubled: int
    note: str = ""


SECOND = {"outcome -> produce": "outcome -> produce", "produce -> drop of the outcome": "outcome -> produce"}
"""Where a process that goes on after the first kill is killed again, if not at its next claim."""

LINES = 16_000
"""About so many lines of the paths and the ledger are executed by one run."""


def lines(number: int, seed: int) -> Iterator[Case]:
    """Yield *number* cases that are killed at a random line of code, without any hook."""
    chance = random.Random(seed)
    for _ in range(number):
        line = chance.randrange(1, LINES)
        yield Case(f"line {line}", "B", 1, line=line)


def cases(*, long: bool) -> Iterator[Case]:
    """Yield the cases: points of the evaluate path at class B alone, those of the act path at each class."""
    hits = (1, 2, 3, 4) if long else (1,)
    for hit in hits:
        for point in POINTS:
            for kind in ("B",) if point in EVALUATE else CLASSES:
                yield Case(point, kind, 1, hit)
            yield Case(point, "B", 2, hit)


@dataclass(frozen=True)
class Ground:
    """The servers that all rows share."""

    kafka: str
    valkey: str


def play(ground: Ground, case: Case) -> Row:
    """Play one case from its events to what the back office holds."""
    kind, unsure = CLASSES[case.kind]
    name = f"k{secrets.token_hex(5)}"
    rules = RULES.replace("UNSURE", unsure)
    topics = {"metrics": {"partitioned_by": ["service"]}, "stock": {"partitioned_by": ["sku"]}}
    stream = f"kafka://{ground.kafka}"
    with (
        tempfile.TemporaryDirectory() as folder,
        installation(Path(folder), name, rules, topics=topics, kind=kind, redis=ground.valkey, stream=stream) as one,
    ):
        publish(stream, f"{name}.metrics", OPENINGS, "service")
        publish(stream, f"{name}.stock", STOCK, "sku")
        clearing = case.point in OF_CLEARS
        if clearing:
            one.run_until_idle("1s")
            publish(stream, f"{name}.metrics", CLEAR, "service")
        note = kill(one, case)
        one.run_until_idle("1s")
        wanted = WANTED + Counter([RESOLVED] if clearing else [])
        return judge(one, ground, name, case, wanted, note)


def publish(url: str, topic: str, events: Sequence[dict[str, Any]], key: str) -> None:
    """Write *events* as producers do, into a topic of two partitions."""
    stream = open_stream(url, {})
    stream.ensure(TopicSpec(topic, 2))
    producer = stream.producer()
    for event in events:
        producer.send(topic, json.dumps(event).encode(), key=record_key((str(event[key]),)))
    producer.close()
    stream.close()


def kill(one: Installation, case: Case) -> str:
    """Run the daemon into its death, as often as the case says; return what went otherwise."""
    plans: list[dict[str, object]] = [{"at": case.point, "hit": case.hit}]
    if case.line:
        plans = [{"line": case.line}]
    elif case.kills == 2:
        usual = "load of a task" if case.point in EVALUATE else "claim -> work"
        plans.append({"at": SECOND.get(case.point, usual)})
    for plan in plans:
        if die(one, plan) == 0:
            return f"did not die of {plan}"
    return ""


def die(one: Installation, plan: Mapping[str, object]) -> int:
    """Run the daemon until it dies by *plan*; return 0 where it came to its end instead."""
    command = [sys.executable, str(MORTAL), json.dumps(plan)]
    arguments = ["run", "--settings", str(one.settings), "--until-idle", "1s"]
    with (one.settings.parent / "daemon.log").open("ab") as log:
        return subprocess.run(
            [*command, *arguments], stdout=log, stderr=log, timeout=END_SECONDS, check=False
        ).returncode


def judge(
    one: Installation, ground: Ground, name: str, case: Case, wanted: "Counter[tuple[str, str]]", note: str
) -> Row:
    """Hold what the back office has against what was wanted, by what the class promises."""
    found = Counter(
        (path, str(entry.get(member)))
        for path, member in (("alerts", "summary"), ("tickets", "title"), ("purchase-orders", "sku"))
        for entry in one.listed(f"/{path}")
    )
    found[RESOLVED] = len(one.listed("/alert-resolutions"))
    lost = sum((wanted - found).values())
    doubled = sum((found - wanted).values())
    if case.kind == "C skip":  # at most once: what is missing must be said to be unsure
        lost -= asyncio.run(unsure(ground.valkey, name))
    if case.kind == "C repeat":  # at least once
        doubled = 0
    seen = sum((found & wanted).values())
    return Row(case.point, case.kind, case.kills, wanted.total(), seen, max(lost, 0), doubled, note)


async def unsure(url: str, name: str) -> int:
    """Return how many effects the ledger refused because nobody knows whether they were done, and what needs them."""
    client = connect_async(url)
    try:
        rows = await open_ledger(client, name).queries.effects()
    finally:
        await client.aclose()
    refused = [row["step"] for row in rows if row["state"] == "REFUSED" and row["reason"] == "unsure"]
    return len(refused) + refused.count("page")  # a ticket needs its page
