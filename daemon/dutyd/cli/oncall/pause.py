"""``dutyd pause|resume``: stop effects without stopping dutyd.

Events are judged and incidents opened as before; effects stay reserved, and go out when somebody resumes. A pause
survives restarts.
"""

from typing import Annotated

import typer

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
    from dutyd.cli.places import ask_ledger

    what = _what(rule, tool)
    ask_ledger(settings, lambda ledger: ledger.decisions.pause(what, who, why))
    typer.echo(f"paused {_told(what)}: new effects wait until `dutyd resume`; what is being sent is not stopped")


def resume(
    who: Who,
    rule: RuleName = None,
    tool: ToolName = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
    why: Why = "",
) -> None:
    """Let effects go out again."""
    from dutyd.cli.places import ask_ledger

    what = _what(rule, tool)
    woken = ask_ledger(settings, lambda ledger: ledger.decisions.resume(what, who, why))
    typer.echo(f"resumed {_told(what)}: {counted(woken, 'incident')} woken")


def _what(rule: str | None, tool: str | None) -> str:
    if rule and tool:
        raise SettingsError("--rule and --tool are two pauses: say one of them, then the other")
    if rule:
        return f"rule:{rule}"
    return f"tool:{tool}" if tool else "all"


def _told(what: str) -> str:
    kind, _, name = what.partition(":")
    return f"{kind} '{name}'" if name else "everything"
