"""Live reload: each state of the folder comes once, whole, and a wrong one comes as its problems."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import watchfiles
from watchfiles._rust_notify import WatchfilesRustInternalError

from dutyd.core.rule import RuleSet
from dutyd.rules.load import RuleErrors, load_folder
from dutyd.rules.watch import Watcher
from support.rule_files import GOOD, KNOWN

STILL = 0.05  # seconds; a test waits for what comes, it does not measure


@pytest.fixture
def stop() -> Iterator[Event]:
    event = Event()
    yield event
    event.set()


def swap(mount: Path, version: str, text: str) -> None:
    """Change a ConfigMap mount as the kubelet does: a new folder, then one rename of the link to it."""
    (mount / version).mkdir()
    (mount / version / "a.yaml").write_text(text)
    (mount / "..data_tmp").symlink_to(version)
    (mount / "..data_tmp").rename(mount / "..data")


def digest(found: RuleSet | RuleErrors) -> str:
    assert isinstance(found, RuleSet), found
    return found.digest


def test_each_state_comes_once_and_wrong_ones_as_problems(tmp_path: Path, stop: Event) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(GOOD)
    changes = Watcher(tmp_path, KNOWN, still=STILL).changes(stop)
    assert digest(next(changes)) == load_folder(tmp_path, KNOWN).digest
    file.write_text(GOOD.replace("mode: act", "mode: go"))
    wrong = next(changes)
    assert isinstance(wrong, RuleErrors)
    assert [problem.line for problem in wrong.problems] == [10]
    file.write_text(GOOD.replace("mode: act", "mode: observe"))
    assert digest(next(changes)) == load_folder(tmp_path, KNOWN).digest


def test_a_config_map_swap_is_seen_each_time(tmp_path: Path, stop: Event) -> None:
    swap(tmp_path, "..1", GOOD)
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    changes = Watcher(tmp_path, KNOWN, still=STILL).changes(stop)
    seen = [digest(next(changes))]
    for version in range(2, 5):
        swap(tmp_path, f"..{version}", GOOD.replace("> 10", f"> {version}"))
        seen.append(digest(next(changes)))
    assert len(set(seen)) == 4


def test_a_folder_that_goes_and_comes_back_is_seen(tmp_path: Path, stop: Event) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "a.yaml").write_text(GOOD)
    changes = Watcher(folder, KNOWN, still=STILL).changes(stop)
    first = digest(next(changes))
    folder.rename(tmp_path / "away")
    gone = next(changes)
    assert isinstance(gone, RuleErrors)
    assert gone.problems[0].code == "no-folder"
    (tmp_path / "away").rename(folder)
    assert digest(next(changes)) == first


def test_the_slow_check_sees_what_no_event_told(tmp_path: Path, stop: Event) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.yaml").write_text(GOOD.replace("> 10", f"> {len(name)}{name == 'one':d}"))
    link = tmp_path / "rules"
    link.symlink_to("one")
    changes = Watcher(link, KNOWN, still=STILL, recheck=4 * STILL).changes(stop)
    first = digest(next(changes))
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").rename(link)
    assert digest(next(changes)) != first


def test_a_defect_while_files_are_read_is_a_wrong_state_and_not_the_end(
    tmp_path: Path, stop: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(GOOD)
    changes = Watcher(tmp_path, KNOWN, still=STILL).changes(stop)
    first = digest(next(changes))

    def breaks(*_: object) -> RuleSet:
        raise RecursionError("odd")

    with monkeypatch.context() as patched:
        patched.setattr("dutyd.rules.watch.load_files", breaks)
        file.write_text(GOOD.replace("> 10", "> 11"))
        wrong = next(changes)
    assert isinstance(wrong, RuleErrors)
    assert "RecursionError('odd')" in str(wrong)
    file.write_text(GOOD)
    assert digest(next(changes)) == first


def test_a_watch_that_breaks_is_begun_anew(tmp_path: Path, stop: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    file, real = tmp_path / "a.yaml", watchfiles.watch
    file.write_text(GOOD)
    broken: list[str] = []

    def watch_once_broken(*args: Any, **options: Any) -> Iterator[Any]:
        if not broken:
            broken.append("once")
            raise WatchfilesRustInternalError("error in underlying watcher: too many events")
        return real(*args, **options)

    monkeypatch.setattr(watchfiles, "watch", watch_once_broken)
    changes = Watcher(tmp_path, KNOWN, still=STILL).changes(stop)
    next(changes)
    file.write_text(GOOD.replace("> 10", "> 11"))
    assert digest(next(changes)) == load_folder(tmp_path, KNOWN).digest
    assert broken


def test_watching_ends_when_it_is_told_to(tmp_path: Path, stop: Event) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    seen: list[object] = []
    thread = Thread(target=lambda: seen.extend(Watcher(tmp_path, KNOWN, still=STILL).changes(stop)))
    thread.start()
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
    assert len(seen) == 1
