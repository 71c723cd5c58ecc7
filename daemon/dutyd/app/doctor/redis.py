"""The ledger's server: does it answer, is it what the promises need, and is anything paused."""

import asyncio
from collections.abc import Iterator

from redis.exceptions import RedisError

from dutyd.app.doctor.finding import Finding, fine, note, weak, wrong
from dutyd.app.world import World
from dutyd.core.errors import NotReadyError, SettingsError
from dutyd.ledger.server import Fsync, server_facts
from dutyd.settings.values import masked

REACHED = "one Redis or Valkey server, or Sentinel, that takes writes"


def look_at_redis(world: World) -> Iterator[Finding]:
    """Look at the server, and prove its fsync policy."""
    where = "the embedded Valkey" if world.settings.redis is None else masked(world.settings.redis)
    try:
        facts = server_facts(world.plain_redis, world.settings.installation)
    except NotReadyError as error:
        what = "start it, or correct `redis` in the settings; until then nothing is decided, and nothing is lost"
        yield wrong("redis", f"{where}: {error}", REACHED, what)
        return
    except SettingsError as error:
        yield wrong("redis", f"{where}: {error}", REACHED, "name another server as `redis` in the settings")
        return
    yield fine("redis", f"{where} answers: {facts.version}", REACHED)
    weaknesses = {weakness.about: weakness for weakness in facts.weaknesses}
    found = {
        "fsync": Fsync.PROVEN.value,
        "eviction": f"maxmemory-policy {facts.eviction}",
        "memory": f"{facts.memory:.0%} of maxmemory is used" if facts.memory else "no maxmemory",
    }
    for about, said in found.items():
        if about in weaknesses:
            each = weaknesses[about]
            yield weak(f"redis {about}", each.found, each.promised, each.mend)
        else:
            yield fine(f"redis {about}", said)


def look_at_pauses(world: World) -> Iterator[Finding]:
    """Say what is paused."""
    for what, who in asyncio.run(_paused(world)).items():
        kind, _, name = what.partition(":")
        command = f"dutyd resume --{kind} {name} --as NAME" if name else "dutyd resume --as NAME"
        yield note("pause", f"effects are paused ({what}) by {who}", f"let them go with `{command}`")


async def _paused(world: World) -> dict[str, str]:
    client = world.ledger_client()
    try:
        return await world.ledger(client).queries.paused()
    except RedisError as error:
        raise NotReadyError(f"the ledger's Redis does not answer: {error}") from error
    finally:
        await client.aclose()
