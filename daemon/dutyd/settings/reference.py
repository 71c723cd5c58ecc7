"""``docs/settings.md``, made from the settings themselves so that it can't be wrong about them.

``make docs`` writes the page (``python -m dutyd.settings.reference``); a test compares it with what is in ``docs``.
"""

import re
import sys
from collections.abc import Iterator
from typing import Any

from dutyd.settings.model import Settings

_OPENING = """\
# Settings

This page is made from the program by `make docs`.

dutyd reads one YAML file (`--settings FILE`, or the variable `DUTYD_SETTINGS`, or `dutyd.yaml` in the current folder)
and then its environment: every setting is also a variable, `DUTYD_` and the path with two underscores between its parts
(`model.base_url` is `DUTYD_MODEL__BASE_URL`, `topics.stock.lateness` is `DUTYD_TOPICS__STOCK__LATENESS`). A variable
wins over the file; an empty one counts as not set. Lists in variables are separated by commas.

A setting that dutyd does not know is an error, with the nearest name; all problems are reported at once, and the exit
code is 3. Relative paths begin at the folder of the settings file. Durations have a unit: `100ms`, `10s`, `5m`, `1h`,
`7d`. Secrets are never written here: the settings name a file or an environment variable that holds them.
"""
_KINDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "path": "path",
    "password": "address",
}


def reference() -> str:
    """Return the page."""
    schema = Settings.model_json_schema()
    parts = [_OPENING, *_section("", schema, schema["$defs"])]
    return "\n".join(parts)


def _section(name: str, group: dict[str, Any], defs: dict[str, Any]) -> Iterator[str]:
    """Yield a heading and a table for *group*, then the groups inside it."""
    inner: dict[str, dict[str, Any]] = {}
    yield f"## {name or 'The installation'}\n"
    yield _flow(group["description"]) + "\n"
    yield "| setting | value | default | meaning |\n|---|---|---|---|"
    for setting, spec in group["properties"].items():
        path = f"{name}.{setting}" if name else setting
        below, inside = _group_in(path, spec, defs)
        if "properties" in inside:
            inner[below] = inside
        default = "needed" if setting in group.get("required", ()) else _default(spec)
        yield f"| `{path}` | {_kind(spec, defs)} | {default} | {_flow(spec.get('description', ''))} |"
    yield ""
    for below, inside in inner.items():
        yield from _section(below, inside, defs)


def _group_in(path: str, spec: dict[str, Any], defs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return what *spec* holds, and the path under which it is told; the six families of providers are one."""
    if isinstance(keyed := spec.get("patternProperties"), dict):
        path, spec = f"{path}.ALIAS", next(iter(keyed.values()))
    path = re.sub(r"^providers\..+", "providers.FAMILY", path)
    return path, _resolved(spec, defs)


def _resolved(spec: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    """Return *spec* without its indirections: references, and the ``or null`` of optional settings."""
    for option in spec.get("anyOf", ()):
        if option.get("type") != "null":
            spec = option
    reference_ = str(spec.get("$ref", ""))
    resolved: dict[str, Any] = defs[reference_.rpartition("/")[2]] if reference_ else spec
    return resolved


def _kind(spec: dict[str, Any], defs: dict[str, Any]) -> str:
    found = _resolved(spec, defs)
    if "enum" in found:
        return ", ".join(f"`{value}`" for value in found["enum"])
    if "properties" in found or found.get("type") == "object":
        return "settings, below"
    kind = str(found.get("format") or found["type"])
    return _KINDS.get(kind, kind)


def _default(spec: dict[str, Any]) -> str:
    default = spec.get("default")
    if default is None or default in ([], {}) or isinstance(default, dict):
        return "-"
    if spec.get("type") == "duration":
        return f"`{default:g}s`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _flow(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(reference())
