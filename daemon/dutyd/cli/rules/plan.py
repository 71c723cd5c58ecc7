"""``dutyd rules plan``: what changed rule files would make of what is going on, before they are copied anywhere.

Holds the files against the rules in force and the latches of all tasks, both as Redis has them now.
"""

from pathlib import Path
from typing import Annotated

import typer

from dutyd.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile
from dutyd.cli.render import counted, print_json, print_rows
from dutyd.core.instant import instant_text

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the new rule files.", show_default=False)]

COLUMNS = ("what", "rule", "entity", "since", "because")


def plan(folder: Folder, settings: SettingsFile = DEFAULT_SETTINGS, as_json: AsJson = False) -> None:
    """Say what new rule files would make of the incidents that are open."""
    from dutyd.app.latches import all_latches
    from dutyd.cli.known import rules_in_force
    from dutyd.cli.places import open_world
    from dutyd.rules.load import load_place
    from dutyd.rules.rehearsal.planning import Fate, plan_change

    with open_world(settings) as world:
        new = load_place(folder, world.known)
        old = rules_in_force(world)
        latches = all_latches(world)
    found = plan_change(old.rules if old else {}, new.rules, latches)
    rows = [
        {
            "what": each.fate.value,
            "rule": each.rule,
            "entity": None if each.entity is None else list(each.entity),
            "since": None if each.since is None else instant_text(each.since),
            "because": each.because,
        }
        for each in found
    ]
    if as_json:
        print_json(rows)
        return
    print_rows(rows, COLUMNS, "Nothing changes, and nothing is going on.")
    numbers = {fate: sum(each.fate is fate for each in found) for fate in Fate}
    rules = ", ".join(f"{numbers[fate]} {fate}" for fate in (Fate.NEW, Fate.CHANGED, Fate.GONE))
    incidents = ", ".join(f"{numbers[fate]} {fate}" for fate in (Fate.STAY, Fate.CLEAR, Fate.HELD))
    before = "no rules were in force" if old is None else f"{counted(len(old.rules), 'rule')} in force"
    typer.echo(f"Rules: {rules} ({before}). Going on: {incidents}. Nothing opens by an edit.")
