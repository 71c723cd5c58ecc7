"""The model endpoint: does it answer, does it take our key, does it serve the model. No question is asked of it."""

import asyncio
from collections.abc import Iterator

from dutyd.act.agent.client import Client
from dutyd.act.agent.model import Fault
from dutyd.act.agent.serving import Served, Serving, serving
from dutyd.app.doctor.finding import Finding, fine, note, weak, wrong
from dutyd.app.endpoint import endpoint_of
from dutyd.app.world import World
from dutyd.core.errors import SettingsError
from dutyd.settings.endpoint import ModelSettings

TRY = "`dutyd model check` asks it one real question"


def look_at_model(world: World) -> Iterator[Finding]:
    """Ask the endpoint which models it serves."""
    model = world.settings.model
    if model is None:
        what = "decided steps take their fallback; name a `model` in the settings to have them decided"
        yield note("model", "no model", what)
        return
    try:
        client = Client(endpoint_of(model))
    except SettingsError as error:
        yield wrong("model", str(error), "a key that can be read", "set the variable, or mount the file, that it names")
        return
    yield _judged(model, serving(model.base_url, model.name, asyncio.run(_known_models(client))))
    if model.price is None:
        promised = "`usd` budgets and limits hold"
        yield weak("model price", "not known: `usd` budgets do not limit", promised, "set `model.price`")


def _judged(model: ModelSettings, seen: Serving) -> Finding:
    promised = f"{model.base_url} serves '{model.name}'"
    match seen.served:
        case Served.SERVED:
            return fine("model", seen.found, promised)
        case Served.TURNED_AWAY:
            what = f"see model.api_key_file or model.api_key_env; {TRY}"
            return wrong("model", seen.found, promised, what)
        case Served.MISSING:
            return wrong("model", seen.found, promised, "set model.name to one that it serves")
        case Served.NO_LIST:
            return weak("model", seen.found, promised, f"is model.base_url right, up to /v1? If it is, {TRY}")
        case Served.NO_ANSWER:
            what = f"is model.base_url right, and may this machine reach it? Until it answers, fallbacks decide; {TRY}"
            return wrong("model", seen.found, promised, what)


async def _known_models(client: Client) -> tuple[str, ...] | Fault:
    try:
        return await client.known_models()
    finally:
        await client.close()
