"""``dutyd rules check|test``: look at rule files before dutyd does.

``check`` needs nothing but the files; what only an installation knows (topics, policy) it checks where ``--settings``
names one, and says what it skipped.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from dutyd.cli.failures import Exit
from dutyd.cli.options import AsJson
from dutyd.cli.render import print_json

rules = typer.Typer(no_args_is_help=True, help="Check and test rule files.")

SKIPPED = "topics (`from`, `per`) and the policy: name the settings with --settings FILE to check them, too"

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the rule files.", show_default=False)]
OptionalSettings = Annotated[
    Path | None,
    typer.Option("--settings", metavar="FILE", envvar="DUTYD_SETTINGS", help="Check against these, too."),
]


@rules.command()
def check(folder: Folder, settings: OptionalSettings = None, as_json: AsJson = False) -> None:
    """Find every mistake in the rule files, each at its place."""
    from dutyd.cli.places import what_is_known
    from dutyd.rules.load import load_folder
    from dutyd.rules.problems import RuleErrors

    skipped = [] if settings else [SKIPPED]
    try:
        count = len(load_folder(folder, what_is_known(settings)).rules)
    except RuleErrors as errors:
        if as_json:
            print_json({"rules": None, "problems": [asdict(each) for each in errors.problems], "skipped": skipped})
        else:
            typer.echo(errors.render())
            typer.echo(f"\n{folder}: {_count(len(errors.problems), 'mistake')}.{_skipped(skipped)}")
        raise typer.Exit(Exit.BAD_RULE) from None
    if as_json:
        print_json({"rules": count, "problems": [], "skipped": skipped})
    else:
        typer.echo(f"{folder}: {_count(count, 'rule')}, no mistake.{_skipped(skipped)}")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _skipped(skipped: list[str]) -> str:
    return "".join(f"\nNot checked: {what}." for what in skipped)
