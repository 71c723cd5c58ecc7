"""Builds a Kubernetes control plane from the Go module proxy, once, into ``.cache/kube/VERSION``.

Kubernetes' own module can't be installed by ``go install``: its staging modules stand at v0.0.0 there. So a module of
our own takes over its requirements and puts the published versions in their place; etcd comes at the version that this
Kubernetes requires. The first build takes about ten minutes on two cores, with Go's caches warm about one.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

KUBERNETES, STAGING, KWOK = "v1.36.3", "v0.36.3", "v0.7.0"
PROGRAMS = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
}
_MAJOR, _MINOR, _ = KUBERNETES.removeprefix("v").split(".")
STAMPS = {"gitVersion": KUBERNETES, "gitMajor": _MAJOR, "gitMinor": _MINOR}
"""What the programs say that they are: charts ask for it."""

CACHE = Path(__file__).parents[2] / ".cache" / "kube" / KUBERNETES


def programs(say: Callable[[str], None]) -> Path:
    """Return the folder of the programs, built now where they are missing; *say* is told what is built.

    Raises:
        RuntimeError: there is no Go, or a build failed; with Go's own words.

    """
    if shutil.which("go") is None:
        raise RuntimeError("Go is missing: this builds Kubernetes from its sources")
    into = CACHE / "bin"
    into.mkdir(parents=True, exist_ok=True)
    missing = [name for name in PROGRAMS if not (into / name).exists()]
    if missing:
        module = _module()
        for name in missing:
            say(f"building {name}")
            stamps = " ".join(f"-X k8s.io/component-base/version.{stamp}={said}" for stamp, said in STAMPS.items())
            _go("build", "-mod=mod", "-ldflags", stamps, "-o", str(into / name), PROGRAMS[name], folder=module)
    if not (into / "kwok").exists():
        say("building kwok")
        _go("install", f"sigs.k8s.io/kwok/cmd/kwok@{KWOK}", folder=CACHE, GOBIN=str(into))
    return into


def _module() -> Path:
    """Make the module that stands in for Kubernetes' own."""
    folder = CACHE / "module"
    folder.mkdir(exist_ok=True)
    found = json.loads(_go("mod", "download", "-json", f"k8s.io/kubernetes@{KUBERNETES}", folder=folder))
    requirements = Path(found["GoMod"]).read_text()
    (folder / "go.mod").write_text(requirements)
    (folder / "go.sum").write_bytes((Path(found["Dir"]) / "go.sum").read_bytes())
    staged = sorted(set(re.findall(r"^\s+(k8s\.io/\S+) v0\.0\.0$", requirements, re.MULTILINE)))
    edits = [f"-dropreplace={name}" for name in staged]
    edits += [f"-replace={name}={name}@{STAGING}" for name in staged]
    edits += [f"-require={name}@{STAGING}" for name in staged]
    _go("mod", "edit", "-module=dutyd.test/kube", *edits, f"-require=k8s.io/kubernetes@{KUBERNETES}", folder=folder)
    return folder


def _go(*arguments: str, folder: Path, **variables: str) -> str:
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false", **variables}
    done = subprocess.run(["go", *arguments], cwd=folder, env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"go {' '.join(arguments[:3])} failed:\n{done.stderr[-3000:]}")
    return done.stdout
