"""``dutyd rules test``: run the tests that lie beside the rules, and say what differs.

``run_tests`` loads the rules of a folder and the tests in its ``tests`` folders, plays each test against its rule and
returns a verdict for each; it prints nothing. The rules are played as they would run: the same engine, step graph and
gates, and what holds incidents back (``desk``). What people do and what a day may cost is not part of a test.
"""

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dutyd.core.expr.text import duration_text
from dutyd.core.rule import Rule, RuleSet
from dutyd.evaluate.engine.entities import entity_value
from dutyd.rules.known import Known
from dutyd.rules.load import RuleErrors, load_folder, read_folder
from dutyd.rules.problems import Problem
from dutyd.rules.rehearsal.explaining import explain_rule, lines
from dutyd.rules.syntax.source import SourceFile
from dutyd.rules.testing.cases import Case, read_cases
from dutyd.rules.testing.expectations import Moment
from dutyd.rules.testing.playing import events_of, play
from dutyd.rules.testing.verdict import differences, first_difference, seen

TESTS = "tests"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How one test went.

    Attributes:
        differences: expected and got, one line each; empty: it passed.
        seen: what happened, one line each.
        explained: where it failed, the conditions at the event where it first went another way.

    """

    name: str
    rule: str
    file: str
    line: int
    differences: tuple[str, ...]
    seen: tuple[str, ...]
    explained: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether all was as expected."""
        return not self.differences


@dataclass(frozen=True, slots=True)
class Report:
    """A run of all tests of a folder.

    Attributes:
        verdicts: in the order of files and tests.
        untested: ids of rules that no test names.

    """

    verdicts: tuple[Verdict, ...]
    untested: tuple[str, ...]


def run_tests(folder: Path, known: Known) -> Report:
    """Run the tests beside the rules in *folder*.

    Raises:
        RuleErrors: rules or tests are wrong; holds all problems of whichever comes first.

    """
    rules = load_folder(folder, known)
    cases = load_cases(folder, rules)
    verdicts = tuple(_verdict(case, rules, known) for case in cases)
    tested = {case.rule for case in cases}
    return Report(verdicts, tuple(name for name in rules.rules if name not in tested))


def load_cases(folder: Path, rules: RuleSet) -> tuple[Case, ...]:
    """Return the tests in every ``tests`` folder below *folder*.

    Raises:
        RuleErrors: something is wrong; holds all problems.

    """
    files = _test_files(folder)
    cases: list[Case] = []
    problems: list[Problem] = []
    for name, text in files.items():
        source = SourceFile(name, text.removeprefix("\ufeff"))
        cases += read_cases(source, rules.rules)
        problems += source.problems
    if problems:
        raise RuleErrors(problems, files)
    return tuple(cases)


def _test_files(folder: Path) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for root, folders, _ in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if TESTS in folders:
            folders.remove(TESTS)
            tests = Path(root, TESTS)
            if any(tests.rglob("*.y*ml")):
                prefix = tests.relative_to(folder).as_posix()
                found |= {f"{prefix}/{name}": text for name, text in read_folder(tests).items()}
    return found


def _verdict(case: Case, rules: RuleSet, known: Known) -> Verdict:
    rule = rules.rules[case.rule]
    played = play(case, rule, known, rules)
    different = differences(case.expected, played)
    return Verdict(
        name=case.name,
        rule=case.rule,
        file=case.place.file,
        line=case.place.line,
        differences=different,
        seen=seen(played),
        explained=tuple(_explained(case, rule, first_difference(case.expected, played))) if different else (),
    )


def _explained(case: Case, rule: Rule, moment: Moment) -> Iterator[str]:
    """Yield what the rule's conditions came to at the last event up to *moment*, of its entity where there is one."""
    own_topics = [(topic, event) for topic, event in events_of(case, rule) if topic in rule.topics]
    topics, events = zip(*own_topics, strict=True) if own_topics else ((), ())
    until = math.inf if moment.at is None else case.begin + moment.at
    upto = [number for number, event in enumerate(events, 1) if event.time <= until]
    wanted = {} if moment.entity is None else moment.entity
    own = [
        number
        for number in upto
        if all(entity_value(events[number - 1].fields.get(name)) == value for name, value in wanted.items())
    ]
    if upto:
        last = (own or upto)[-1]
        first, *rest = lines(explain_rule(rule, events[:last], topics[:last]))
        yield f"at {duration_text(events[last - 1].time - case.begin)}, {first}"
        yield from rest
