"""``dutyd rules check``: ten different mistakes are ten messages with positions, and exit code 2."""

import re
from pathlib import Path

import pytest

from support.program import dutyd

TEN_MISTAKES = """\
language: 1
rules:
  - id: high-priority-alert
    from: metrics
    severty: critical
    when: error_count > "10"
    for: 2 minuts
    steps:
      page: {tool: send_alrt, with: {severity: critical, summary: "{{ service }}"}}
  - id: high-priority-alert
    from: metrics
    when: error_count >
    mode: auto
    steps:
      ticket:
        tool: create_ticket
        with: {project: OPS, kind: incident, title: "{{ steps.pgae.id }}", boddy: x, body: y}
  - id: low-stock
    from: stock
    when: position < 5
    steps:
      order:
        tool: draft_purchase_order
        with: {sku: A, supplier: B}
        decide: {quantity: {intger: {min: 1}}}
"""
EXPECTED = {
    (5, 5): "'severty' is no key of a rule; did you mean 'severity'?",
    (6, 25): "compares with a number that is a text",
    (7, 10): "'2 minuts' is no duration",
    (9, 20): "did you mean 'send_alert'?",
    (10, 9): "high-priority-alert",
    (12, 24): "a value is missing at the end",
    (13, 11): "observe, approve or act",
    (17, 57): "there is no 'steps.pgae'",
    (17, 76): "'create_ticket' has no argument 'boddy'; did you mean 'body'?",
    (25, 29): "did you mean 'integer'?",
}
"""Line and column to a part of the message."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "shop.yaml").write_text(TEN_MISTAKES)
    return tmp_path


def test_every_mistake_is_a_message_at_its_place(folder: Path) -> None:
    done = dutyd("rules", "check", "rules", cwd=folder)
    found = {
        (int(line), int(column)): message
        for line, column, message in re.findall(r"^shop\.yaml:(\d+):(\d+): (.+)$", done.stdout, re.MULTILINE)
    }
    assert (done.returncode, sorted(found)) == (2, sorted(EXPECTED)), done.stdout
    for place, part in EXPECTED.items():
        assert part in found[place]
    assert done.stdout.count("^\n") == 10
    assert "rules: 10 mistakes." in done.stdout
