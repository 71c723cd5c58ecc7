"""The worker: turns of the model a second, and what many incidents at once cost it.

A real Valkey that fsyncs, the stand-in for a model endpoint in a process of its own. ``turns``: 200 runs of four turns
each, a hundred at a time; everything is recorded as always, the rule only observes, so that no provider takes part. The
baseline is the bare openai client, a hundred requests at a time, with the same requests. ``turn_cpu`` is the same in
processor time of this process. ``runs_in_flight``: how many runs wait at the same time for a slow endpoint, against the
slots there are; ``bytes_in_flight`` what each adds to the process' memory meanwhile, and ``bytes_waiting`` what each of
two thousand incidents does that wait for a person; both against the process.
"""

import asyncio
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import openai

from dutyd.act.agent.client import Client, Endpoint, _body
from dutyd.act.agent.model import Answer, Fault, Price, Question
from restart import resident
from row import Row
from support.acting import Office, office, running
from support.valkey import running_valkey

RUNS = 200
TURNS = 4
SLOTS = 100
WAITING = 2_000
ROUNDS = 3
RULES = """
language: 1
rules:
  - id: errors
    from: metrics
    per: [service]
    when: error_count > 10
    mode: observe
    group: "off"
    summary: "{{ service }}: {{ error_count }} errors"
    agent: {goal: "Find out what happened in {{ service }}.", budget: {turns: 8}}
    steps:
      first: {tool: create_ticket, with: {project: OPS, kind: incident, body: "-"}, decide: {title: {text: 120}}}
      second: {tool: create_ticket, with: {project: OPS, kind: incident, body: "-"}, decide: {title: {text: 120}}}
      third: {tool: create_ticket, with: {project: OPS, kind: incident, body: "-"}, decide: {title: {text: 120}}}
  - id: order
    from: metrics
    per: [service]
    when: error_count > 10
    mode: approve
    steps:
      ticket:
        tool: create_ticket
        with: {project: OPS, kind: incident, title: "{{ service }}", body: "{{ evidence }}"}
"""
SLOW = {"faults": [{"kind": "slow", "seconds": 2, "times": 0}]}


class Noting:
    """A model that remembers what it was asked."""

    def __init__(self, model: Client) -> None:
        self._model = model
        self.asked: list[Question] = []

    @property
    def price(self) -> Price | None:
        return self._model.price

    @property
    def tokens(self) -> int:
        return self._model.tokens

    async def ask(self, question: Question) -> Answer | Fault:
        self.asked.append(question)
        return await self._model.ask(question)


def rows() -> Iterator[Row]:
    """Measure, and yield the rows of the worker."""
    with running_valkey() as url:
        yield from asyncio.run(_rows(url))


async def _rows(valkey: str) -> list[Row]:
    ours, bare = [], []
    with standin({}) as fast, standin(SLOW) as slow:
        endpoint = Endpoint(base_url=f"{fast}/v1", key="any")
        for number in range(ROUNDS):
            async with _office(valkey, f"turns{number}") as desk:
                asked, took = await turns(desk, endpoint)
            ours.append(took)
            bare.append(await asking(endpoint, asked))
        async with _office(valkey, "many") as desk:
            peak, each = await in_flight(desk, Endpoint(base_url=f"{slow}/v1", key="any"))
        async with _office(valkey, "waiting") as desk:
            waiting = await at_rest(desk)
    wall, cpu = (statistics.median(took[at] for took in ours) for at in (0, 1))
    bare_wall, bare_cpu = (statistics.median(took[at] for took in bare) for at in (0, 1))
    return [
        Row("turns", 1 / wall, "turns/s", 1 / bare_wall, bare_wall / wall),
        Row("turn_cpu", cpu * 1000, "ms", bare_cpu * 1000, cpu / bare_cpu),
        Row("runs_in_flight", peak, "runs", SLOTS, peak / SLOTS),
        Row("bytes_in_flight", each, "bytes", resident(), each / resident()),
        Row("bytes_waiting", waiting, "bytes", resident(), waiting / resident()),
    ]


async def turns(desk: Office, endpoint: Endpoint) -> tuple[list[Question], tuple[float, float]]:
    """Work ``RUNS`` runs; return what the model was asked, and the seconds a turn took, by the clock and processor."""
    model = Client(endpoint)
    noting = Noting(model)
    worker = desk.worker(model=noting, slots=SLOTS)
    await _send(desk, "errors", range(RUNS))
    clock, cpu = time.perf_counter(), time.process_time()
    async with running(worker):
        await desk.settled(RUNS, seconds=300)
        took = (time.perf_counter() - clock, time.process_time() - cpu)
    await model.close()
    ended = {incident["run"] for incident in await desk.ledger.queries.incidents()}
    if ended != {"finished"} or len(noting.asked) != RUNS * TURNS:
        raise RuntimeError(f"{len(noting.asked)} turns, runs ended as {ended}")
    return noting.asked, (took[0] / len(noting.asked), took[1] / len(noting.asked))


async def asking(endpoint: Endpoint, asked: Sequence[Question]) -> tuple[float, float]:
    """Send the same requests by the bare client; return the seconds one takes, by the clock and processor."""
    client = openai.AsyncOpenAI(base_url=endpoint.base_url, api_key=endpoint.key, max_retries=0)
    bodies = [_body(endpoint, question) for question in asked]
    for body in bodies:
        body["extra_body"] = {"thinking": body.pop("thinking")}
    clock, cpu = time.perf_counter(), time.process_time()
    waiting = iter(bodies)

    async def lane() -> None:
        for body in waiting:
            await client.chat.completions.create(**body)

    await asyncio.gather(*(lane() for _ in range(SLOTS)))
    took = (time.perf_counter() - clock, time.process_time() - cpu)
    await client.close()
    return took[0] / len(bodies), took[1] / len(bodies)


async def in_flight(desk: Office, endpoint: Endpoint) -> tuple[int, float]:
    """Return how many runs there were at once, and the bytes that each of them held."""
    model = Client(endpoint)
    worker = desk.worker(model=model, slots=SLOTS)
    await _send(desk, "errors", range(2 * SLOTS))
    before, peak, most = resident(), 0, 0
    async with running(worker):
        while len(await desk.ledger.queries.incidents()) < 2 * SLOTS or await desk.ledger.incidents.busy():
            peak, most = max(peak, len(worker._tasks)), max(most, resident())  # noqa: SLF001  # nobody else counts them
            await asyncio.sleep(0.05)
    await model.close()
    return peak, (most - before) / SLOTS


async def at_rest(desk: Office) -> float:
    """Return the bytes that each incident keeps in the process that waits for a person."""
    worker = desk.worker(slots=SLOTS)
    async with running(worker):
        await _send(desk, "order", range(WAITING))
        await desk.settled(WAITING // 2, seconds=300)
        before = resident()
        await desk.settled(WAITING, seconds=300)
        return max(0.0, (resident() - before) / (WAITING / 2))


async def _send(desk: Office, rule: str, numbers: Sequence[int]) -> None:
    for number in numbers:
        service = f"service-{number}"
        desk.open_(desk.trigger(rule, {"service": service, "error_count": 12}, {"service": service}, number))
        await asyncio.sleep(0)


@asynccontextmanager
async def _office(valkey: str, name: str) -> AsyncIterator[Office]:
    with tempfile.TemporaryDirectory() as folder:
        async with office(valkey, name, Path(folder), RULES) as desk:
            yield desk


@contextmanager
def standin(script: dict[str, Any]) -> Iterator[str]:
    """Run a stand-in in a process of its own; yield its URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(script, file)
        file.flush()
        command = [sys.executable, "-m", "dutyd", "standin", "--port", str(port), "--script", file.name]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                while not _listens(port):
                    time.sleep(0.05)
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True
