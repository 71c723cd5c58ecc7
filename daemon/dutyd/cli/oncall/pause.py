"""``dutyd pause|resume``: stop effects without stopping dutyd.

Events are judged and incidents opened as before; effects stay reserved, and go out when somebody resumes. A pause
survives restarts.
"""

from typing import Annotated

import typer

from dutyd.cli.failures import say
from dutyd.cli.options import DEFAULT_SETTINGS, SettingsFile, Who, Why
from dutyd.cli.render import counted
from dutyd.core.errors import SettingsError

RuleName = Annotated[str | None, typer.Option("--rule", metavar="ID", help="Effects of this rule.", show_default=False)]
ToolName = Annotated[
    str | None, typer.Option("--tool", metavar="NAME", help="Effects by this tool.", show_default=False)
]


def pause(
    who: Who,
    rule: RuleName = None,
    tool: ToolName = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
    why: Why = "",
) -> None:
    """Hold effects back: all of them, or those of one rule or tool."""
    from dutyd.cli.known import strange_rule, strange_tool
    from dutyd.cli.places import ask_ledger_of, open_world

    what = _what(rule, tool)
    with open_world(settings) as world:
        ask_ledger_of(world, lambda ledger: ledger.decisions.pause(what, who, why))
        doubt = strange_rule(world, rule) if rule else strange_tool(world, tool) if tool else ""
    typer.echo(f"paused {_told(what)}: new effects wait until `dutyd resume`; what is being sent is not stopped")
    if doubt:
        say(f"this holds nothing back now: {doubt}")


def resume(
    who: Who,
    rule: RuleName = None,
    tool: ToolName = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
    why: Why = "",
) -> None:
    """Let effects go out again."""
    from dutyd.cli.places import ask_ledger_of, open_world

    what = _what(rule, tool)
    with open_world(settings) as world:
        woken = ask_ledger_of(world, lambda ledger: ledger.decisions.resume(what, who, why))
        left = ask_ledger_of(world, lambda ledger: ledger.queries.paused())
    typer.echo(f"resumed {_told(what)}: {counted(woken, 'incident')} woken")
    if left:
        typer.echo(f"still paused: {', '.join(_told(each) for each in sorted(left))}")


def _what(rule: str | None, tool: str | None) -> str:
    if rule and tool:
        raise SettingsError("--rule and --tool are two pauses: say one of them, then the other")
    if rule:
        return f"rule:{rule}"
    return f"tool:{tool}" if tool else "all"


def _told(what: str) -> str:
    kind, _, name = what.partition(":")
    return f"{kind} '{name}'" if name else "everything"
