"""Commands that look and decide, on an installation where nothing has happened yet; no daemon runs."""

import json
from pathlib import Path

import pytest

from support.program import dutyd


@pytest.fixture
def folder(tmp_path: Path, valkey_url: str, unique: str) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yaml").write_text(
        "language: 1\nrules:\n  - id: errors\n    from: metrics\n    when: n > 1\n    steps:\n"
        "      page: {tool: send_alert, with: {severity: info, summary: x}}\n"
    )
    settings = f"""\
installation: {unique}
redis: {valkey_url}
topics: {{metrics: {{topic: {unique}, partitioned_by: [service]}}}}
"""
    (tmp_path / "dutyd.yaml").write_text(settings)
    (tmp_path / "events.jsonl").write_text('{"service": "a", "n": 1}\n{"service": "b", "n": 2}\n{"n": 3}\n')
    return tmp_path


def test_nothing_is_a_sentence_or_an_empty_list(folder: Path) -> None:
    assert dutyd("incidents", "list", cwd=folder).stdout == "No incidents.\n"
    told = dutyd("approvals", "list", "--json", cwd=folder)
    assert (told.returncode, json.loads(told.stdout), told.stderr) == (0, [], "")


def test_without_a_redis_the_embedded_one_is_used(tmp_path: Path) -> None:
    (tmp_path / "dutyd.yaml").write_text("topics: {metrics: {}}\n")
    done = dutyd("effects", "list", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "No effects.\n", "")
    assert (tmp_path / ".dutyd").is_dir()


def test_what_is_not_there_is_said(folder: Path) -> None:
    incident = dutyd("incidents", "show", "abc", cwd=folder)
    assert (incident.returncode, incident.stdout) == (3, "")
    assert "there is no incident 'abc': `dutyd incidents list` shows all" in incident.stderr
    approval = dutyd("approvals", "approve", "abc", "--as", "ana", cwd=folder)
    assert (approval.returncode, approval.stdout) == (3, "")
    assert "no call 'abc' waits for approval: `dutyd approvals list` shows those that do" in approval.stderr


def test_publishing_tells_what_went_where(folder: Path, unique: str) -> None:
    first = dutyd("publish", "--topic", "metrics", "events.jsonl", cwd=folder)
    assert first.stdout == (
        f"Published 3 records to '{unique}', created with 1 partition; "
        "1 of them without service: rules over these fields won't see them.\n"
    )
    again = dutyd("publish", "events.jsonl", "--json", cwd=folder)
    assert json.loads(again.stdout) == {"topic": unique, "created": False, "records": 3, "without_key": 1, "bad": []}


def test_a_bad_line_is_named_and_nothing_is_sent(folder: Path) -> None:
    (folder / "bad.jsonl").write_text('{"n": 1}\n{"n": \n{"n": 2}\n')
    done = dutyd("publish", "bad.jsonl", cwd=folder)
    assert done.returncode == 3
    assert done.stderr.startswith("dutyd: bad.jsonl:2: not JSON")
    assert "Nothing was published" in done.stdout


def test_standard_input_is_published_line_by_line(folder: Path) -> None:
    done = dutyd("publish", "-", "--json", cwd=folder, stdin='{"n": 1}\noops\n{"n": 2}\n')
    told = json.loads(done.stdout)
    assert (done.returncode, told["records"], [bad["line"] for bad in told["bad"]]) == (3, 2, [2])


def test_a_pause_is_told_by_the_doctor_until_it_ends(folder: Path) -> None:
    paused = dutyd("pause", "--as", "ana", "--rule", "errors", "--why", "test", cwd=folder)
    assert (paused.returncode, paused.stderr) == (0, "")
    assert "paused rule 'errors'" in paused.stdout
    assert "dutyd resume --rule errors --as NAME" in dutyd("doctor", cwd=folder).stdout
    assert dutyd("resume", "--as", "ana", "--rule", "errors", cwd=folder).returncode == 0
    assert "resume" not in dutyd("doctor", cwd=folder).stdout


def test_the_doctor_finds_what_is_missing_and_says_what_to_do(folder: Path) -> None:
    (folder / "rules" / "b.yaml").write_text("language: 1\nrules: [{id: b}]\n")
    done = dutyd("doctor", "--json", cwd=folder)
    seen = {each["thing"]: each for each in json.loads(done.stdout)}
    assert done.returncode == 1
    assert seen["redis"]["standing"] == "fine"
    assert seen["topic metrics"]["standing"] == "wrong"
    assert "`dutyd publish --topic metrics` creates it" in seen["topic metrics"]["do"]
    assert seen["rules"]["standing"] == "wrong"
    assert "dutyd rules check" in seen["rules"]["do"]
    assert {seen[thing]["standing"] for thing in ("policy", "model", "providers")} == {"weak"}


def test_the_doctor_finds_nothing_wrong_where_nothing_is(folder: Path) -> None:
    dutyd("publish", "events.jsonl", cwd=folder)
    done = dutyd("doctor", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "wrong" not in done.stdout
