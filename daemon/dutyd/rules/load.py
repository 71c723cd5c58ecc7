"""Rule files to rules: the one way in, used at start, on reload, by workers that take a set out of Redis, and by tests.

``load_folder`` reads a directory, ``load_files`` texts that are there already (a rule set stored by digest). Either
all of it is right and a ``RuleSet`` comes out, or ``RuleErrors`` holds every problem of every file.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from dutyd.core.mute import RecurringSilence
from dutyd.core.place import Place
from dutyd.core.rule import Rule, RuleSet
from dutyd.rules.known import Known
from dutyd.rules.problems import Problem, RuleErrors
from dutyd.rules.reading.fields import Fields
from dutyd.rules.reading.muting_reader import read_silence, wrong_inhibitors, wrong_silences
from dutyd.rules.reading.rule_reader import read_rule
from dutyd.rules.reading.values import list_of, wrong
from dutyd.rules.syntax.source import ListNode, Node, Scalar, SourceFile
from dutyd.rules.syntax.yaml_reader import read_yaml
from dutyd.rules.tables import read_tables

__all__ = ["Known", "RuleErrors", "digest_of", "load_files", "load_folder", "load_place", "read_folder"]

TABLES = "tables"
BESIDE = frozenset(("tests", TABLES, "runbooks"))
"""Folders that lie beside the rules and hold none."""

_LANGUAGE = 1
KEYS = ("language", "rules", "silences")


def load_folder(path: Path, known: Known) -> RuleSet:
    """Return the rules of all files in the folder *path*.

    Raises:
        RuleErrors: something is wrong; holds all problems.

    """
    files, unread = _read_folder(path)
    return load_files(files, known, unread)


def load_place(path: Path, known: Known) -> RuleSet:
    """Return the rules of the folder, or the one file, *path*.

    Raises:
        RuleErrors: something is wrong; holds all problems.

    """
    if path.is_file():
        files, unread = _read(path.parent, [path, *_tables_in(path.parent)])
        return load_files(files, known, unread)
    return load_folder(path, known)


def load_files(files: Mapping[str, str], known: Known, unread: Iterable[Problem] = ()) -> RuleSet:
    """Return the rules of *files*: relative path to text; *unread* are the problems of files that gave no text.

    Raises:
        RuleErrors: something is wrong; holds all problems.

    """
    sheets = {name: SourceFile(name, files[name].removeprefix("\ufeff")) for name in sorted(files) if _is_table(name)}
    known = replace(known, tables=read_tables(sheets))
    problems = [*unread, *(problem for sheet in sheets.values() for problem in sheet.problems)]
    rules: dict[str, Rule] = {}
    ids: dict[str, Place] = {}
    silences: list[RecurringSilence] = []
    for name in sorted(files.keys() - sheets.keys()):
        source = SourceFile(name, files[name].removeprefix("\ufeff"))
        if (fields := _opened(source)) is not None:
            rules |= {rule.id: rule for rule in _rules_of(fields, known, ids)}
            silences += fields.read("silences", list_of(read_silence, "[{id: nightly, ...}]"), ())
        problems += source.problems
    problems += [] if problems else (*wrong_inhibitors(rules), *wrong_silences(silences, rules))
    if problems:
        raise RuleErrors(problems, files)
    return RuleSet(digest_of(files), rules, dict(files), tuple(silences))


def digest_of(files: Mapping[str, str]) -> str:
    """Return 32 hex digits of SHA-256 over the sorted names and texts of *files*."""
    digest = hashlib.sha256()
    for name in sorted(files):
        for part in (name, files[name]):
            data = part.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8) + data)
    return digest.hexdigest()[:32]


def read_folder(path: Path) -> dict[str, str]:
    """Return the rule files below *path*: relative path, with ``/``, to text.

    Raises:
        RuleErrors: there is no such folder, no rule file in it, or a file is no UTF-8 text.

    """
    files, unread = _read_folder(path)
    if unread:
        raise RuleErrors(unread, files)
    return files


def _read_folder(path: Path) -> tuple[dict[str, str], list[Problem]]:
    if not path.is_dir():
        raise RuleErrors([Problem(str(path), 0, 0, "no-folder", "there is no such folder", "name a folder of rules")])
    files, unread = _read(path, _rule_files(path))
    if not unread and all(map(_is_table, files)):
        message, hint = "no rule files (*.yaml) in this folder", "a file with 'rules: []' says that there are no rules"
        raise RuleErrors([Problem(str(path), 0, 0, "no-rules", message, hint)])
    return files, unread


def _read(path: Path, found: Iterable[Path]) -> tuple[dict[str, str], list[Problem]]:
    """Return the texts of the files *found*, by their path below *path*, and what is wrong with those that are none."""
    files: dict[str, str] = {}
    problems: list[Problem] = []
    for file in found:
        name = file.relative_to(path).as_posix()
        try:
            files[name] = file.read_bytes().decode()
        except UnicodeDecodeError as error:
            message = f"byte {error.start + 1} is no UTF-8 text"
            problems.append(Problem(name, 0, 0, "not-text", message, "save the file as UTF-8"))
        except OSError as error:
            problems.append(Problem(name, 0, 0, "unreadable", f"it can't be read: {error.strerror}"))
    return files, problems


def _rule_files(folder: Path) -> Iterator[Path]:
    """Yield the YAML files below *folder* and the tables beside them, without names that begin with a dot.

    A ConfigMap mount holds each file twice, the second time in a folder that begins with two dots.
    """
    seen: set[str] = set()
    for root, folders, names in os.walk(folder, followlinks=True):
        seen.add(os.path.realpath(root))
        yield from _tables_in(Path(root))
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and name not in BESIDE and os.path.realpath(Path(root, name)) not in seen
        )
        for name in sorted(names):
            if not name.startswith(".") and name.endswith((".yaml", ".yml")):
                yield Path(root, name)


def _tables_in(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob(f"{TABLES}/*.csv") if not file.name.startswith("."))


def _is_table(name: str) -> bool:
    return name.endswith(".csv")


def _opened(source: SourceFile) -> Fields | None:
    root = read_yaml(source)
    if root is None:
        return None
    fields = Fields(source, root, "rule file", KEYS, required=KEYS[:2])
    fields.require("language", _language, f"begin the file with 'language: {_LANGUAGE}'")
    return fields


def _rules_of(fields: Fields, known: Known, ids: dict[str, Place]) -> Iterator[Rule]:
    for node in fields.require("rules", _items, "list the rules under 'rules:'") or ():
        rule = read_rule(fields.source, node, known, ids)
        if rule is not None:
            yield rule


def _language(source: SourceFile, node: Node) -> int | None:
    if isinstance(node, Scalar) and node.value == _LANGUAGE and not isinstance(node.value, bool):
        return _LANGUAGE
    wrong(source, node, f"{_LANGUAGE}, the only version of the rule language", f"write 'language: {_LANGUAGE}'")
    return None


def _items(source: SourceFile, node: Node) -> tuple[Node, ...] | None:
    if isinstance(node, ListNode):
        return node.items
    wrong(source, node, "a list of rules", "begin each rule with '- id: ...'")
    return None
