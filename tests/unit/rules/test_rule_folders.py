"""Which files of a folder are rule files, and what is told where the folder itself is wrong."""

from pathlib import Path

import pytest

from dutyd.rules.load import RuleErrors, load_folder, load_place, read_folder
from support.rule_files import GOOD, KNOWN


def write(folder: Path, *names: str) -> None:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(GOOD.replace("high-errors", name.replace("/", "-")), encoding="utf-8")


def test_any_number_of_files_and_folders_hold_rules(tmp_path: Path) -> None:
    write(tmp_path, "b.yaml", "a.yml", "shop/stock.yaml", "shop/more/x.yaml")
    rules = load_folder(tmp_path, KNOWN)
    assert sorted(rules.files) == [
        "a.yml",
        "b.yaml",
        "shop/more/x.yaml",
        "shop/stock.yaml",
    ]
    assert rules.rules["shop-stock.yaml"].place.file == "shop/stock.yaml"


def test_hidden_names_and_the_folders_beside_the_rules_hold_none(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", ".b.yaml", "..2026_01/a.yaml", "tests/a.yaml", "tables/a.yaml", "shop/runbooks/a.yaml")
    (tmp_path / "notes.md").write_text("not yaml: at: all")
    assert list(read_folder(tmp_path)) == ["a.yaml"]


def test_a_config_map_mount_holds_each_file_once(tmp_path: Path) -> None:
    write(tmp_path, "..2026_01/a.yaml")
    (tmp_path / "..data").symlink_to("..2026_01")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    assert list(read_folder(tmp_path)) == ["a.yaml"]


def test_linked_folders_are_followed_and_circles_end(tmp_path: Path) -> None:
    write(tmp_path, "rules/a.yaml", "elsewhere/b.yaml")
    (tmp_path / "rules/team").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "rules/again").symlink_to(tmp_path / "rules")
    assert sorted(read_folder(tmp_path / "rules")) == ["a.yaml", "team/b.yaml"]


@pytest.mark.parametrize(
    ("prepare", "code", "words"),
    [
        (lambda folder: folder.rmdir(), "no-folder", "there is no such folder"),
        (lambda folder: folder.touch(), "no-rules", "no rule files"),
        (lambda folder: (folder / "a.yaml").write_bytes(b"a: \xff"), "not-text", "byte 4 is no UTF-8 text"),
        (lambda folder: (folder / "a.yaml").symlink_to("gone"), "unreadable", "No such file"),
    ],
)
def test_a_folder_that_can_not_be_read_says_why(tmp_path: Path, prepare: object, code: str, words: str) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    assert callable(prepare)
    prepare(folder)
    with pytest.raises(RuleErrors) as caught:
        load_folder(folder, KNOWN)
    (found,) = caught.value.problems
    assert found.code == code
    assert words in caught.value.render()


def test_a_file_that_is_no_text_hides_no_mistake_of_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe")
    (tmp_path / "b.yaml").write_text("rules: []\n")
    for path in (tmp_path, tmp_path / "b.yaml"):
        with pytest.raises(RuleErrors) as caught:
            load_place(path, KNOWN)
        found = {(problem.file, problem.code) for problem in caught.value.problems}
        assert found == {("b.yaml", "missing-key")} | ({("a.yaml", "not-text")} if path.is_dir() else set())
