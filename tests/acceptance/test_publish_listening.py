"""``dutyd publish --listen`` as a user starts it: on a laptop, with nothing configured but a topic."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from support.program import BIN, Program, environment

SETTINGS = "installation: laptop\ntopics:\n  posts: {partitioned_by: [service]}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "dutyd.yaml").write_text(SETTINGS)
    (tmp_path / "token").write_text("s3cret\n")
    (tmp_path / "empty").write_text("\n")
    return tmp_path


@contextmanager
def listening(folder: Path, *arguments: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Start it on a free port; yield the process and what it said."""
    process = subprocess.Popen(
        [BIN / "dutyd", "publish", "--listen", "127.0.0.1:0", *arguments],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline()
        finally:
            process.kill()


def test_posts_become_records_until_it_is_asked_to_end(folder: Path) -> None:
    with listening(folder, "--token-file", "token") as (process, said):
        url = said.split()[2]
        assert said == f"Posts to {url} become records of 'posts'.\n"
        assert httpx2.post(url, json={"service": "pay"}).status_code == 401
        login = {"Authorization": "Bearer s3cret"}
        assert httpx2.post(url, json={"service": "pay"}, headers=login).json() == {"records": 1, "without_key": 0}
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert process.stderr is not None
        log = [json.loads(line) for line in process.stderr if line.startswith("{")]
    assert [(each["event"], each["status"]) for each in log if "status" in each] == [("post not taken", 401)]
    assert "s3cret" not in json.dumps(log)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--listen", "127.0.0.1:0", "--token-file", "missing"], "token_file: can't read missing: No such file"),
        (["--listen", "127.0.0.1:0", "--token-file", "empty"], "token_file: empty is empty"),
        (["--listen", "127.0.0.1:0", "--token-env", "NO_SUCH_TOKEN"], "NO_SUCH_TOKEN is not set"),
        (["--listen", "127.0.0.1:0", "--topic", "post"], "no topic 'post'; did you mean 'posts'?"),
        (["--listen", "256.0.0.1:0"], "256.0.0.1:0 can't be used"),
    ],
)
def test_what_keeps_it_from_starting_is_one_message(
    folder: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = Program(folder, capsys, monkeypatch)("publish", *arguments)
    assert (code, out) == (3, "")
    assert said in err
    assert "Traceback" not in err
