"""The settings file as plain values, and where each setting stands in it.

Read by ``load`` alone. Settings are configuration of one program, so this reader is smaller than that of the rule
files: it knows mappings, lists and scalars, and leaves their meaning to the model.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from dutyd.core.errors import SettingsError

Marks = dict[tuple[str, ...], tuple[int, int]]
"""Path of a setting to its line and column, 1-based."""


def read_yaml(file: Path) -> tuple[dict[str, Any], Marks]:
    """Return the values of *file* and their places; a setting without a value is as if it were not written.

    Raises:
        SettingsError: the file can't be read, is no YAML, or holds no settings.

    """
    try:
        tree = YAML(typ="rt").load(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"can't read the settings file {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"the settings file {file} is no UTF-8 text") from error
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise SettingsError(f"{file}{where}: this is no valid YAML: {error.problem}") from error
    except YAMLError as error:
        raise SettingsError(f"{file}: this is no valid YAML: {error}") from error
    if tree is None:
        return {}, {}
    if not isinstance(tree, CommentedMap):
        raise SettingsError(f"{file}: expected settings, one `name: value` a line")
    marks: Marks = {}
    return _values(tree, (), marks), marks


def _values(tree: Mapping[Any, Any], path: tuple[str, ...], marks: Marks) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in tree.items():
        here = (*path, str(key))
        if isinstance(tree, CommentedMap):
            line, column = tree.lc.key(key)
            marks[here] = (line + 1, column + 1)
        if isinstance(value, Mapping):
            values[str(key)] = _values(value, here, marks)
        elif value is not None:
            values[str(key)] = list(value) if isinstance(value, list) else value
        elif path == ("topics",):
            values[str(key)] = {}  # an alias alone names a topic that needs no settings
    return values
