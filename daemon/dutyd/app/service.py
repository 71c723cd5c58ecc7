"""One running process: the roles it has, started in order, stopped in order.

The evaluator reads source topics in a thread of its own (it is busy with events); the worker acts in the event loop
(it mostly waits); ``all`` does both, through the same triggers topic. SIGTERM stops intake first, lets running work
come to rest, then closes what was opened.
"""

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import StrEnum

import structlog

from dutyd.act.sweep import Sweeper
from dutyd.act.worker import Worker
from dutyd.app.acting import make_worker
from dutyd.app.broker_check import demand_rights, prepare_own_topics
from dutyd.app.health import Health
from dutyd.app.idle import Idle
from dutyd.app.rule_files import RuleFiles
from dutyd.app.watching import make_api, make_heartbeat, make_lookout, make_notices
from dutyd.app.world import World
from dutyd.core.errors import NotReadyError
from dutyd.core.topic import read_topics
from dutyd.evaluate.checkpoint import Checkpoint
from dutyd.evaluate.path import Evaluator
from dutyd.ledger import Ledger
from dutyd.ledger.server import server_facts
from dutyd.ops.http import PATIENCE, HttpServer, probes
from dutyd.ops.notices import Notices
from dutyd.ops.series import begin_series
from dutyd.rules.book import Book
from dutyd.rules.known import Known
from dutyd.settings import Settings
from dutyd.stream.fit import Access, evaluator_needs, together, worker_needs

log = structlog.get_logger()


class Role(StrEnum):
    """What one process does."""

    EVALUATOR = "evaluator"
    WORKER = "worker"
    ALL = "all"

    @property
    def evaluates(self) -> bool:
        """Whether it reads source topics."""
        return self is not Role.WORKER

    @property
    def acts(self) -> bool:
        """Whether it works incidents."""
        return self is not Role.EVALUATOR


def serve(settings: Settings, role: Role, until_idle: float | None) -> None:
    """Run *role* until SIGTERM or SIGINT, or until it was idle for *until_idle* seconds.

    Raises:
        DutydError: it can't start, or a person has to do something before it can go on.

    """
    with World(settings) as world:
        _say_what_is_weak(world)
        demand_rights(world.stream, _needs(world, role))
        prepare_own_topics(world.stream, settings.own_topics)
        asyncio.run(_serve(world, role, until_idle))


@dataclass(frozen=True, slots=True)
class _Process:
    """What all parts of one process share, whatever its roles."""

    world: World
    ledger: Ledger
    book: Book
    known: Known
    checkpoint: Checkpoint
    notices: Notices
    health: Health
    stop: asyncio.Event


async def _serve(world: World, role: Role, until_idle: float | None) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with AsyncExitStack() as open_:
        process = await _begin(world, stop, open_)
        # Whatever settings can be wrong is wrong before anything runs: a coroutine that nobody awaits complains, too.
        worker = await make_worker(world, process.ledger, process.book, open_) if role.acts else None
        parts: list[Coroutine[None, None, None]] = []
        if role.evaluates:
            parts += await _evaluating(process)
        if worker is not None:
            parts += _acting(process, worker, has_files=role.evaluates)
        if until_idle is not None:
            parts.append(_when_idle(stop, _idle(process).wait(until_idle, time.monotonic)))
        log.info("dutyd runs", role=role.value, installation=world.settings.installation)
        await _all(parts)
    log.info("dutyd has stopped")


async def _begin(world: World, stop: asyncio.Event, open_: AsyncExitStack) -> _Process:
    """Open what every role needs and learn what the broker has; the probes answer from the start."""
    client = world.ledger_client()
    open_.push_async_callback(client.aclose)
    ledger = world.ledger(client)
    health = Health(world.plain_redis, stopping=stop.is_set)
    _open_http(world, ledger, health, open_)
    known = await asyncio.to_thread(world.known_really)
    health.broker = ""
    begin_series(world.topics, world.catalogue)
    return _Process(
        world=world,
        ledger=ledger,
        book=Book(ledger.rule_sets, world.catalogue),
        known=known,
        checkpoint=Checkpoint(world.plain_redis, world.settings.installation),
        notices=make_notices(world, ledger, open_),
        health=health,
        stop=stop,
    )


async def _evaluating(process: _Process) -> list[Coroutine[None, None, None]]:
    """Load the rules, and return what runs in a process that evaluates."""
    world, health, stop = process.world, process.health, process.stop
    files = RuleFiles(world.settings.rules, process.known, process.ledger.rule_sets, process.book, process.notices)
    await files.start()
    health.rules = lambda: ""
    health.evaluator = _evaluator(world, files, process.checkpoint)
    parts = [_until(stop, files.watch(), files.stop), _in_thread(stop, health.evaluator)]
    if beat := make_heartbeat(world, health):
        parts.append(_until(stop, beat.run(stop), _nothing))
    return parts


def _acting(process: _Process, worker: Worker, *, has_files: bool) -> list[Coroutine[None, None, None]]:
    """Return what runs in a process that acts."""
    health, stop = process.health, process.stop
    health.acceptor = worker.acceptor
    if not has_files:
        health.rules = _rules_of_others(process.book)
    lookout = make_lookout(process.world, process.ledger, process.notices)
    running = [worker.run(stop), lookout.run(stop), *(each.run(stop) for each in _sweepers(process.world, worker))]
    return [_until(stop, each, _nothing) for each in running]


def _open_http(world: World, ledger: Ledger, health: Health, open_: AsyncExitStack) -> None:
    """Serve probes, metrics and the API from the start, so that a start that takes long says why."""
    http = world.settings.http
    if http is None:
        return
    api = make_api(world, ledger).routes() if http.tokens else ()
    app = probes(health.alive(), health.ready(), health.started(), api, notes={"topics": health.waits_for})
    server = open_.enter_context(HttpServer(app, http.host, http.port))
    log.info("probes and metrics, and the API" if api else "probes and metrics", url=server.url)


def _rules_of_others(book: Book) -> Callable[[], str]:
    """Return the check whether a worker knows rules: it has no files, an evaluator stores them."""
    loop = asyncio.get_running_loop()

    def check() -> str:
        try:
            asyncio.run_coroutine_threadsafe(book.current(), loop).result(PATIENCE)
        except NotReadyError as error:
            return str(error)
        return ""

    return check


async def _all(parts: list[Coroutine[None, None, None]]) -> None:
    """Run *parts* to their ends; where one fails all have stopped, and its error is the one that counts."""
    ended = await asyncio.gather(*parts, return_exceptions=True)
    for error in ended:
        if error is not None:
            raise error


async def _until(stop: asyncio.Event, work: Coroutine[None, None, None], end: Callable[[], None]) -> None:
    """Run *work*, call *end* when *stop* is set; where *work* ends or fails by itself, stop everything."""
    running, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    end()
    await running


def _nothing() -> None:
    """End work that looks at *stop* itself."""


async def _in_thread(stop: asyncio.Event, evaluator: Evaluator) -> None:
    ending = threading.Event()
    await _until(stop, asyncio.to_thread(evaluator.run, ending), ending.set)


async def _when_idle(stop: asyncio.Event, waiting: Coroutine[None, None, None]) -> None:
    """Stop everything when *waiting* ends."""
    idle, stopping = asyncio.ensure_future(waiting), asyncio.ensure_future(stop.wait())
    await asyncio.wait({idle, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    idle.cancel()
    await asyncio.wait({idle, stopping})


def _evaluator(world: World, files: RuleFiles, checkpoint: Checkpoint) -> Evaluator:
    now = time.time  # noqa: TID251  # the edge: from here on time is passed in
    return Evaluator(world.settings.installation, world.topics, world.stream, checkpoint, files.current, now)


def _sweepers(world: World, worker: Worker) -> Sequence[Sweeper]:
    """Return who looks after what *worker* did, if anybody is to."""
    per_minute = world.settings.worker.sweep_per_minute
    return (Sweeper(worker.means, per_minute),) if per_minute else ()


def _idle(process: _Process) -> Idle:
    world, own = process.world, process.world.settings.own_topics
    topics = read_topics(own, world.topics.values())
    return Idle(
        world.another_stream(), process.checkpoint, process.ledger, topics, own.triggers, process.health.assigned
    )


def _needs(world: World, role: Role) -> tuple[Access, ...]:
    """Return the broker's rights that *role* needs."""
    own, sources = world.settings.own_topics, tuple(topic.topic for topic in world.topics.values())
    evaluates = evaluator_needs(own, sources) if role.evaluates else ()
    return together((*evaluates, *(worker_needs(own) if role.acts else ())))


def _say_what_is_weak(world: World) -> None:
    """Say at start what is weaker than promised."""
    for weakness in server_facts(world.plain_redis, world.settings.installation).weaknesses:
        log.warning(str(weakness))
    if world.settings.policy is None:
        log.warning("no `policy` in the settings: there is no ceiling over what rules may do")
