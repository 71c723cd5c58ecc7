"""The chart, rendered by Helm itself, and its ConfigMaps in folders as the kubelet mounts them."""

import os
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[3]
CHART = ROOT / "helm" / "dutyd"
MATRIX = sorted((CHART / "ci").glob("*-values.yaml"))

Object = dict[str, Any]


def helm() -> Any:
    """Return Helm's library; skip the test where it has no wheel."""
    return pytest.importorskip("helm_python", reason=f"there is no wheel of helm-python-sdk for {sys.platform}")


def read_yaml(text: str) -> list[Any]:
    """Return the documents of *text* that hold something."""
    return [each for each in YAML(typ="safe", pure=True).load_all(text) if each is not None]


def values_of(file: Path) -> Any:
    """Return the values of a file."""
    return read_yaml(file.read_text())[0]


def render(values: Mapping[str, Any], *, name: str = "duty", namespace: str = "ops") -> list[Object]:
    """Return the objects of a release with *values*."""
    with helm().Chart.load(CHART) as chart:
        rendered = chart.render(dict(values), name=name, namespace=namespace)
    return [each for file, text in rendered.items() if file.endswith(".yaml") for each in read_yaml(text)]


def notes(values: Mapping[str, Any]) -> str:
    """Return what Helm prints after an installation with *values*."""
    with helm().Chart.load(CHART) as chart:
        rendered = chart.render(dict(values), name="duty", namespace="ops")
    return next(str(text) for file, text in rendered.items() if file.endswith("NOTES.txt"))


def of_kind(objects: Sequence[Object], kind: str) -> list[Object]:
    """Return those of *objects* that are of *kind*."""
    return [each for each in objects if each["kind"] == kind]


def pod_specs(objects: Sequence[Object]) -> Iterator[tuple[str, Object]]:
    """Yield every pod's name and spec."""
    for each in objects:
        if each["kind"] == "Deployment":
            yield each["metadata"]["name"], each["spec"]["template"]["spec"]
        elif each["kind"] == "Pod":
            yield each["metadata"]["name"], each["spec"]


def program_of(pod: Object) -> Object:
    """Return the container of *pod* that is dutyd."""
    return next(each for each in pod["containers"] if each["name"] == "dutyd")


def mount(folder: Path, files: Mapping[str, str]) -> None:
    """Write *files* into *folder* as the kubelet does, the first time or in place of those before.

    A new folder with the files, a link ``..data`` to it that replaces the one before in one step, and in *folder* a
    link through ``..data`` for each file (kubernetes: pkg/volume/util/atomic_writer.go).
    """
    folder.mkdir(parents=True, exist_ok=True)
    data, fresh = folder / "..data", folder / f"..2026_{secrets.token_hex(4)}"
    before = data.resolve() if data.is_symlink() else None
    fresh.mkdir()
    for name, text in files.items():
        (fresh / name).write_text(text)
    link = folder / "..data_tmp"
    link.symlink_to(fresh.name)
    os.replace(link, data)  # noqa: PTH105  # it is the call that is meant
    shown = {each.name for each in folder.iterdir() if not each.name.startswith("..")}
    for name in files.keys() - shown:
        (folder / name).symlink_to(Path("..data", name))
    for name in shown - files.keys():
        (folder / name).unlink()
    if before is not None:
        for each in before.iterdir():
            each.unlink()
        before.rmdir()
