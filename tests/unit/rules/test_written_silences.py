"""Silences in rule files: what is right comes out, what is wrong is said at its place."""

import pytest

from dutyd.rules.known import Known
from dutyd.rules.load import load_files
from dutyd.rules.problems import RuleErrors
from support.rule_files import CATALOGUE

RULE = """\
language: 1
rules:
  - id: disk-slow
    from: metrics
    per: [host, disk]
    when: write_seconds > 0.5
    steps: {page: {tool: send_alert, with: {severity: warning, summary: slow}}}
silences:
"""
GOOD = (
    "  - {id: n, rule: disk-slow, match: {disk: sdb}, "
    "at: '0 2 * * *', timezone: Europe/Vienna, lasts: 3h, because: x}\n"
)


def test_a_silence_is_read_with_its_place() -> None:
    (silence,) = load_files({"r.yaml": RULE + GOOD}, Known(CATALOGUE)).silences
    assert (silence.id, silence.rule, silence.entity, silence.lasts) == ("n", "disk-slow", {"disk": "sdb"}, 10_800.0)
    assert (silence.schedule.timezone, silence.place.line) == ("Europe/Vienna", 9)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("id: n, ", "", "'id' is missing"),
        ("at: '0 2 * * *', ", "", "'at' is missing"),
        ("0 2 * * *", "0 2 * *", "a schedule has five fields, and this has 4"),
        ("Europe/Vienna", "Europe/Viena", "there is no time zone 'Europe/Viena'"),
        ("lasts: 3h", "lasts: 3 hours", "'3 hours' is no duration"),
        ("lasts: 3h, ", "", "'lasts' is missing"),
        (", because: x", "", "'because' is missing"),
        ("rule: disk-slow", "rule: disk-slo", "did you mean 'disk-slow'?"),
        ("disk: sdb", "dsk: sdb", "'dsk' of `match` is not in the `per` of 'disk-slow'"),
        ("match:", "matches:", "did you mean 'match'?"),
        (GOOD, GOOD + GOOD, "there is a silence 'n' already"),
    ],
)
def test_a_wrong_silence_is_one_message(old: str, new: str, words: str) -> None:
    with pytest.raises(RuleErrors) as caught:
        load_files({"r.yaml": RULE + GOOD.replace(old, new)}, Known(CATALOGUE))
    (problem,) = caught.value.problems
    assert words in f"{problem.message} {problem.hint}"
    assert problem.line >= 9
