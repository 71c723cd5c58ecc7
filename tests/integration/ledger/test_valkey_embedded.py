"""The embedded Valkey: one server for all users of a directory, gone with the last of them, data safe from SIGKILL."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from dutyd.core.errors import NotReadyError, SettingsError
from dutyd.embedded.valkey import Embedded, join_or_start

# Another process that uses the server: tells its address, writes n = 1, 2, ... and tells each acknowledged one.
USER = """
import sys, redis
from pathlib import Path
from dutyd.embedded.valkey import join_or_start
embedded = join_or_start(Path(sys.argv[1]))
print(embedded.url, flush=True)
client = redis.Redis.from_url(embedded.url)
while sys.stdin.readline():
    print(client.incr("n"), flush=True)
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


class User:
    """The other process."""

    def __init__(self, data: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.url = self.read()

    def read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def write(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.read())

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def user(data: Path) -> Iterator[User]:
    other = User(data)
    yield other
    other.kill()


def client(url: str) -> "redis.Redis":
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), decode_responses=True)


def answers(url: str) -> bool:
    with client(url) as connection:
        try:
            return bool(connection.ping())
        except redis.ConnectionError:
            return False


def server_pid(url: str) -> int:
    with client(url) as connection:
        return int(connection.info("server")["process_id"])


def parent(pid: int) -> int:
    return int(subprocess.check_output(["ps", "-o", "ppid=", "-p", str(pid)]))


def gone(pid: int) -> bool:
    """Wait until the process has ended (a minute at most)."""
    for _ in range(3000):
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
        if state.stdout.strip()[:1] in ("", "Z"):
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def embedded(data: Path) -> Iterator[Embedded]:
    mine = join_or_start(data)
    yield mine
    mine.stop()


def test_every_write_is_on_disk_and_nothing_is_evicted(embedded: Embedded) -> None:
    with client(embedded.url) as connection:
        wanted = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "bind": "127.0.0.1"}
        assert {name: connection.config_get(name)[name] for name in wanted} == wanted


def test_nobody_gets_in_without_the_password(embedded: Embedded, data: Path) -> None:
    port = embedded.url.rpartition(":")[2]
    with client(f"redis://127.0.0.1:{port}") as connection, pytest.raises(redis.AuthenticationError):
        connection.ping()
    assert (data / "valkey.url").stat().st_mode & 0o077 == 0
    assert embedded.url not in repr(embedded)


def test_a_second_user_joins(embedded: Embedded, data: Path) -> None:
    second = join_or_start(data)
    assert (second.url, embedded.started, second.started) == (embedded.url, True, False)
    second.stop()
    assert answers(embedded.url)


def test_many_starters_at_once_start_one_server(data: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        users = list(pool.map(lambda _: join_or_start(data), range(8)))
    assert len({user.url for user in users}) == 1
    assert [user.started for user in users].count(True) == 1
    for user in users:
        user.stop()


def test_the_last_stop_ends_the_server_and_stopping_twice_is_fine(data: Path) -> None:
    first, second = join_or_start(data), join_or_start(data)
    first.stop()
    assert answers(first.url)
    second.stop()
    second.stop()
    assert not answers(first.url)


def test_the_server_dies_with_a_killed_user(user: User) -> None:
    server = server_pid(user.url)
    guard = parent(server)
    user.kill()
    assert gone(server)
    assert gone(guard)


def test_the_server_outlives_its_killed_starter_while_another_uses_it(user: User, data: Path) -> None:
    mine = join_or_start(data)
    user.kill()
    assert answers(mine.url)
    server = server_pid(mine.url)
    mine.stop()
    assert gone(server)


def test_acknowledged_writes_survive_a_kill_of_everything(user: User, data: Path) -> None:
    for expected in range(1, 51):
        assert user.write() == expected
    server = server_pid(user.url)
    guard = parent(server)
    for pid in (guard, server):
        os.kill(pid, signal.SIGKILL)
    user.kill()
    assert gone(server)
    again = join_or_start(data)
    with client(again.url) as connection:
        assert connection.get("n") == "50"
    again.stop()


def test_a_killed_server_is_started_again_at_the_same_address(embedded: Embedded, data: Path) -> None:
    server = server_pid(embedded.url)
    os.kill(server, signal.SIGKILL)
    assert gone(server)
    again = join_or_start(data)
    assert (again.url, again.started) == (embedded.url, True)
    assert answers(embedded.url)
    again.stop()
    assert answers(embedded.url), "the first user still uses it"


def test_an_address_whose_port_another_program_took_is_given_up(data: Path) -> None:
    other = join_or_start(data.with_name("other"))
    port = other.url.rpartition(":")[2]
    data.mkdir()
    (data / "valkey.url").write_text(f"redis://:secret@127.0.0.1:{port}\n")
    mine = join_or_start(data)
    assert mine.url != other.url
    assert server_pid(mine.url) != server_pid(other.url)
    mine.stop()
    other.stop()


def test_data_that_can_not_be_read_are_told_with_the_end_of_the_log(data: Path) -> None:
    (data / "appendonlydir").mkdir(parents=True)
    (data / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(NotReadyError, match="did not start"):
        join_or_start(data)


def test_a_directory_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="name another directory"):
        join_or_start(tmp_path / "file" / "data")


def test_windows_users_are_told_to_name_a_server(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(SettingsError, match="`redis:`"):
        join_or_start(data)
