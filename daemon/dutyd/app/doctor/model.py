"""The model endpoint: does it answer, does it take our key, does it serve the model. No question is asked of it."""

import asyncio
from collections.abc import Iterator

from dutyd.act.agent.client import Client, Endpoint
from dutyd.act.agent.model import Fault, ModelRejected
from dutyd.app.doctor.finding import Finding, fine, note, weak, wrong
from dutyd.app.world import World
from dutyd.core.errors import SettingsError, nearest

TRY = "`dutyd model check` asks it one real question"


def look_at_model(world: World) -> Iterator[Finding]:
    """Ask the endpoint which models it serves."""
    model = world.settings.model
    if model is None:
        what = "decided steps take their fallback; name a `model` in the settings to have them decided"
        yield note("model", "no model", what)
        return
    try:
        key = model.api_key()
    except SettingsError as error:
        yield wrong("model", str(error), "a key that can be read", "set the variable, or mount the file, that it names")
        return
    endpoint = Endpoint(base_url=model.base_url, name=model.name, key=key.get_secret_value() if key else "none")
    yield _judged(model.base_url, model.name, asyncio.run(_known_models(endpoint)))
    if model.price is None:
        promised = "`usd` budgets and limits hold"
        yield weak("model price", "not known: `usd` budgets do not limit", promised, "set `model.price`")


def _judged(url: str, name: str, known: tuple[str, ...] | Fault) -> Finding:
    promised = f"{url} serves '{name}'"
    if isinstance(known, ModelRejected):
        what = f"see model.api_key_file or model.api_key_env, and model.base_url; {TRY}"
        return wrong("model", f"{url} turns us away: {known.reason}", promised, what)
    if not isinstance(known, tuple):
        what = f"is model.base_url right, and may this machine reach it? Until it answers, fallbacks decide; {TRY}"
        return wrong("model", f"{url} does not answer: {known.reason}", promised, what)
    if name not in known:
        found = f"{url} does not serve '{name}'{nearest(name, known)}"
        return wrong("model", found, promised, f"set model.name to one of {', '.join(known[:10])}")
    return fine("model", f"{url} serves '{name}'", promised)


async def _known_models(endpoint: Endpoint) -> tuple[str, ...] | Fault:
    client = Client(endpoint)
    try:
        return await client.known_models()
    finally:
        await client.close()
