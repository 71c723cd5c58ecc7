"""Who watches dutyd itself: the heartbeat's receiver, who is told notices, the probes."""

import asyncio
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from dutyd.app.doctor.finding import Finding, fine, note, weak
from dutyd.app.world import World

CONNECT_SECONDS = 5.0


def look_at_heartbeat(world: World) -> Iterator[Finding]:
    """Connect to the receiver; it is not called, for that would be a beat."""
    beat = world.settings.heartbeat
    if beat is None:
        yield note("heartbeat", "none: nobody outside notices when evaluation stands still", "set `heartbeat`")
        return
    parts = urlsplit(beat.url.get_secret_value())
    host, port = str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)
    trouble = asyncio.run(_connects(host, port, tls=parts.scheme == "https"))
    if trouble:
        what = "see heartbeat.url in the settings; its receiver will page, though evaluation moves"
        yield weak("heartbeat", f"{host}:{port} can't be reached: {trouble}", "its receiver can be reached", what)
    else:
        yield fine("heartbeat", f"{host}:{port} can be reached, every {beat.every:g} s")


async def _connects(host: str, port: int, *, tls: bool) -> str:
    """Return why no connection comes about, an empty text where one does."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(host, port, ssl=ssl.create_default_context() if tls else None)
    except TimeoutError:
        return f"no answer in {CONNECT_SECONDS:g} s"
    except OSError as error:
        return str(error)
    writer.close()
    return ""


def look_at_notices(world: World) -> Iterator[Finding]:
    """Say who is told."""
    if world.settings.notices is None:
        yield note("notices", "nobody is told of parked effects and nearly used budgets", "set `notices`")
    else:
        yield fine("notices", f"{world.settings.notices.to} is told, through the provider behind notify")


def look_at_probes(world: World) -> Iterator[Finding]:
    """Say whether anybody can ask a running process."""
    http = world.settings.http
    if http is None:
        yield note("probes", "no probes and no metrics are served", "set `http` in the settings")
    else:
        yield fine("probes", f"probes and metrics at {http.host}:{http.port}")
