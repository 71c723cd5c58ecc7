"""What pydantic found wrong, in the words of whoever wrote the settings, and where they wrote it.

Called by ``load``: a ``ValidationError`` and the values in, ``Finding``s out; ``Origin`` turns a setting's path into
``file:line:column`` or the name of a variable.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dutyd.core.errors import nearest
from dutyd.core.secrets import cut
from dutyd.settings.model import Settings
from dutyd.settings.yaml_file import Marks


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem: the setting's path, and what is wrong."""

    path: tuple[str, ...]
    message: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where settings came from: the file and its marks; per path the variable that set it."""

    file: Path
    marks: Marks
    variables: dict[tuple[str, ...], str]

    def order(self, path: tuple[str, ...]) -> tuple[int, int]:
        """Return a sort key that puts problems of the file in its order, those of variables first."""
        return next((self.marks[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.marks), (0, 0))

    def of(self, path: tuple[str, ...]) -> str:
        """Return where the setting at *path*, or the group around it, was written, and its dotted name."""
        name = ".".join(path)
        for length in range(len(path), 0, -1):
            if (variable := self.variables.get(path[:length])) is not None:
                return f"variable {variable}"
            if (mark := self.marks.get(path[:length])) is not None:
                return f"{self.file}:{mark[0]}:{mark[1]}: {name}"
        return f"{self.file}: {name}" if name else str(self.file)


_PLAIN = {
    "missing": "is needed, and not there",
    "string_type": "must be a text, not {input}: put it in quotes",
    "int_parsing": "must be a whole number, not {input}",
    "int_type": "must be a whole number, not {input}",
    "int_from_float": "must be a whole number, not {input}",
    "float_parsing": "must be a number, not {input}",
    "float_type": "must be a number, not {input}",
    "bool_parsing": "must be true or false, not {input}",
    "bool_type": "must be true or false, not {input}",
    "path_type": "must be a path, not {input}",
    "tuple_type": "must be a list such as [service, host], not {input}",
    "greater_than_equal": "must be at least {ge}, not {input}",
    "less_than_equal": "must be at most {le}, not {input}",
    "string_too_short": "must not be empty",
    "model_type": "holds settings of its own, one `name: value` a line below it, not {input}",
    "model_attributes_type": "holds settings of its own, one `name: value` a line below it, not {input}",
    "mapping_type": "holds settings of its own, one `name: value` a line below it, not {input}",
    "dict_type": "holds settings of its own, one `name: value` a line below it, not {input}",
}
_PATTERNS = {
    "installation": "must be 1 to 63 letters, digits, '-', '_' or '.', not {input}",
    "currency": "must be a code of three capital letters such as EUR, not {input}",
    "topic": "must be a topic name (letters, digits, '.', '_', '-'), not {input}",
    "[key]": "an alias is made of small letters, digits, '_' and '-', and begins with a letter",
}


def explain(error: ValidationError, data: Mapping[str, Any]) -> list[Finding]:
    """Return every problem of *error* in plain words; *data* are the values that were checked."""
    return list(dict.fromkeys(_findings(error, data)))


def _findings(error: ValidationError, data: Mapping[str, Any]) -> Iterator[Finding]:
    for detail in error.errors(include_url=False):
        path = _path(detail, data)
        yield Finding(path, _message(detail, path))


def _path(detail: ErrorDetails, data: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the part of pydantic's location that the user wrote: without union branches, list indexes, ``[key]``."""
    path: list[str] = []
    at: Any = data
    for part in detail["loc"]:
        if isinstance(at, Mapping) and part in at:
            at = at[part]
        elif detail["type"] != "missing" or part != detail["loc"][-1]:
            continue
        path.append(str(part))
    return tuple(path)


def _message(detail: ErrorDetails, path: tuple[str, ...]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    shown = _shown(detail["input"])
    if kind == "extra_forbidden":
        return f"there is no setting '{path[-1]}'{_belongs(path)}"
    if kind in ("enum", "literal_error"):
        expected = str(context["expected"]).replace("'", "")
        options = expected.replace(" or ", ", ").split(", ")
        return f"must be one of {expected}, not {shown}{nearest(str(detail['input']), options)}"
    if kind == "string_pattern_mismatch":
        last = str(detail["loc"][-1])
        return _PATTERNS.get(last, "has characters that can't be used: {input}").format(input=shown)
    if kind in _PLAIN:
        return _PLAIN[kind].format(input=shown, **context)
    return str(context.get("error", detail["msg"]))


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return cut(repr(value), 60, "...")


def _belongs(path: tuple[str, ...]) -> str:
    """Return where an unknown setting may have been meant to go: the nearest name here, or the group that has it."""
    here = _group(path[:-1])
    names = set(here.model_fields) if here else set()
    if hint := nearest(path[-1], names):
        return hint
    homes = [name for name, group in _groups(Settings) if path[-1] in group.model_fields]
    return f"; it belongs under `{homes[0]}`" if homes else ""


def _group(path: tuple[str, ...]) -> type[BaseModel] | None:
    """Return the group of settings at *path*."""
    group: type[BaseModel] | None = Settings
    is_alias = False  # the part after `topics` is a name that the user chose
    for part in path:
        if is_alias:
            is_alias = False
            continue
        field = group.model_fields.get(part) if group else None
        if field is None:
            return None
        group, is_alias = _model_of(field.annotation), get_origin(field.annotation) is Mapping
    return group


def _groups(root: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in root.model_fields.items():
        if group := _model_of(field.annotation):
            yield name, group


def _model_of(annotation: Any) -> type[BaseModel] | None:
    found = (part for part in (annotation, *get_args(annotation)) if isinstance(part, type))
    return next((part for part in found if issubclass(part, BaseModel)), None)
