"""``dutyd rules``: everything for those who write rules, and ``dutyd rules test``.

``test`` plays the tests beside the rules through the same engine and gates that ``run`` uses; the other commands of the
group have modules of their own.
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dutyd.cli.failures import Exit
from dutyd.cli.options import AsJson, OptionalSettings
from dutyd.cli.render import counted, plain, print_json, printable
from dutyd.cli.rules.backtest import backtest
from dutyd.cli.rules.check import check
from dutyd.cli.rules.eval import eval_
from dutyd.cli.rules.explain import explain
from dutyd.cli.rules.plan import plan
from dutyd.cli.rules.release import release
from dutyd.cli.rules.schema import schema
from dutyd.core.errors import SettingsError

if TYPE_CHECKING:
    from dutyd.rules.testing.run import Report

rules = typer.Typer(no_args_is_help=True, help="Write, check, test and understand rules.")
rules.command()(check)
rules.command("eval")(eval_)
rules.command()(explain)
rules.command()(plan)
rules.command()(backtest)
rules.command()(schema)
rules.command()(release)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the rule files.", show_default=False)]
Verbose = Annotated[bool, typer.Option("--verbose", help="Say what happened in tests that passed, too.")]

JUnit = Annotated[
    Path | None,
    typer.Option("--junit", metavar="FILE", help="Write JUnit XML, too.", show_default=False),
]


@rules.command("test")
def play_tests(
    folder: Folder,
    settings: OptionalSettings = None,
    verbose: Verbose = False,
    junit: JUnit = None,
    as_json: AsJson = False,
) -> None:
    """Run the tests that lie beside the rules, in folders named tests."""
    from dutyd.cli.known import what_is_known
    from dutyd.rules.testing.run import run_tests

    done = run_tests(folder, what_is_known(settings))
    if junit is not None:
        _write_junit(junit, done)
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


def _write_junit(file: Path, done: "Report") -> None:
    from dutyd.rules.testing.junit import as_junit

    try:
        file.write_bytes(as_junit(done))
    except OSError as error:
        raise SettingsError(f"can't write {file}: {error.strerror}") from error


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
    for line in test["explained"]:
        typer.echo(f"        {printable(line)}")
