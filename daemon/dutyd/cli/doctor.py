"""``dutyd doctor`` says whether ``run`` would work here, and what is weaker than it could be.

One line for each thing that ``run`` needs, with what to do about it. Exit code 1 where something is wrong; what is
only weak is said, and is no failure.
"""

from dataclasses import asdict

import typer

from dutyd.cli.failures import Exit
from dutyd.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile
from dutyd.cli.render import plain, print_json


def doctor(settings: SettingsFile = DEFAULT_SETTINGS, as_json: AsJson = False) -> None:
    """Check everything that `run` needs, and say what to do."""
    from dutyd.cli.checks import Seen, Standing, look_at
    from dutyd.cli.places import open_world

    colours = {Standing.FINE: typer.colors.GREEN, Standing.WEAK: typer.colors.YELLOW, Standing.WRONG: typer.colors.RED}

    def tell(seen: Seen) -> None:
        typer.secho(f"{seen.standing.value:<6}", nl=False, fg=colours[seen.standing], bold=True)
        typer.echo(f"{seen.thing + ':':<21} {plain(seen.said)}")
        if seen.do:
            typer.echo(f"{'':<28}-> {seen.do}")

    found = []
    with open_world(settings) as world:
        for seen in look_at(world):
            found.append(seen)
            if not as_json:
                tell(seen)
    if as_json:
        print_json([asdict(seen) for seen in found])
    if any(seen.standing is Standing.WRONG for seen in found):
        raise typer.Exit(Exit.FINDINGS)
