"""``dutyd doctor`` says whether ``run`` would work here, and what is weaker than it could be.

One line for each thing that ``run`` needs, with what to do about it. Exit code 1 where something is wrong; what is
weak is said, and is no failure: only ``ok`` is false there.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dutyd.cli.failures import Exit
from dutyd.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile
from dutyd.cli.render import plain, print_json
from dutyd.core.errors import SettingsError

if TYPE_CHECKING:
    from dutyd.app.doctor import Finding

COLOURS = {
    "fine": typer.colors.GREEN,
    "note": typer.colors.BLUE,
    "weak": typer.colors.YELLOW,
    "wrong": typer.colors.RED,
}


RoleName = Annotated[
    Literal["evaluator", "worker", "all"],
    typer.Option("--role", help="Whose rights at the broker are looked at, where the roles log in by different names."),
]


def doctor(settings: SettingsFile = DEFAULT_SETTINGS, role: RoleName = "all", as_json: AsJson = False) -> None:
    """Check everything that `run` needs, and say what to do."""
    from dutyd.app.doctor import Standing, examine
    from dutyd.app.doctor.broker import BOTH
    from dutyd.app.doctor.finding import fine
    from dutyd.cli.places import open_world

    try:
        world = open_world(settings)
    except SettingsError as error:
        if as_json:
            print_json([_row(_wrong_settings(settings, error))])
        raise
    found = [fine("settings", str(settings))]
    with world:
        if not as_json:
            _tell(found[0])
        for finding in examine(world, BOTH if role == "all" else frozenset((role,))):
            found.append(finding)
            if not as_json:
                _tell(finding)
    if as_json:
        print_json([_row(finding) for finding in found])
    if any(finding.standing is Standing.WRONG for finding in found):
        raise typer.Exit(Exit.FINDINGS)


def _wrong_settings(file: Path, error: SettingsError) -> "Finding":
    from dutyd.app.doctor.finding import wrong

    return wrong("settings", str(error), "settings without a mistake", f"correct {file}, or the variable that it names")


def _row(finding: "Finding") -> dict[str, object]:
    return {
        "check": finding.check,
        "ok": finding.ok,
        "found": finding.found,
        "promised": finding.promised,
        "what_to_do": finding.what_to_do,
    }


def _tell(finding: "Finding") -> None:
    typer.secho(f"{finding.standing.value:<6}", nl=False, fg=COLOURS[finding.standing.value], bold=True)
    typer.echo(f"{finding.check + ':':<21} {plain(finding.found)}")
    if finding.what_to_do:
        typer.echo(f"{'':<28}-> {plain(finding.what_to_do)}")
