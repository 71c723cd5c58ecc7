"""A worker on real parts for tests: Valkey, the back office over HTTP, triggers from a topic."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from dutyd.act.accept import Acceptor
from dutyd.act.adopt import Adoption
from dutyd.act.agent.model import Model
from dutyd.act.means import Means
from dutyd.act.outcomes import Writer
from dutyd.act.worker import Worker
from dutyd.core.errors import NotReadyError
from dutyd.core.incident import Evidence, Trigger, TriggerKind, incident_id
from dutyd.core.policy import Policy
from dutyd.core.route import Routes
from dutyd.core.rule import RuleSet
from dutyd.core.tool import Provider
from dutyd.core.topic import OwnTopics, Start
from dutyd.embedded.backoffice import app
from dutyd.embedded.loopback import Loopback
from dutyd.ledger import Ledger, open_ledger
from dutyd.ledger.connect import connect_async
from dutyd.ledger.scripts import text
from dutyd.rules.known import Known
from dutyd.rules.load import load_files
from dutyd.stream import open_stream
from dutyd.stream.own_topics import own_topics
from dutyd_tools import TOOLS
from dutyd_tools.providers.backoffice import connect

CATALOGUE = {tool.name: tool for tool in TOOLS}


@dataclass
class FixedBook:
    """A rule book of one rule set; ``rules`` may be replaced, as an edit does."""

    rules: RuleSet
    accepted: dict[str, RuleSet] = field(default_factory=dict)

    async def current(self) -> RuleSet:
        return self.rules

    async def by_digest(self, digest: str) -> RuleSet:
        if digest in self.accepted:
            return self.accepted[digest]
        raise NotReadyError(f"no rule set {digest}")

    def edit(self, text: str) -> None:
        self.rules = load_files({"rules.yaml": text}, Known(CATALOGUE))
        self.accepted[self.rules.digest] = self.rules


@dataclass
class Office:
    """What a test holds in its hands."""

    url: str
    ledger: Ledger
    book: FixedBook
    open_: Callable[[Trigger], None]
    worker: Callable[..., Worker]
    http: httpx2.AsyncClient
    produced: Callable[[str], list[bytes]]

    def trigger(
        self, rule: str, fields: Mapping[str, Any], entity: Mapping[str, str], number: int = 1, event: str = ""
    ) -> Trigger:
        """Return an opening by the event *event*, or by one that is called after *number*."""
        occurrence = event or f"event-{number}"
        return Trigger(
            incident=incident_id(rule, tuple(entity.values()), occurrence),
            kind=TriggerKind.OPENED,
            rule=rule,
            digest=self.book.rules.digest,
            entity=dict(entity),
            occurrence=occurrence,
            opened=1_780_000_000.0,
            decided=1_780_000_000.0,
            evidence=Evidence(id=occurrence, source="test", time=1_780_000_000.0, fields=dict(fields)),
        )

    def clear(self, trigger: Trigger) -> None:
        values = {name: getattr(trigger, name) for name in trigger.__struct_fields__}
        self.open_(Trigger(**{**values, "kind": TriggerKind.CLEARED, "because": "clear", "opening": trigger.evidence}))

    async def listed(self, path: str) -> list[dict[str, Any]]:
        return list((await self.http.get(f"{self.url}{path}")).json())

    async def fault(self, **fault: object) -> None:
        (await self.http.post(f"{self.url}/faults", json=fault)).raise_for_status()

    async def effects(self) -> dict[str, str]:
        return {row["step"]: row["state"] for row in await self.ledger.queries.effects()}

    async def model_took(self, tokens: int, rule: str) -> None:
        """Have earlier runs of *rule* have taken so much today."""
        day, scripts = (await self.ledger.standings.now()).day, self.ledger.scripts
        for of in ("", f":{rule}"):
            await scripts.client.hset(scripts.key("spent", day), f"model_tokens{of}", str(tokens))
            await scripts.client.hset(scripts.key("spent", day), f"model_micros{of}", "0")

    async def asked_to_end(self) -> list[str]:
        """The incidents whose latches the evaluator is asked to end."""
        return [text(name) for name in await self.ledger.scripts.read("hkeys", self.ledger.scripts.key("endings"))]

    async def forget_what_was_accepted(self) -> None:
        """Have the next worker read the triggers topic from its start: neither ledger nor broker know an offset."""
        client, scripts = self.ledger.scripts.client, self.ledger.scripts
        await client.delete(scripts.key("accepted"))
        async for name in client.scan_iter(f"*{scripts.installation}.worker*"):
            await client.delete(name)

    async def until(self, look: Callable[[], Awaitable[Any]], wanted: object, seconds: float = 20.0) -> None:
        async with asyncio.timeout(seconds):
            while await look() != wanted:
                await asyncio.sleep(0.02)

    async def settled(self, opened: int, seconds: float = 20.0) -> None:
        """Wait until *opened* incidents are known and none goes on by itself."""
        async with asyncio.timeout(seconds):
            scripts = self.ledger.scripts
            while await scripts.read("zcard", scripts.key("incidents")) < opened or await self.ledger.incidents.busy():
                await asyncio.sleep(0.02)

    async def closed(self, seconds: float = 20.0) -> None:
        """Wait until the incident that came last is closed."""
        async with asyncio.timeout(seconds):
            while (await self.ledger.queries.incidents())[0]["state"] != "CLOSED":
                await asyncio.sleep(0.02)


@asynccontextmanager
async def office(
    stream_url: str,
    name: str,
    folder: Path,
    rules: str,
    *,
    settings: Mapping[str, Any] | None = None,
    ledger_url: str = "",
    tables: Mapping[str, str] | None = None,
) -> AsyncIterator[Office]:
    """Open an office of its own for one test, its ledger on the topics' server, or where *ledger_url* names another.

    *tables*: path to text of what its rules look up.
    """
    stream, client = open_stream(stream_url, {}), connect_async(ledger_url or stream_url)
    topics = OwnTopics(name)
    for spec in own_topics(topics):
        stream.ensure(spec)
    producer, ledger = stream.producer(), open_ledger(client, name)
    book = FixedBook(load_files({"rules.yaml": rules, **(tables or {})}, Known(CATALOGUE)))
    book.accepted[book.rules.digest] = book.rules

    def produced(own: str) -> list[bytes]:
        """Return what stands in one of the installation's topics."""
        return [record.value for _, record in stream.scan(f"{name}.{own}") if record.value is not None]

    def send(trigger: Trigger) -> None:
        producer.send(topics.triggers, msgspec.json.encode(trigger), key=trigger.key)
        producer.flush()

    with Loopback(app(folder / "backoffice.db")) as server:
        families = {tool.family for tool in TOOLS}

        def worker(
            policy: Policy | None = None,
            model: Model | None = None,
            provider: Provider | None = None,
            named: Mapping[str, Provider] | None = None,
            **changes: Any,
        ) -> Worker:
            everything = provider or connect({"url": server.url, **(settings or {})})
            routes = Routes(everything, named or {}, stands_in=named is None)
            ceiling = policy or Policy()
            means = Means(ledger, book, ceiling, CATALOGUE, dict.fromkeys(families, routes), model)
            consumer = stream.consumer(f"{name}.worker", {topics.triggers: Start.EARLIEST}, client=socket.gethostname())
            adoption = Adoption(
                ledger.birth,
                outcomes=lambda: (record for _, record in stream.scan(topics.outcomes)),
                triggers=lambda: list(stream.spans([topics.triggers])),
                fsynced=True,
            )
            acceptor = Acceptor(consumer, ledger.incidents, book, ceiling, CATALOGUE, adoption, lambda *_: None)
            writers = tuple(
                Writer(records, stream.producer(), topic)
                for records, topic in ((ledger.outcomes, topics.outcomes), (ledger.audit, topics.audit))
            )
            made = Worker(means, acceptor, writers, "w1")
            return replace(made, **changes) if changes else made

        async with httpx2.AsyncClient() as http:
            yield Office(server.url, ledger, book, send, worker, http, produced)
    await client.aclose()
    stream.close()


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[None]:
    """Run *worker* while the body runs, then stop it in order."""
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(stop))
    try:
        yield
    finally:
        stop.set()
        await task
