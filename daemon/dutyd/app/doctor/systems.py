"""The systems behind the tools: each provider, by each of its routes, is asked whether it would take us."""

import asyncio
from collections.abc import Iterator, Mapping

from dutyd.app.doctor.finding import Finding, fine, note, wrong
from dutyd.app.providers import RUNBOOKS, open_providers
from dutyd.app.world import World
from dutyd.core.errors import DutydError, SettingsError
from dutyd.core.route import DEFAULT_ROUTE, Routes
from dutyd.core.tool import Provider
from dutyd.rules.load import load_folder
from dutyd.rules.problems import RuleErrors

NOWHERE = "http://127.0.0.1:1"

PATIENCE = 15.0
"""Seconds that one provider gets."""


def look_at_providers(world: World) -> Iterator[Finding]:
    """Ask every provider that the settings name, all at once."""
    chosen = {family: setting for family, setting in world.settings.providers if setting is not None}
    families = {tool.family for tool in world.catalogue.values()}
    try:
        opened = open_providers(world.settings, families, lambda: NOWHERE)  # the embedded one is not started for this
        answers = asyncio.run(_ask_all(world, opened))
    except SettingsError as error:
        for line in str(error).splitlines():
            yield wrong("providers", line, "settings that the provider understands", "see `providers` in the settings")
        return
    for check, kind, said in answers:
        if isinstance(said, str):
            yield fine(check, said)
        elif check == f"provider {RUNBOOKS}":
            if world.settings.runbooks is not None:
                yield wrong(check, str(said), "a folder of pages", "create it, or correct `runbooks` in the settings")
        else:
            what = (
                f"see providers.{check.removeprefix('provider ')} in the settings (kind: {kind}); what needs it waits"
            )
            yield wrong(check, str(said), "it answers, and knows our credentials", what)
    yield from _refused_steps(world, opened)
    if embedded := sorted(families - {RUNBOOKS} - chosen.keys()):
        found = f"the embedded back office stands in for {', '.join(embedded)}: nothing leaves this machine"
        yield note("providers", found, "name them under `providers` in the settings")


def _refused_steps(world: World, opened: Mapping[str, Routes]) -> Iterator[Finding]:
    """Name the steps whose provider makes no such thing: better told here than when they are needed."""
    try:
        rules = load_folder(world.settings.rules, world.known).rules
    except (RuleErrors, DutydError):
        return  # told of the rules
    for rule in rules.values():
        for step in (*rule.steps.values(), *rule.on_clear.values()):
            tool, to = world.catalogue[step.tool], step.args.get("to")
            routes = opened[tool.family]
            if (to is not None and not to.is_literal) or (to is None and tool.of and routes.named):
                continue  # the route is not known before
            if why := routes.missing(tool, {"to": to.literal} if to is not None else {}):
                do = f"set providers.{tool.family} to what can do it (docs/providers.md), or change the rule"
                yield wrong(
                    f"step {rule.id}/{step.name}", f"{why}: it will be refused", "a provider that can do it", do
                )


async def _ask_all(world: World, opened: Mapping[str, Routes]) -> list[tuple[str, str, str | Exception]]:
    """Return check, kind and answer of each provider that is not the embedded back office."""
    kinds = {family: setting.kind for family, setting in world.settings.providers if setting is not None}
    asked = {
        f"provider {family}" + (f".routes.{name}" if name != DEFAULT_ROUTE else ""): (kinds.get(family, ""), provider)
        for family, routes in sorted(opened.items())
        for name, provider in routes.all.items()
        if not routes.stands_in
    }
    answers = await asyncio.gather(*(_ask(provider) for _, provider in asked.values()))
    for routes in opened.values():
        for provider in routes.all.values():
            await provider.close()
    return [(check, kind, answer) for (check, (kind, _)), answer in zip(asked.items(), answers, strict=True)]


async def _ask(provider: Provider) -> str | Exception:
    try:
        async with asyncio.timeout(PATIENCE):
            return await provider.check()
    except TimeoutError:
        return TimeoutError(f"no answer in {PATIENCE:g} s")
    except DutydError as error:
        return error
    except Exception as error:  # noqa: BLE001 - the boundary: a provider of somebody else's must not hide the others
        return RuntimeError(f"its check failed: {type(error).__name__}: {error}")
