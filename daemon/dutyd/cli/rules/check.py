"""``dutyd rules check``: every mistake in the rule files, each at its place, and what is probably not meant.

It needs nothing but the files; what only an installation knows (topics, policy) it checks where ``--settings`` names
one, and fields that no event ever had where ``--events`` names a history. What it skipped it says.
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dutyd.cli.failures import Exit
from dutyd.cli.options import AsJson, OptionalSettings
from dutyd.cli.render import counted, print_json
from dutyd.core.errors import SettingsError

if TYPE_CHECKING:
    from dutyd.core.rule import RuleSet
    from dutyd.core.topic import Topic
    from dutyd.rules.known import Known
    from dutyd.rules.lints.pricing import Cost
    from dutyd.rules.problems import Problem, RuleErrors

SKIPPED = "topics (`from`, `per`) and the policy: name the settings with --settings FILE to check them, too"
LOOKED_AT = 100_000
"""Events of a history that are looked at: a field that none of them has is not there."""
SAID = 3
"""Records that can't be read of which the reason is said."""

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the rule files.", show_default=False)]
History = Annotated[
    Path | None,
    typer.Option("--events", metavar="FILE", help="Lines of events: find fields that none has.", show_default=False),
]
Alias = Annotated[
    str | None, typer.Option("--topic", metavar="ALIAS", help="The topic that --events are of.", show_default=False)
]
Costs = Annotated[bool, typer.Option("--costs", help="Say only what the rules may cost in a day at most.")]


def check(
    folder: Folder,
    settings: OptionalSettings = None,
    events: History = None,
    topic: Alias = None,
    costs: Costs = False,
    as_json: AsJson = False,
) -> None:
    """Find every mistake in the rule files, and what is probably not meant."""
    from dutyd.cli.known import what_is_known
    from dutyd.rules.lints.check import find
    from dutyd.rules.load import load_place
    from dutyd.rules.problems import RuleErrors

    known = what_is_known(settings)
    skipped = "" if settings else f"\nNot checked: {SKIPPED}."
    try:
        loaded = load_place(folder, known)
    except RuleErrors as errors:
        _print_mistakes(errors, f"{folder}: {counted(len(errors.problems), 'mistake')}.{skipped}", as_json=as_json)
        raise typer.Exit(Exit.BAD_RULE) from None
    found = sorted([*find(loaded, known), *(_unseen(loaded, known, events, topic) if events else ())])
    rows = _costs_of(loaded, known)
    if costs:
        print_json(_rows_of(rows)) if as_json else _print_costs(rows)
        return
    if as_json:
        print_json([asdict(each) for each in found])
    else:
        for each in found:
            typer.echo(each.render(loaded.files.get(each.file, "")))
        _print_costs(rows)
        but = f", {counted(len(found), 'finding')}" if found else ""
        typer.echo(f"{folder}: {counted(len(loaded.rules), 'rule')}, no mistake{but}.{skipped}")
    if found:
        raise typer.Exit(Exit.FINDINGS)


def _print_mistakes(errors: "RuleErrors", summary: str, *, as_json: bool) -> None:
    if as_json:
        print_json([asdict(each) for each in errors.problems])
    else:
        typer.echo(errors.render())
        typer.echo(f"\n{summary}")


def _unseen(loaded: "RuleSet", known: "Known", events: Path, alias: str | None) -> "list[Problem]":
    from dutyd.rules.lints.seen_fields import Seen, never_seen
    from dutyd.rules.rehearsal.histories import Unread, files_of, of_files

    topic, seen, bad, unread = _topic(loaded, known, alias), Seen(), 0, list[Unread]()
    for batch in of_files(files_of(events), topic):
        seen.add(batch.events)
        bad += len(batch.unread)
        unread += batch.unread[: SAID - len(unread)]
        if seen.events >= LOOKED_AT:
            break
    if bad or not seen.events:
        typer.echo(f"{events}: {counted(seen.events, 'event')}; {counted(bad, 'record')} can't be read", err=True)
    for each in unread:
        typer.echo(f"{each.place}: {each.reason}", err=True)
    return list(never_seen(loaded.rules.values(), topic.alias, seen))


def _topic(loaded: "RuleSet", known: "Known", alias: str | None) -> "Topic":
    """Return how the history is to be read: as the settings say, else as flat JSON, or whatever it looks like."""
    from dutyd.cli.publish import chosen
    from dutyd.core.topic import Topic

    read = sorted({topic for rule in loaded.rules.values() for topic in rule.topics})
    if alias is None and len(read) > 1:
        raise SettingsError(f"--topic ALIAS is needed: the rules read {', '.join(read)}")
    name = alias or next(iter(read), "events")
    return chosen(known.topics, name) if known.topics is not None else Topic(alias=name, topic=name)


def _costs_of(loaded: "RuleSet", known: "Known") -> "dict[str, Cost]":
    """Return what each rule that costs something may cost in a day at most."""
    from dutyd.rules.lints.pricing import daily

    costs = {rule.id: daily(rule, known) for rule in loaded.rules.values()}
    return {name: cost for name, cost in costs.items() if cost.asks or cost.orders}


def _print_costs(costs: "dict[str, Cost]") -> None:
    """Say what the rules' models and orders may take in a day."""
    for name, cost in costs.items():
        if cost.runs is not None and cost.tokens is not None:
            usd = "" if cost.usd is None else f", {cost.usd:,.2f} USD"
            times = counted(round(cost.runs), "time")
            typer.echo(f"{name}: asks the model at most {times} a day: {cost.tokens:,.0f} tokens{usd}")
        elif cost.asks:
            typer.echo(f"{name}: asks the model as often as it opens (no throttle per_rule)")
        if cost.orders:
            money = cost.money
            most = "" if money is None else f"for at most {money.amount:,.2f} {money.currency}".rstrip() + " a day"
            typer.echo(f"{name}: orders {most or 'without a bound'}")


def _rows_of(costs: "dict[str, Cost]") -> list[dict[str, Any]]:
    money = {name: None if cost.money is None else str(cost.money) for name, cost in costs.items()}
    return [{"rule": name, **asdict(cost), "money": money[name]} for name, cost in costs.items()]
