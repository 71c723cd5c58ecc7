"""``dutyd rules release`` on a real ledger: which rules their brake holds, and who lets them go."""

import json
from pathlib import Path

import pytest
import redis

from support.program import Program


def test_held_rules_are_listed_and_released_by_name(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    valkey_url: str,
    unique: str,
) -> None:
    dutyd = Program(tmp_path, capsys, monkeypatch)
    (tmp_path / "dutyd.yaml").write_text(f"installation: {unique}\nredis: {valkey_url}\n")
    assert dutyd("rules", "release").out == "No rule is held.\n"
    with redis.Redis.from_url(valkey_url) as client:
        said = json.dumps({"at": 1_780_000_000_000, "openings": 10, "within": 3600})
        client.hset(f"{unique}:braked", "errors", said)
    (row,) = json.loads(dutyd("rules", "release", "--json").out)
    assert row == {"rule": "errors", "since": "2026-05-28T20:26:40Z", "openings": 10, "within": 3600}
    assert "1h" in dutyd("rules", "release").out

    code, _, err = dutyd("rules", "release", "errors")
    assert (code, "--as NAME" in err) == (3, True)
    assert dutyd("rules", "release", "errors", "--as", "ana")[:2] == (0, "released 'errors': new incidents act again\n")
    assert dutyd("rules", "release", "errors", "--as", "ana")[:2] == (1, "rule 'errors' is not held\n")
