"""A person closes an incident whose condition is still true: it ends, and the next event opens another."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.program import Program, dutyd

RULES = """\
language: 1
rules:
  - id: errors
    from: metrics
    per: [service]
    when: error_count > 10
    mode: act
    steps:
      page: {tool: send_alert, with: {severity: critical, summary: "{{ service }}"}}
    on_clear:
      resolve: {tool: resolve_alert, with: {alert: "{{ steps.page.id }}"}}
"""
SETTINGS = """\
installation: {unique}
redis: {redis}
topics: {{metrics: {{topic: {unique}, partitioned_by: [service]}}}}
"""


def test_a_closed_incident_ends_and_the_next_event_opens_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, valkey_url: str, unique: str
) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "errors.yaml").write_text(RULES)
    (tmp_path / "dutyd.yaml").write_text(SETTINGS.format(unique=unique, redis=valkey_url))
    program = Program(tmp_path, capsys, monkeypatch)

    def feed(number: int) -> None:
        event = json.dumps({"id": f"e{number}", "service": "checkout", "error_count": 12})
        assert program("publish", "-", stdin=event).code == 0
        run()

    def run() -> None:
        done = dutyd("run", "--until-idle", "2s", cwd=tmp_path)
        assert done.returncode == 0, done.stderr

    def listed() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(program("incidents", "list", "--json").out)
        return rows

    feed(1)
    (row,) = listed()
    shown = row["id"][:10]
    assert program("incidents", "ack", shown, "--as", "ana", "--because", "on it").out.startswith(
        "acknowledged: errors"
    )
    code, out, err = program("incidents", "close", shown, "--as", "ana", "--because", "mended")
    assert (code, err) == (0, "")
    assert out == f"closed: errors service=checkout ({shown})\n"
    run()
    feed(2)
    assert sorted(row["state"] for row in listed()) == ["ACTIVE", "CLOSED"]
    told = program("incidents", "show", shown).out
    assert "mended" in told
    assert "on it" in told
    code, _, err = program("incidents", "close", shown, "--as", "bob", "--because", "me too")
    assert (code, err) == (1, f"dutyd: too late: the incident of errors service=checkout ({shown}) is CLOSED\n")
    assert "there is no incident 'zzz'" in program("incidents", "ack", "zzz", "--as", "a", "--because", "b").err
