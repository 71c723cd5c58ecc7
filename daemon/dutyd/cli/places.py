"""The way from a command to what its settings name.

Commands import this module when they run: it brings the clients of Redis and the broker with it.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from redis.exceptions import RedisError

from dutyd.app.secrets import known_secrets
from dutyd.app.world import World
from dutyd.cli.options import DEFAULT_SETTINGS
from dutyd.core.errors import NotReadyError, SettingsError
from dutyd.core.secrets import keep
from dutyd.ledger import Ledger
from dutyd.ops.logging import configure_logging
from dutyd.settings import Settings, load_settings

Answer = TypeVar("Answer")


def read_settings(file: Path) -> Settings:
    """Return the settings of *file* and the environment, whose secrets no log line and no message repeats from then on.

    Raises:
        SettingsError: they can't be used.

    """
    if file == DEFAULT_SETTINGS and not file.exists():
        raise SettingsError("there is no dutyd.yaml here: name the settings with --settings FILE, or in DUTYD_SETTINGS")
    settings = load_settings(file, os.environ)
    keep(known_secrets(settings))
    return settings


def open_world(file: Path) -> World:
    """Return what the settings in *file* name, for a command that answers and ends: its answer says what is wrong."""
    configure_logging(logging.ERROR)
    return World(read_settings(file))


def ask_ledger(file: Path, question: Callable[[Ledger], Awaitable[Answer]]) -> Answer:
    """Ask the ledger of the settings in *file* and return the answer."""
    with open_world(file) as world:
        return ask_ledger_of(world, question)


def ask_ledger_of(world: World, question: Callable[[Ledger], Awaitable[Answer]]) -> Answer:
    """Ask the ledger of *world* and return the answer; an outage of Redis is ``NotReadyError``."""

    async def ask() -> Answer:
        client = world.ledger_client()
        try:
            return await question(world.ledger(client))
        except RedisError as error:
            raise NotReadyError(f"the ledger's Redis does not answer: {error}") from error
        finally:
            await client.aclose()

    return asyncio.run(ask())
