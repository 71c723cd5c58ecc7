"""The rule files and the ceiling over them, held against the partitions that the topics really have."""

import asyncio
from collections.abc import Iterator

from redis.exceptions import RedisError

from dutyd.app.doctor.finding import Finding, fine, note, wrong
from dutyd.app.world import World
from dutyd.core.errors import NotReadyError, SettingsError
from dutyd.core.rule import RuleSet
from dutyd.rules.known import Known
from dutyd.rules.load import load_folder
from dutyd.rules.problems import Problem, RuleErrors

NOT_PARTITIONED = "not-partitioned"
MOST = 5
"""Mistakes of one kind that are shown; `rules check` shows all."""


def look_at_policy(world: World) -> Iterator[Finding]:
    """Read the ceiling."""
    if world.settings.policy is None:
        yield note("policy", "no ceiling: rules may do what they say", "name a `policy` in the settings")
        return
    try:
        mode = world.policy.mode.value
    except SettingsError as error:
        yield wrong("policy", str(error), "a policy without a mistake", f"correct {world.settings.policy}")
    else:
        yield fine("policy", f"{world.settings.policy}: at most mode {mode}")


def look_at_rules(world: World) -> Iterator[Finding]:
    """Load the rules as `run` does; tell mistakes of the files from rules that the topics' partitions forbid."""
    folder = world.settings.rules
    promised = "rule files without a mistake, over topics that are partitioned by what their rules are about"
    try:
        rules = load_folder(folder, _known(world))
    except RuleErrors as errors:
        split = [each for each in errors.problems if each.code == NOT_PARTITIONED]
        for problem in split[:MOST]:
            yield wrong("co-partitioning", f"{_place(problem)}: {problem.message}", promised, problem.hint)
        if mistakes := [each for each in errors.problems if each.code != NOT_PARTITIONED]:
            first = mistakes[0]
            found = f"{folder}: mistakes: {len(mistakes)}, the first at {_place(first)}: {first.message}"
            see = f"see all with `dutyd rules check {folder} --settings FILE`; a running dutyd keeps the last good ones"
            yield wrong("rules", found, promised, f"{first.hint}; {see}" if first.hint else see)
        return
    modes = ", ".join(sorted({rule.mode.value for rule in rules.rules.values()})) or "none"
    yield fine("rules", f"{folder}, rules: {len(rules.rules)}, modes: {modes}", promised)
    yield from _in_use(world, rules)


def _known(world: World) -> Known:
    try:
        return world.known_really()
    except NotReadyError:
        return world.known  # what was said of the broker is enough


def _in_use(world: World, rules: RuleSet) -> Iterator[Finding]:
    """Say where running processes use other rules than the folder holds."""
    try:
        current = asyncio.run(_current(world))
    except NotReadyError:
        return  # what was said of Redis is enough
    if current and current != rules.digest:
        found = f"the rules in use are {current[:10]}, this folder holds {rules.digest[:10]}"
        yield note("rules in use", found, "the evaluators have other files, or have not taken these yet: see their log")


async def _current(world: World) -> str:
    client = world.ledger_client()
    try:
        return await world.ledger(client).rule_sets.current()
    except RedisError as error:
        raise NotReadyError(str(error)) from error
    finally:
        await client.aclose()


def _place(problem: Problem) -> str:
    return ":".join(str(part) for part in (problem.file, problem.line, problem.column) if part)
