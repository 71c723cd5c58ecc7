"""What the image is made of, and, where podman or buildah are installed, that it is built and starts."""

import fnmatch
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from dutyd import __version__
from support.chart.containerfile import Instruction, instructions
from support.locks import names, needed_by, pins

ROOT = Path(__file__).parents[3]
FILE = list(instructions(ROOT / "Containerfile"))
LAST = max(each.stage for each in FILE)
IMAGE = "localhost/dutyd-test"


def all_of(word: str, stage: int | None = None) -> list[Instruction]:
    return [each for each in FILE if each.word == word and stage in (None, each.stage)]


def test_the_base_is_slim_and_pinned_to_one_release() -> None:
    base = next(each for each in all_of("ARG", 0) if each.rest.startswith("BASE="))
    assert re.search(r"/python:\d+\.\d+\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?$", base.rest)
    assert {each.words[0] for each in all_of("FROM")} == {"${BASE}"}


def test_it_runs_as_a_user_that_is_a_number_and_not_root() -> None:
    assert [each.rest for each in all_of("USER")] == ["10001:10001"]
    after = FILE[FILE.index(all_of("USER")[0]) :]
    assert not [each for each in after if each.word in ("RUN", "COPY", "ADD")]


def test_its_entry_point_is_the_program() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert [each.words for each in all_of("ENTRYPOINT")] == [["dutyd"]]
    assert "dutyd" in scripts
    assert [each.words for each in all_of("CMD")] == [["run"]]


def test_what_it_installs_comes_from_the_locks_by_hash_or_from_our_wheel() -> None:
    installs = [
        command
        for each in all_of("RUN")
        for command in each.rest.split("&&")
        if re.search(r"\b(pip|apt-get|apk|curl|wget|npm)\b", command) and "-m venv" not in command
    ]
    assert installs
    for command in installs:
        from_lock = "--require-hashes" in command and "--only-binary :all:" in command and "-r image/" in command
        ours = "--no-deps" in command and ("--no-index" in command or "--no-build-isolation" in command)
        assert from_lock or ours, command


def test_nothing_that_builds_is_left_in_it() -> None:
    said = " ".join(each.rest for each in all_of("RUN", LAST))
    assert not re.search(r"\b(pip|apt-get|gcc|build-essential|make)\b", said)
    brought = [each.words for each in all_of("COPY", LAST)]
    assert brought == [["--from=build", "/opt/dutyd", "/opt/dutyd"]]
    assert any("venv --without-pip /opt/dutyd" in each.rest for each in all_of("RUN"))


def test_it_holds_no_secret_and_takes_none() -> None:
    assert not all_of("ADD")
    for each in FILE:
        if each.word in ("ARG", "ENV", "LABEL"):
            assert not re.search(r"(?i)(password|passwd|secret|token|api_?key|credential)", each.rest), each


def test_what_is_copied_is_there_and_not_ignored() -> None:
    patterns = [line for line in (ROOT / ".containerignore").read_text().splitlines() if line and line[0] != "#"]
    kept = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    assert "*" in patterns
    for each in all_of("COPY"):
        *sources, _ = [word for word in each.words if not word.startswith("--")]
        for source in sources if "--from=" not in each.rest else ():
            assert (ROOT / source).exists(), source
            assert any(fnmatch.fnmatch(source, keep.removesuffix("/**")) for keep in kept), source


@pytest.mark.parametrize("name", ["title", "description", "version", "revision", "licenses"])
def test_it_says_what_it_is(name: str) -> None:
    said = " ".join(each.rest for each in all_of("LABEL", LAST))
    assert f"org.opencontainers.image.{name}=" in said


def test_its_version_is_the_programs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"VERSION={project['version']}" in [each.rest for each in all_of("ARG", LAST)]


def test_its_lock_is_the_programs_part_of_the_whole_lock() -> None:
    runtime, whole = pins(ROOT / "image" / "runtime.lock"), pins(ROOT / "requirements.lock")
    assert runtime.items() <= whole.items(), "write it anew with `make lock`"
    missing = needed_by("dutyd") - names(ROOT / "image" / "runtime.lock")
    assert not missing, "write it anew with `make lock`"
    assert not {"pytest", "mypy", "ruff", "helm-python-sdk"} & names(ROOT / "image" / "runtime.lock")


def test_every_pin_has_a_hash() -> None:
    for lock in ("runtime", "build"):
        pinned = pins(ROOT / "image" / f"{lock}.lock")
        assert pinned, lock
        for pin, hashes in pinned.items():
            assert hashes, pin
            assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes), pin


@pytest.fixture(scope="module")
def tool() -> str:
    """What built the image; skipped where nothing can, or where its base can't be had.

    The variable IMAGE_BASE names another base, where no registry can be reached: any Debian with Python and its venv.
    """
    tool = next((name for name in ("podman", "buildah") if shutil.which(name)), None)
    if tool is None:
        pytest.skip("neither podman nor buildah is installed: the Containerfile is only linted")
    base = os.environ.get("IMAGE_BASE", all_of("ARG", 0)[0].rest.removeprefix("BASE="))
    if call(tool, "inspect", "--type", "image", base).returncode:
        pulled = call(tool, "pull", "--quiet", base)
        if pulled.returncode:
            pytest.skip(f"{tool} can't get the base image: {pulled.stderr.strip()[-300:]}")
    built = call(tool, "build", "--quiet", "--build-arg", f"BASE={base}", "--tag", IMAGE, str(ROOT))
    assert built.returncode == 0, built.stderr
    return tool


def call(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)


def in_the_image(tool: str, *command: str, folder: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Run *command* in the image; podman on a read-only root, which buildah does not offer."""
    mount = ["--volume", f"{folder}:/etc/dutyd:ro"] if folder else []
    if tool == "podman":
        sealed = ["--rm", "--read-only", "--cap-drop", "all", "--tmpfs", "/var/lib/dutyd:mode=1777"]
        return call("podman", "run", *sealed, *mount, "--entrypoint", command[0], IMAGE, *command[1:])
    container = call("buildah", "from", "--pull-never", IMAGE).stdout.strip()
    try:
        return call("buildah", "run", *mount, container, "--", *command)
    finally:
        call("buildah", "rm", container)


def test_it_is_built_and_starts(tool: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "rules", tmp_path / "rules")
    (tmp_path / "dutyd.yaml").write_text("data: /var/lib/dutyd\ntopics: {metrics: {}, stock: {}}\n")
    tmp_path.chmod(0o755)
    (tmp_path / "event.jsonl").write_text('{"service": "checkout", "error_count": 1, "sku": "A", "location": "main"}\n')
    steps = [f"dutyd publish --topic {topic} /etc/dutyd/event.jsonl" for topic in ("metrics", "stock")]
    steps += ["dutyd run --until-idle 1s"]
    script = f"export DUTYD_SETTINGS=/etc/dutyd/dutyd.yaml; {' && '.join(steps)}"
    done = in_the_image(tool, "sh", "-c", script, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "rules in use" in done.stderr


def test_nobody_in_it_is_root_and_nothing_can_be_built(tool: str) -> None:
    assert in_the_image(tool, "id", "-u").stdout.strip() == "10001"
    look = "import shutil; print([name for name in ('gcc', 'cc', 'g++', 'make', 'ld') if shutil.which(name)])"
    assert in_the_image(tool, "python3", "-c", look).stdout.strip() == "[]"
    assert in_the_image(tool, "python3", "-m", "pip", "--version").returncode != 0


def test_it_holds_the_versions_of_the_lock_and_nothing_else(tool: str) -> None:
    look = "import importlib.metadata as m; print(*(f'{d.name}=={d.version}' for d in m.distributions()))"
    said = in_the_image(tool, "python3", "-c", look).stdout.split()
    assert set(map(_version, said)) - set(map(_version, pins(ROOT / "image" / "runtime.lock"))) == {
        ("dutyd", __version__)
    }


def _version(pin: str) -> tuple[str, str]:
    name, _, version = pin.partition(";")[0].strip().partition("==")
    return canonicalize_name(name), version
