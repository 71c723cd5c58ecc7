"""Wires what watches dutyd itself: the look-out over the ledger, its notices, the heartbeat. Called by ``service``."""

import asyncio
import time
from contextlib import AsyncExitStack

from dutyd.app.health import Health
from dutyd.app.world import World
from dutyd.core.errors import SettingsError
from dutyd.core.tool import Tool
from dutyd.ledger import Ledger
from dutyd.ops.api import Api, May, Token
from dutyd.ops.heartbeat import Heartbeat
from dutyd.ops.notices import Addressee, Notices
from dutyd.ops.standing import Lookout


def make_notices(world: World, ledger: Ledger, open_: AsyncExitStack) -> Notices:
    """Return who tells dutyd's own notices; *open_* closes what it opened."""
    settings = world.settings
    if settings.notices is None:
        return Notices(ledger.standings, settings.installation)
    providers = world.providers()
    for routes in providers.values():
        for provider in routes.all.values():
            open_.push_async_callback(provider.close)
    messenger, to = _messenger(world), settings.notices.to
    if missing := providers[Tool.NOTIFY].missing(messenger, {"to": to}):
        raise SettingsError(f"notices.to: {missing}")
    addressee = Addressee(messenger, providers[Tool.NOTIFY].pick(messenger, {"to": to}), to)
    return Notices(ledger.standings, settings.installation, addressee)


def _messenger(world: World) -> Tool:
    """Return the tool that makes messages, whatever it is called."""
    found = [tool for tool in world.catalogue.values() if tool.family == Tool.NOTIFY and tool.changes]
    if not found:
        raise SettingsError("notices.to: no tool of the family 'notify' is installed: leave `notices` out")
    return found[0]


def make_api(world: World, ledger: Ledger) -> Api:
    """Return the HTTP API of this process; it asks the *ledger* in the running event loop."""
    loop, http = asyncio.get_running_loop(), world.settings.http
    tokens = http.tokens if http else {}
    return Api(
        ledger,
        world.policy,
        world.catalogue,
        tuple(Token(name, May(token.may), token.sha256) for name, token in tokens.items()),
        ask=lambda question: asyncio.run_coroutine_threadsafe(question, loop),
        now=time.time,  # noqa: TID251  # the edge: when a person decided
    )


def make_lookout(world: World, ledger: Ledger, notices: Notices) -> Lookout:
    """Return the look-out of a process that acts."""
    return Lookout(ledger.standings, world.policy, notices, world.settings.waits.remind)


def make_heartbeat(world: World, health: Health) -> Heartbeat | None:
    """Return the heartbeat of a process that evaluates, where the settings name one."""
    beat = world.settings.heartbeat
    return None if beat is None else Heartbeat(beat.url.get_secret_value(), beat.every, health.standstill)
