"""``dutyd rules check``: every mistake in the rule files, each at its place, and what is probably not meant.

It needs nothing but the files; what only an installation knows (topics, policy) it checks where ``--settings`` names
one, and fields that no event ever had where ``--events`` names a history. What it skipped it says.
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dutyd.cli.failures import Exit
from dutyd.cli.options import AsJson, OptionalSettings
from dutyd.cli.render import counted, print_json
from dutyd.core.errors import SettingsError

if TYPE_CHECKING:
    from dutyd.core.rule import RuleSet
    from dutyd.core.topic import Topic
    from dutyd.rules.known import Known
    from dutyd.rules.problems import Problem

SKIPPED = "topics (`from`, `per`) and the policy: name the settings with --settings FILE to check them, too"
LOOKED_AT = 100_000
"""Events of a history that are looked at: a field that none of them has is not there."""

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the rule files.", show_default=False)]
History = Annotated[
    Path | None,
    typer.Option("--events", metavar="FILE", help="Lines of events: find fields that none has.", show_default=False),
]
Alias = Annotated[
    str | None, typer.Option("--topic", metavar="ALIAS", help="The topic that --events are of.", show_default=False)
]


def check(
    folder: Folder,
    settings: OptionalSettings = None,
    events: History = None,
    topic: Alias = None,
    as_json: AsJson = False,
) -> None:
    """Find every mistake in the rule files, and what is probably not meant."""
    from dutyd.cli.known import what_is_known
    from dutyd.rules.check import find
    from dutyd.rules.load import load_place
    from dutyd.rules.problems import RuleErrors

    known = what_is_known(settings)
    skipped = "" if settings else f"\nNot checked: {SKIPPED}."
    try:
        loaded = load_place(folder, known)
    except RuleErrors as errors:
        if as_json:
            print_json([asdict(each) for each in errors.problems])
        else:
            typer.echo(errors.render())
            typer.echo(f"\n{folder}: {counted(len(errors.problems), 'mistake')}.{skipped}")
        raise typer.Exit(Exit.BAD_RULE) from None
    found = sorted([*find(loaded, known), *(_unseen(loaded, known, events, topic) if events else ())])
    if as_json:
        print_json([asdict(each) for each in found])
    else:
        for each in found:
            typer.echo(each.render(loaded.files.get(each.file, "")))
        _print_costs(loaded)
        but = f", {counted(len(found), 'finding')}" if found else ""
        typer.echo(f"{folder}: {counted(len(loaded.rules), 'rule')}, no mistake{but}.{skipped}")
    if found:
        raise typer.Exit(Exit.FINDINGS)


def _unseen(loaded: "RuleSet", known: "Known", events: Path, alias: str | None) -> "list[Problem]":
    from dutyd.rules.histories import files_of, of_files
    from dutyd.rules.seen_fields import Seen, never_seen

    topic, seen = _topic(loaded, known, alias), Seen()
    for batch in of_files(files_of(events), topic):
        seen.add(batch.events)
        if seen.events >= LOOKED_AT:
            break
    return list(never_seen(loaded.rules.values(), topic.alias, seen))


def _topic(loaded: "RuleSet", known: "Known", alias: str | None) -> "Topic":
    """Return how the history is to be read: as the settings say, else as flat JSON, or whatever it looks like."""
    from dutyd.cli.publish import chosen
    from dutyd.core.topic import Topic

    read = sorted({rule.topic for rule in loaded.rules.values() if rule.topic})
    if alias is None and len(read) > 1:
        raise SettingsError(f"--topic ALIAS is needed: the rules read {', '.join(read)}")
    name = alias or next(iter(read), "events")
    return chosen(known.topics, name) if known.topics is not None else Topic(alias=name, topic=name)


def _print_costs(loaded: "RuleSet") -> None:
    """Say what the rules' models may take in a day."""
    from dutyd.rules.rule_lints import daily

    for rule in loaded.rules.values():
        cost = daily(rule)
        if cost is None:
            continue
        if cost.runs is None or cost.tokens is None:
            said = "as often as it opens (no throttle per_rule)"
        else:
            usd = "" if cost.usd is None else f", {cost.usd:,.2f} USD"
            said = f"at most {cost.runs:,.0f} times a day: {cost.tokens:,.0f} tokens{usd}"
        typer.echo(f"{rule.id}: asks the model {said}")
