"""What ``dutyd doctor`` looks at: one function for each thing that ``run`` will need.

A ``World`` comes in, findings go out: how it stands, what was seen, and what to do. Nothing is changed, nothing is
created, and one failing part doesn't hide the others.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from dutyd.act.agent.client import Client, Endpoint
from dutyd.act.agent.model import Fault
from dutyd.app.world import World
from dutyd.cli.places import ask_ledger_of
from dutyd.cli.render import counted
from dutyd.core.errors import DutydError, NotReadyError, nearest
from dutyd.ledger.connect import server_facts
from dutyd.rules.load import load_folder
from dutyd.rules.problems import RuleErrors
from dutyd.settings.values import masked


class Standing(StrEnum):
    """How a thing stands."""

    FINE = "fine"
    WEAK = "weak"  # it works, and less is promised than could be
    WRONG = "wrong"  # `run` would not do its work


@dataclass(frozen=True, slots=True)
class Seen:
    """One finding.

    Attributes:
        thing: what was looked at.
        standing: how it stands.
        said: what was seen.
        do: what to do about it; empty where there is nothing to do.

    """

    thing: str
    standing: Standing
    said: str
    do: str = ""


Look = Callable[[World], Iterator[Seen]]


def look_at(world: World) -> Iterator[Seen]:
    """Yield what is found, thing by thing."""
    for thing, look in LOOKS.items():
        try:
            yield from look(world)
        except DutydError as error:
            yield Seen(thing, Standing.WRONG, str(error))


def _redis(world: World) -> Iterator[Seen]:
    facts = server_facts(world.plain_redis)
    where = "embedded Valkey" if world.settings.redis is None else masked(world.settings.redis)
    if facts.weaknesses:
        yield from (Seen("redis", Standing.WEAK, weakness) for weakness in facts.weaknesses)
    else:
        yield Seen("redis", Standing.FINE, f"{where}, version {facts.version}: every write is on disk before it counts")


def _pauses(world: World) -> Iterator[Seen]:
    try:
        paused = ask_ledger_of(world, lambda ledger: ledger.queries.paused())
    except NotReadyError:
        return  # what was said of Redis is enough
    for what, who in paused.items():
        kind, _, name = what.partition(":")
        command = f"dutyd resume --{kind} {name} --as NAME" if name else "dutyd resume --as NAME"
        yield Seen("pause", Standing.WEAK, f"effects are paused ({what}) by {who}", f"let them go with `{command}`")


def _topics(world: World) -> Iterator[Seen]:
    where = "the redis server" if world.settings.stream is None else masked(world.settings.stream)
    if not world.settings.sources:
        yield Seen("topics", Standing.WRONG, "no source topic", "name one under `topics` in the settings")
    for alias, topic in world.settings.sources.items():
        partitions = world.stream.partitions(topic.topic)
        if partitions is None:
            do = f"`dutyd publish --topic {alias}` creates it, with {topic.partitions} partitions"
            yield Seen(f"topic {alias}", Standing.WRONG, f"'{topic.topic}' is not on {where}", do)
        else:
            yield Seen(f"topic {alias}", Standing.FINE, f"'{topic.topic}' on {where}, partitions: {partitions}")


def _rules(world: World) -> Iterator[Seen]:
    folder = world.settings.rules
    try:
        rules = load_folder(folder, world.known)
    except RuleErrors as errors:
        first = errors.problems[0].render().splitlines()[0]
        said = f"{folder}: {counted(len(errors.problems), 'mistake')}, first {first}"
        yield Seen("rules", Standing.WRONG, said, f"see all with `dutyd rules check {folder} --settings FILE`")
        return
    modes = ", ".join(sorted({rule.mode.value for rule in rules.rules.values()}))
    yield Seen("rules", Standing.FINE, f"{folder}: {counted(len(rules.rules), 'rule')} (mode: {modes})")


def _policy(world: World) -> Iterator[Seen]:
    if world.settings.policy is None:
        yield Seen("policy", Standing.WEAK, "no ceiling: rules may do what they say", "name a `policy` in the settings")
    else:
        yield Seen("policy", Standing.FINE, f"{world.settings.policy}: at most mode {world.policy.mode.value}")


def _model(world: World) -> Iterator[Seen]:
    model = world.settings.model
    if model is None:
        do = "decided steps take their fallback; name a `model` in the settings to have them decided"
        yield Seen("model", Standing.WEAK, "no model", do)
        return
    key = model.api_key()
    endpoint = Endpoint(base_url=model.base_url, name=model.name, key=key.get_secret_value() if key else "none")
    known = asyncio.run(_known_models(endpoint))
    if not isinstance(known, tuple):
        yield Seen("model", Standing.WRONG, f"{model.base_url}: {known.reason}", "see `model` in the settings")
    elif model.name not in known:
        said = f"{model.base_url} does not serve '{model.name}'{nearest(model.name, known)}"
        yield Seen("model", Standing.WRONG, said, f"set `model.name` to one of {', '.join(known[:10])}")
    else:
        yield Seen("model", Standing.FINE, f"'{model.name}' at {model.base_url}")
    if model.price is None:
        yield Seen("model price", Standing.WEAK, "not known: `usd` budgets do not limit", "set `model.price`")


async def _known_models(endpoint: Endpoint) -> tuple[str, ...] | Fault:
    client = Client(endpoint)
    try:
        return await client.known_models()
    finally:
        await client.close()


def _providers(world: World) -> Iterator[Seen]:
    embedded = []
    for family, provider in world.settings.providers:
        if provider is None:
            embedded.append(family)
        else:
            yield Seen(f"provider {family}", Standing.FINE, f"{provider.kind}, {provider.options.get('url', '')}")
    if embedded:
        said = f"the embedded back office stands in for {', '.join(embedded)}: nothing leaves this machine"
        yield Seen("providers", Standing.WEAK, said, "name them under `providers` in the settings")


LOOKS: dict[str, Look] = {
    "redis": _redis,
    "pause": _pauses,
    "topics": _topics,
    "rules": _rules,
    "policy": _policy,
    "model": _model,
    "providers": _providers,
}
"""What is looked at, in the order of the table."""
