"""A pod of the chart as a plain process: its command, its variables, its volumes in folders, its probes over HTTP.

Paths of the container lie below a folder of the test, and its port is a free one: settings and variables are rewritten
for that, and nothing else is. ConfigMaps are laid out and changed as the kubelet does it (``render.mount``).
"""

import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from support.broker import free_port
from support.chart.render import Object, mount, of_kind, program_of
from support.program import BIN

ETC, DATA = "/etc/dutyd", "/var/lib/dutyd"
PATIENCE = 60.0


@dataclass
class Pod:
    """One running pod of a Deployment."""

    deployment: Object
    root: Path
    port: int
    process: "subprocess.Popen[bytes]"
    environment: Mapping[str, str]

    @property
    def spec(self) -> Object:
        """Its spec."""
        return dict(self.deployment["spec"]["template"]["spec"])

    def probe(self, kind: str) -> httpx2.Response | None:
        """Ask a probe as the kubelet does; None where it can't connect or gets no answer in time."""
        said = program_of(self.spec)[f"{kind}Probe"]
        try:
            return httpx2.get(f"http://127.0.0.1:{self.port}{said['httpGet']['path']}", timeout=said["timeoutSeconds"])
        except httpx2.TransportError:
            return None

    def passes(self, kind: str) -> bool:
        """Whether the probe is content."""
        answer = self.probe(kind)
        return answer is not None and answer.status_code == 200

    def wait_for(self, kind: str) -> None:
        """Wait until the probe is content."""
        deadline = time.monotonic() + PATIENCE
        while not self.passes(kind):
            answer = self.probe(kind)
            said = answer.text if answer is not None else "no answer"
            assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.log()}"
            assert time.monotonic() < deadline, f"{kind} probe of {self.root.name}: {said}\n{self.log()}"
            time.sleep(0.1)

    def metric(self, sample: str) -> float:
        """Return the value of a sample, written as Prometheus writes it."""
        lines = httpx2.get(f"http://127.0.0.1:{self.port}/metrics").text.splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{sample} ")), 0.0)

    def update(self, volume: str, files: Mapping[str, str]) -> None:
        """Change a ConfigMap under the running pod."""
        path = next(each["mountPath"] for each in program_of(self.spec)["volumeMounts"] if each["name"] == volume)
        mount(self.root / path.lstrip("/"), files)

    def written(self) -> list[Path]:
        """Return the files that the process made outside of its writable volumes: on the image, they could not be."""
        mounts = program_of(self.spec)["volumeMounts"]
        free = [self.root / each["mountPath"].lstrip("/") for each in mounts if not each.get("readOnly")]
        return [
            file
            for file in self.root.rglob("*")
            if file.is_file()
            and file != self.root / "log"
            and not any(file.is_relative_to(each) for each in free)
            and not (file.is_symlink() or file.parent.name.startswith(".."))  # what ``mount`` made
        ]

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run the program in the pod, as ``kubectl exec`` does."""
        return subprocess.run(
            [*program_of(self.spec)["command"], *arguments],
            cwd=self.root,
            env={**self.environment, "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def terminate(self) -> int:
        """Send SIGTERM, and return the exit code; a pod that outlasts its grace period is killed, as by the kubelet."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(self.spec["terminationGracePeriodSeconds"])
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def log(self) -> str:
        """Return the end of its log."""
        return "\n".join((self.root / "log").read_text().splitlines()[-40:])


@contextmanager
def running_pods(objects: Sequence[Object], folder: Path) -> Iterator[dict[str, Pod]]:
    """Start one pod of each Deployment among *objects*; what still runs at the end is killed."""
    pods: dict[str, Pod] = {}
    try:
        for deployment in of_kind(objects, "Deployment"):
            component = deployment["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]
            pods[component] = _start(deployment, objects, folder / component)
        yield pods
    finally:
        for pod in pods.values():
            pod.process.kill()
            pod.process.wait()


def _start(deployment: Object, objects: Sequence[Object], root: Path) -> Pod:
    port = free_port()
    spec = deployment["spec"]["template"]["spec"]
    container = program_of(spec)
    maps = {each["metadata"]["name"]: each["data"] for each in of_kind(objects, "ConfigMap")}
    volumes = {each["name"]: each for each in spec["volumes"]}
    for each in container["volumeMounts"]:
        place, volume = root / each["mountPath"].lstrip("/"), volumes[each["name"]]
        place.mkdir(parents=True)
        if "configMap" in volume:
            files = maps[volume["configMap"]["name"]]
            mount(place, {name: _here(text, root, port) for name, text in files.items()})
    variables = {each["name"]: _here(each["value"], root, port) for each in container["env"]}
    environment = {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": f"{root}{DATA}", **variables}
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(
            [*container["command"], *container["args"]],
            cwd=root,
            env=environment,
            stdout=log,
            stderr=log,
        )
    return Pod(deployment, root, port, process, environment)


def _here(text: str, root: Path, port: int) -> str:
    """Return *text* with the container's paths and port replaced by those of this process."""
    return text.replace(ETC, f"{root}{ETC}").replace(DATA, f"{root}{DATA}").replace("port: 8080", f"port: {port}")
