"""``dutyd rules explain``: what rules make of an event, part by part.

The event is a JSON object, or an array of them: then the last one is explained, and the others are what happened
before. For a rule over several topics each has a file of its own, and the newest event of all is explained. Nothing is
read from a running dutyd; ``dutyd why`` looks at what really happened.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dutyd.cli.failures import read_file
from dutyd.cli.options import AsJson, OptionalSettings
from dutyd.cli.render import print_json, printable
from dutyd.core.errors import SettingsError, nearest

if TYPE_CHECKING:
    from dutyd.core.event import Event
    from dutyd.core.rule import Rule
    from dutyd.core.topic import Topic
    from dutyd.rules.known import Known
    from dutyd.rules.rehearsal.explaining import Told

EventFile = Annotated[
    Path | None,
    typer.Argument(
        metavar="[EVENT]", help="A file with one event, or an array; - is standard input.", show_default=False
    ),
]
Folder = Annotated[Path, typer.Option("--rules", metavar="DIR", help="The rule files.")]
RuleId = Annotated[str | None, typer.Option("--rule", metavar="ID", help="Only this rule.", show_default=False)]
Alias = Annotated[
    list[str] | None,
    typer.Option(
        "--topic",
        metavar="ALIAS[=FILE]",
        help="The topic that it is of; with =FILE its events, in place of EVENT. May be repeated then.",
        show_default=False,
    ),
]


def explain(
    event: EventFile = None,
    folder: Folder = Path("rules"),
    rule: RuleId = None,
    settings: OptionalSettings = None,
    topic: Alias = None,
    as_json: AsJson = False,
) -> None:
    """Say what rules make of an event, and what each part of their conditions came to."""
    from dutyd.cli.known import what_is_known
    from dutyd.rules.load import load_place
    from dutyd.rules.rehearsal.explaining import lines

    files, known = _files(event, topic or ()), what_is_known(settings)
    loaded = load_place(folder, known)
    happened = _happened(known, files)
    told = [_told(each, happened) for each in _asked(loaded.rules, rule, happened[-1][0])]
    if as_json:
        print_json([asdict(each) for each in told])
        return
    for each in told:
        for line in lines(each):
            typer.echo(printable(line))


def _told(rule: "Rule", happened: "Sequence[tuple[str | None, Event]]") -> "Told":
    """Return what *rule* makes of the last event, by those of the topics that it reads."""
    from dutyd.rules.rehearsal.explaining import explain_rule

    own = [(alias or rule.topic, event) for alias, event in happened if alias is None or alias in rule.topics]
    return explain_rule(rule, [event for _, event in own], [alias for alias, _ in own])


def _files(event: Path | None, named: Sequence[str]) -> list[tuple[str | None, Path]]:
    """Return the files of events, each with the alias of its topic; None: they are of whatever topic a rule reads."""
    pairs = [(alias, file) for alias, equals, file in (each.partition("=") for each in named)]
    if event is None:
        if not pairs or not all(file for _, file in pairs):
            raise SettingsError("name a file with the event, or one for each topic: --topic ALIAS=FILE")
        return [(alias, Path(file)) for alias, file in pairs]
    if len(pairs) > 1 or any(file for _, file in pairs):
        raise SettingsError(f"--topic says what to read already: leave {event} out, or write --topic ALIAS={event}")
    return [(pairs[0][0] if pairs else None, event)]


def _happened(known: "Known", files: Sequence[tuple[str | None, Path]]) -> "list[tuple[str | None, Event]]":
    """Return the events of *files*, those of several files in the order of their times."""
    from dutyd.rules.rehearsal.event_files import read_document

    found = [(alias, event) for alias, file in files for event in read_document(read_file(file), _topic(known, alias))]
    return found if len(files) == 1 else sorted(found, key=lambda pair: pair[1].time)


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
