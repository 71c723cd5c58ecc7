"""``dutyd rules release``: which rules their brake holds, and letting one go again."""

from typing import Annotated

import typer

from dutyd.cli.failures import Exit
from dutyd.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile, Why
from dutyd.cli.render import print_json, print_rows
from dutyd.core.errors import SettingsError
from dutyd.core.expr.text import duration_text

RuleId = Annotated[str | None, typer.Argument(metavar="[RULE]", help="Its id; without one, all are listed.")]
ByWhom = Annotated[str, typer.Option("--as", metavar="NAME", help="Who decides; it is written down.")]


def release(
    rule: RuleId = None,
    who: ByWhom = "",
    settings: SettingsFile = DEFAULT_SETTINGS,
    why: Why = "",
    as_json: AsJson = False,
) -> None:
    """Let a rule act again that opened more incidents than its brake lets pass."""
    from dutyd.cli.places import ask_ledger

    if rule is None:
        rows = ask_ledger(settings, lambda ledger: ledger.queries.braked())
        if as_json:
            print_json(rows)
        else:
            shown = [{**row, "within": duration_text(row["within"])} for row in rows]
            print_rows(shown, ("rule", "since", "openings", "within"), "No rule is held.")
        return
    if not who:
        raise SettingsError("who releases it? say --as NAME; it is written down")
    held = ask_ledger(settings, lambda ledger: ledger.decisions.release(rule, who, why))
    if as_json:
        print_json({"rule": rule, "released": held})
    else:
        typer.echo(f"released '{rule}': new incidents act again" if held else f"rule '{rule}' is not held")
    if not held:
        raise typer.Exit(Exit.FINDINGS)
