"""Wires one worker: providers, model, the triggers consumer, the outcomes producer. Called by ``service``."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from dutyd.act.accept import Acceptor
from dutyd.act.adopt import Adoption
from dutyd.act.agent.masking import Masked
from dutyd.act.agent.serving import Served, serving
from dutyd.act.guard import GuardedModel, GuardedProvider
from dutyd.act.means import Means, Waits
from dutyd.act.outcomes import Writer
from dutyd.act.pacing import SharedPace
from dutyd.act.worker import Worker
from dutyd.app.pacing import shared_paces
from dutyd.app.secrets import known_secrets
from dutyd.app.world import World, process_name
from dutyd.core.event import Record
from dutyd.core.route import Routes
from dutyd.core.secrets import Known
from dutyd.core.tool import Provider
from dutyd.core.topic import Start
from dutyd.ledger import Ledger
from dutyd.ledger.server import Fsync, server_facts
from dutyd.rules.book import Book
from dutyd.settings import Settings
from dutyd.settings.endpoint import ModelSettings
from dutyd.stream.base import Partition
from dutyd.stream.dead_letters import send_dead_letter

if TYPE_CHECKING:
    from dutyd.act.agent.client import Client

log = structlog.get_logger()


async def make_worker(world: World, ledger: Ledger, book: Book, open_: AsyncExitStack) -> Worker:
    """Return a worker on what *world* names; *open_* closes what it opened."""
    settings, own = world.settings, world.settings.own_topics
    opened = world.providers()
    paces = shared_paces(settings, opened, ledger.paces)
    providers = {family: _guarded(family, routes, paces) for family, routes in opened.items()}
    for routes in providers.values():
        for provider in routes.all.values():
            open_.push_async_callback(provider.close)
    model = _model(settings, known_secrets(settings), open_)
    waits = Waits(settings.waits.approval, settings.waits.answer)
    means = Means(ledger, book, world.policy, world.catalogue, providers, model, settings.currency, waits=waits)
    outcomes, audit, dead_letters = (world.stream.producer() for _ in range(3))
    for producer in (dead_letters, audit, outcomes):
        open_.callback(producer.close)

    def bury(record: Record, partition: Partition, reason: str) -> None:
        send_dead_letter(dead_letters, own, record, partition, reason)
        dead_letters.flush()

    consumer = await asyncio.to_thread(
        world.stream.consumer, f"{settings.installation}.act", {own.triggers: Start.EARLIEST}, client=process_name()
    )
    acceptor = Acceptor(consumer, ledger.incidents, book, world.policy, world.catalogue, _adoption(world, ledger), bury)
    writers = (Writer(ledger.outcomes, outcomes, own.outcomes), Writer(ledger.audit, audit, own.audit))
    shares = settings.worker
    return Worker(means, acceptor, writers, process_name(), lease=shares.lease, grace=shares.drain)


def _guarded(family: str, routes: Routes, paces: Mapping[tuple[str, str], SharedPace]) -> Routes:
    """Return *routes* with a guard around each system."""

    def guard(route: str, provider: Provider) -> GuardedProvider:
        name = f"{family}.{route}" if route else family
        return GuardedProvider(name, provider, paces.get((family, route)))

    named = {name: guard(name, provider) for name, provider in routes.named.items()}
    return replace(routes, default=guard("", routes.default), named=named)


def _adoption(world: World, ledger: Ledger) -> Adoption:
    """Return what makes the ledger whole after a loss; it reads topics on a connection of its own."""
    own, stream = world.settings.own_topics, world.another_stream()
    return Adoption(
        ledger.birth,
        outcomes=lambda: (record for _, record in stream.scan(own.outcomes)),
        triggers=lambda: list(stream.spans([own.triggers])),
        fsynced=server_facts(world.plain_redis, world.settings.installation).fsync is Fsync.PROVEN,
    )


def _model(settings: Settings, known: Known, open_: AsyncExitStack) -> GuardedModel | None:
    """Return the model; None where the settings name none: then decided steps take their fallback."""
    if settings.model is None:
        log.warning("no `model` in the settings: steps that are to be decided take their fallback at once")
        return None
    from dutyd.act.agent.client import Client  # a second of start-up, for those who have a model
    from dutyd.app.endpoint import endpoint_of

    client = Client(endpoint_of(settings.model))
    open_.push_async_callback(client.close)
    guarded = GuardedModel(Masked(client, known))
    looking = asyncio.create_task(_look(settings.model, client, guarded), name="model at start")
    open_.callback(looking.cancel)
    return guarded


async def _look(model: ModelSettings, client: "Client", guarded: GuardedModel) -> None:
    """Ask once at start, beside all other work, whether the endpoint serves the model; hold it where it does not."""
    seen = serving(model.base_url, model.name, await client.known_models())
    match seen.served:
        case Served.SERVED:
            log.info("the model is there", found=seen.found)
        case Served.MISSING | Served.TURNED_AWAY:
            guarded.hold(seen.found)
        case Served.NO_LIST | Served.NO_ANSWER:
            log.warning("nobody can say yet whether the model is there", found=seen.found, see="`dutyd model check`")
