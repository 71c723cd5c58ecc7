"""Rule tests as a folder has them, played: for tests of what a rule test can say."""

from collections.abc import Sequence
from pathlib import Path

from dutyd.rules.testing.run import Verdict, run_tests
from support.rule_files import TOOLS_ONLY


def verdicts_of(folder: Path, rules: str, tests: str) -> Sequence[Verdict]:
    """Write a file of *rules* and one of *tests* into *folder*, and play them."""
    (folder / "tests").mkdir(exist_ok=True)
    (folder / "r.yaml").write_text(rules)
    (folder / "tests/t.yaml").write_text(tests)
    return run_tests(folder, TOOLS_ONLY).verdicts


def verdict_of(folder: Path, rules: str, body: str, rule: str) -> Verdict:
    """Play one test of *rule*; *body* is what it says, but for its name."""
    indented = "".join(f"    {line}\n" for line in body.strip().splitlines())
    (verdict,) = verdicts_of(folder, rules, f"language: 1\nrule: {rule}\ntests:\n  - name: t\n{indented}")
    return verdict
