"""The table of the chart's values for its README, made from the comments in values.yaml.

``python tests/support/chart/values.py`` writes it; a test says when that is due.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

CHART = Path(__file__).parents[3] / "helm" / "dutyd"
MARK = re.compile(r"(?<=<!-- values -->\n).*(?=<!-- /values -->)", re.DOTALL)


def leaves(values: dict[str, Any], texts: dict[str, str], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value that has a text, and every one that lies under none."""
    for name, value in values.items():
        inner = f"{path}{name}"
        if isinstance(value, dict) and value and inner not in texts:
            yield from leaves(value, texts, f"{inner}.")
        else:
            yield inner, value


def texts() -> dict[str, str]:
    """Return the texts of values.yaml by the path of the value that follows them."""
    found: dict[str, str] = {}
    said: list[str] = []
    path: list[str] = []
    for line in (CHART / "values.yaml").read_text().splitlines():
        bare = line.strip()
        if bare.startswith("# -- "):
            said = [bare.removeprefix("# -- ")]
        elif bare.startswith("# ") and said:
            said.append(bare.removeprefix("# "))
        elif match := re.match(r"( *)([A-Za-z]+):", line):
            path = [*path[: len(match[1]) // 2], match[2]]
            if said:
                found[".".join(path)] = " ".join(said)
            said = []
        else:
            said = []
    return found


def table() -> str:
    """Return the table in Markdown."""
    said = texts()
    values = YAML(typ="safe", pure=True).load((CHART / "values.yaml").read_text())
    lines = ["| value | default | meaning |", "|---|---|---|"]
    for path, value in leaves(values, said):
        lines.append(f"| `{path}` | `{json.dumps(value)}` | {said[path]} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    readme = CHART / "README.md"
    readme.write_text(MARK.sub(lambda _: table(), readme.read_text()))
