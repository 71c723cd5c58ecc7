"""What is known where a command looks at rules: the tools, and with settings topics, policy, the rules in force.

These commands run on every save, so the clients of Redis and the broker are imported only where settings are named.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from dutyd.app.catalogue import installed_tools
from dutyd.rules.known import Known

if TYPE_CHECKING:
    from dutyd.app.world import World
    from dutyd.core.rule import RuleSet


def what_is_known(settings: Path | None) -> Known:
    """Return the installed tools, and topics and policy where *settings* names a file."""
    if settings is None:
        return Known(installed_tools())
    from dutyd.cli.places import open_world

    with open_world(settings) as world:
        return world.known


def rules_in_force(world: "World") -> "RuleSet | None":
    """Return the rules that are in force; None where none were ever stored."""
    from dutyd.cli.places import ask_ledger_of
    from dutyd.core.errors import NotReadyError
    from dutyd.ledger import Ledger
    from dutyd.rules.load import load_files
    from dutyd.rules.problems import RuleErrors

    async def question(ledger: Ledger) -> dict[str, str] | None:
        digest = await ledger.rule_sets.current()
        return await ledger.rule_sets.load(digest) if digest else None

    files = ask_ledger_of(world, question)
    if files is None:
        return None
    try:
        return load_files(files, Known(world.catalogue))
    except RuleErrors as error:
        raise NotReadyError(f"this dutyd can't read the rules in force: {error}") from error


def strange_rule(world: "World", rule: str) -> str:
    """Return what to tell of a *rule* that is not in force, or an empty text; so, too, where nobody can know."""
    from dutyd.core.errors import NotReadyError, nearest

    try:
        rules = rules_in_force(world)
    except NotReadyError:
        return ""
    if rules is None or rule in rules.rules:
        return ""
    return f"no rule '{rule}' is in force{nearest(rule, set(rules.rules))}"


def strange_tool(world: "World", tool: str) -> str:
    """Return what to tell of a *tool* that is not there, or an empty text."""
    from dutyd.core.errors import nearest

    return "" if tool in world.catalogue else f"there is no tool '{tool}'{nearest(tool, set(world.catalogue))}"
