"""``dutyd rules check|test``: look at rule files before dutyd does.

``check`` needs nothing but the files; what only an installation knows (topics, policy) it checks where ``--settings``
names one, and says what it skipped. ``test`` plays the tests beside the rules through the same engine and gates.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from dutyd.cli.failures import Exit
from dutyd.cli.options import AsJson
from dutyd.cli.render import counted, plain, print_json
from dutyd.cli.rules_backtest import backtest
from dutyd.cli.rules_eval import eval_

rules = typer.Typer(no_args_is_help=True, help="Write, check, test and understand rules.")
rules.command("eval")(eval_)
rules.command()(backtest)

SKIPPED = "topics (`from`, `per`) and the policy: name the settings with --settings FILE to check them, too"

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the rule files.", show_default=False)]
Verbose = Annotated[bool, typer.Option("--verbose", help="Say what happened in tests that passed, too.")]
OptionalSettings = Annotated[
    Path | None,
    typer.Option("--settings", metavar="FILE", envvar="DUTYD_SETTINGS", help="Check against these, too."),
]


@rules.command()
def check(folder: Folder, settings: OptionalSettings = None, as_json: AsJson = False) -> None:
    """Find every mistake in the rule files, each at its place."""
    from dutyd.cli.known import what_is_known
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
            typer.echo(f"\n{folder}: {counted(len(errors.problems), 'mistake')}.{_skipped(skipped)}")
        raise typer.Exit(Exit.BAD_RULE) from None
    if as_json:
        print_json({"rules": count, "problems": [], "skipped": skipped})
    else:
        typer.echo(f"{folder}: {counted(count, 'rule')}, no mistake.{_skipped(skipped)}")


@rules.command("test")
def play_tests(
    folder: Folder, settings: OptionalSettings = None, verbose: Verbose = False, as_json: AsJson = False
) -> None:
    """Run the tests that lie beside the rules, in folders named tests."""
    from dutyd.cli.known import what_is_known
    from dutyd.rules.testing import run_tests

    done = run_tests(folder, what_is_known(settings))
    tests = [{"passed": verdict.passed, **asdict(verdict)} for verdict in done.verdicts]
    failed = sum(not each["passed"] for each in tests)
    if as_json:
        print_json({"tests": tests, "untested": done.untested})
    else:
        for each in tests:
            _tell(each, verbose=verbose)
        typer.echo(f"{folder}: {counted(len(tests), 'test')}, {failed or 'none'} failed.")
        if done.untested:
            typer.echo(f"Without a test: {', '.join(done.untested)}.")
    if failed:
        raise typer.Exit(Exit.FINDINGS)


def _tell(test: dict[str, Any], *, verbose: bool) -> None:
    passed = test["passed"]
    typer.secho("passed  " if passed else "failed  ", nl=False, fg="green" if passed else "red", bold=True)
    typer.echo(f"{test['rule']}: {test['name']} ({test['file']}:{test['line']})")
    for line in test["differences"]:
        typer.echo(f"        {plain(line)}")
    if verbose or not passed:
        typer.echo("        what happened:")
        for line in test["seen"]:
            typer.echo(f"          {plain(line)}")


def _skipped(skipped: list[str]) -> str:
    return "".join(f"\nNot checked: {what}." for what in skipped)
