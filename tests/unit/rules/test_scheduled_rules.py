"""Rules that are due by the clock: how they are written, and what is said of wrong ones."""

from pathlib import Path

import pytest

from dutyd.core.rule import Rule
from dutyd.rules.known import Known
from dutyd.rules.testing.run import run_tests
from support.rule_files import CATALOGUE, TOOLS_ONLY, only_rule, problems_of

REPORT = """\
language: 1
rules:
  - id: stock-report
    schedule: "0 6 * * 1-5"
    timezone: Europe/Berlin
    missed: 4h
    mode: act
    summary: "Stock report of {{ date }}"
    steps:
      tell:
        tool: notify
        with: {to: manager, text: "{{ summary }}, due {{ due }} on a {{ weekday }}"}
        if: missed < 5
"""


def report() -> Rule:
    return only_rule(REPORT, TOOLS_ONLY)


def test_a_scheduled_rule_needs_a_schedule_and_steps() -> None:
    rule = report()
    assert rule.schedule is not None
    assert (rule.schedule.text, rule.schedule.timezone, rule.schedule.missed) == ("0 6 * * 1-5", "Europe/Berlin", 14400)
    assert (rule.topic, rule.per, rule.momentary) == ("", (), True)
    assert rule.reads_fields == {"date", "due", "weekday", "missed"}


WRONG = [
    ('"0 6 * * 1-5"', '"0 6 * * 1-8"', "4:26", "8 is no day of week"),
    ('"0 6 * * 1-5"', "0 6 * * fry", "4:23", "did you mean 'fri'?"),
    ('"0 6 * * 1-5"', '"0 6 * *"', "4:16", "five fields, and this has 4"),
    ('"0 6 * * 1-5"', "[6]", "4:15", "expected a text"),
    ("Europe/Berlin", "Europe/Berln", "5:15", "did you mean 'Europe/Berlin'?"),
    ("missed: 4h", "missed: 1s", "6:13", "between 1m and 7d"),
    ("    missed: 4h\n", "    from: metrics\n", "6:5", "has no `from`"),
    ("    missed: 4h\n", "    when: 1 > 0\n", "6:5", "has no `when`"),
    ("    missed: 4h\n", "    on_clear: {}\n", "6:5", "the incident ends by itself"),
    ("{{ weekday }}", "{{ wekday }}", "12:73", "there is no 'wekday' here; did you mean 'weekday'?"),
    ("if: missed < 5", "if: missd < 5", "13:13", "did you mean 'missed'?"),
]


@pytest.mark.parametrize(("old", "new", "place", "words"), WRONG)
def test_what_is_wrong_is_pointed_at(old: str, new: str, place: str, words: str) -> None:
    text = REPORT.replace(old, new)
    assert text != REPORT
    (found,) = problems_of(text, TOOLS_ONLY)
    assert f"{found.line}:{found.column}" == place, found.render(text)
    assert words in f"{found.message}; {found.hint}"


def test_a_schedule_needs_a_topic_whose_reader_runs_it() -> None:
    (found,) = problems_of(REPORT, Known(CATALOGUE, topics={}))
    assert "they have none" in found.message


def test_rule_tests_play_the_clock(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "r.yaml").write_text(REPORT)
    (tmp_path / "tests/t.yaml").write_text("""\
language: 1
rule: stock-report
tests:
  - name: two working days after the first of January, a Thursday
    until: 4d
    expect:
      opens: [{at: 5h}, {at: 29h}]
      effects:
        - {step: tell, args: {text: "Stock report of 2026-01-01, due 2026-01-01T06:00:00+01:00 on a thursday"}}
        - {step: tell}
""")
    (verdict,) = run_tests(tmp_path, TOOLS_ONLY).verdicts
    assert verdict.passed, verdict.differences + verdict.seen
