"""``dutyd rules explain``: what rules make of an event, part by part.

The event is a JSON object, or an array of them: then the last one is explained, and the others are what happened
before. Nothing is read from a running dutyd; ``dutyd why`` looks at what really happened.
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dutyd.cli.failures import read_file
from dutyd.cli.options import AsJson, OptionalSettings
from dutyd.cli.render import print_json, printable
from dutyd.core.errors import SettingsError, nearest

if TYPE_CHECKING:
    from dutyd.core.rule import Rule
    from dutyd.core.topic import Topic
    from dutyd.rules.known import Known

EventFile = Annotated[
    Path, typer.Argument(metavar="EVENT", help="A file with one event, or an array; - is standard input.")
]
Folder = Annotated[Path, typer.Option("--rules", metavar="DIR", help="The rule files.")]
RuleId = Annotated[str | None, typer.Option("--rule", metavar="ID", help="Only this rule.", show_default=False)]
Alias = Annotated[
    str | None, typer.Option("--topic", metavar="ALIAS", help="The topic that it is of.", show_default=False)
]


def explain(  # a command has as many parameters as options
    event: EventFile,
    folder: Folder = Path("rules"),
    rule: RuleId = None,
    settings: OptionalSettings = None,
    topic: Alias = None,
    as_json: AsJson = False,
) -> None:
    """Say what rules make of an event, and what each part of their conditions came to."""
    from dutyd.cli.known import what_is_known
    from dutyd.rules.load import load_place
    from dutyd.rules.rehearsal.event_files import read_document
    from dutyd.rules.rehearsal.explaining import explain_rule, lines

    known = what_is_known(settings)
    loaded = load_place(folder, known)
    of = _topic(known, topic)
    events = read_document(read_file(event), of)
    asked = _asked(loaded.rules, rule, topic)
    told = [explain_rule(each, events, [topic or each.topic] * len(events)) for each in asked]
    if as_json:
        print_json([asdict(each) for each in told])
        return
    for each in told:
        for line in lines(each):
            typer.echo(printable(line))


def _topic(known: "Known", alias: str | None) -> "Topic":
    from dutyd.cli.publish import chosen
    from dutyd.core.topic import Topic

    if alias is None or known.topics is None:
        return Topic(alias=alias or "events", topic=alias or "events")
    return chosen(known.topics, alias)


def _asked(rules: "dict[str, Rule] | object", rule: str | None, topic: str | None) -> "list[Rule]":
    assert isinstance(rules, dict)
    if rule is not None and rule not in rules:
        raise SettingsError(f"there is no rule '{rule}'{nearest(rule, set(rules))}")
    found = [each for each in rules.values() if rule in (None, each.id) and each.schedule is None]
    found = [each for each in found if topic is None or topic in each.topics]
    if not found:
        raise SettingsError(f"no rule judges events of '{topic}'" if topic else "no rule judges events")
    return found
