"""The demo keeps its promises, embedded and on a real broker."""

import json
import subprocess
import sys
from pathlib import Path

from support.broker import Broker

PROMISED = {
    "storm": {"events": 3000, "incidents": 3, "pages": 3, "tickets": 3, "runs": 3},
    "crash": {"kills": 3, "expected": 9, "seen": 9, "doubled": 0, "missing": 0},
    "hostile": {"paged": 1, "refused": 2, "outside_grant": 0},
    "money": {"drafts": 4, "awaiting_approval": 2},
}


def play(folder: Path, *arguments: str) -> object:
    command = [sys.executable, "-m", "dutyd", "demo", "--fast", "--json", *arguments]
    played = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert played.returncode == 0, played.stderr
    return json.loads(played.stdout.splitlines()[-1])


def test_the_demo_shows_what_it_says_with_everything_embedded(tmp_path: Path) -> None:
    assert play(tmp_path) == PROMISED


def test_the_demo_plays_the_same_on_a_real_broker(tmp_path: Path, real_broker: Broker) -> None:
    assert play(tmp_path, "--stream", f"kafka://{real_broker.address}") == PROMISED
