"""The pods of the chart: restricted, and started with nothing but what the program really has."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from dutyd.cli.program import program
from dutyd.settings import load_settings
from dutyd.settings.load import NO_SETTINGS
from support.chart.render import MATRIX, Object, of_kind, pod_specs, program_of, render, values_of

ETC, DATA = "/etc/dutyd", "/var/lib/dutyd"


def named(of: object) -> str:
    return of.name.removesuffix("-values.yaml") if isinstance(of, Path) else ""


matrix = pytest.mark.parametrize("file", MATRIX, ids=named)


def containers(pod: Object) -> Iterator[Object]:
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        yield from pod.get(kind, ())


def against_restricted(pod: Object) -> Iterator[str]:
    """Yield what the Pod Security level `restricted` forbids in *pod* (its controls, one by one).

    https://kubernetes.io/docs/concepts/security/pod-security-standards/
    """
    whole = pod.get("securityContext", {})
    yield from (f"pod: {name}" for name in ("hostNetwork", "hostPID", "hostIPC") if pod.get(name))
    yield from (f"pod: {name}" for name in ("sysctls", "seLinuxOptions", "windowsOptions") if whole.get(name))
    allowed = {
        "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
    }  # fmt: skip
    for volume in pod.get("volumes", ()):
        yield from (f"volume {volume['name']}: {kind}" for kind in volume.keys() - {"name"} - allowed)
    for each in containers(pod):
        own = {**whole, **each.get("securityContext", {})}
        checks = {
            "privileged": own.get("privileged"),
            "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is not False,
            "capabilities": own.get("capabilities", {}).get("drop") != ["ALL"] or own["capabilities"].get("add"),
            "runAsNonRoot": own.get("runAsNonRoot") is not True,
            "runAsUser": own.get("runAsUser") == 0,
            "seccompProfile": own.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"),
            "procMount": own.get("procMount", "Default") != "Default",
            "hostPort": any(port.get("hostPort") for port in each.get("ports", ())),
        }
        yield from (f"{each['name']}: {name}" for name, wrong in checks.items() if wrong)


@matrix
def test_pods_fit_the_restricted_level_and_cannot_write_to_their_root(file: Path) -> None:
    for name, pod in pod_specs(render(values_of(file))):
        assert not list(against_restricted(pod)), name
        assert all(each["securityContext"]["readOnlyRootFilesystem"] for each in containers(pod)), name
        assert pod["enableServiceLinks"] is False


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"hostNetwork": True}, "pod: hostNetwork"),
        ({"securityContext": {}}, "dutyd: runAsNonRoot"),
        ({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, "volume v: hostPath"),
        ({"containers": [{"name": "x"}]}, "x: allowPrivilegeEscalation"),
    ],
)
def test_that_check_can_fail(change: dict[str, Any], found: str) -> None:
    _, pod = next(pod_specs(render(values_of(MATRIX[0]))))
    assert found in list(against_restricted({**pod, **change}))


@matrix
def test_the_program_has_every_command_and_flag_of_a_pod(file: Path) -> None:
    commands: Any = typer.main.get_command(program())
    for _, pod in pod_specs(render(values_of(file))):
        container = program_of(pod)
        assert container["command"] == ["dutyd"]
        name, *flags = container["args"]
        command = commands.commands[name]
        command.make_context(name, list(flags))  # raises where it does not know a flag, or its value


@matrix
def test_the_program_has_every_setting_and_variable_of_a_pod(file: Path, tmp_path: Path) -> None:
    """The settings file of the ConfigMap and the variables of the pod, read by the program itself."""
    objects = render(values_of(file))
    maps = {each["metadata"]["name"]: each["data"] for each in of_kind(objects, "ConfigMap")}
    for _, pod in pod_specs(objects):
        container = program_of(pod)
        variables = {each["name"]: each["value"] for each in container["env"]}
        assert not [name for name in variables if not name.startswith("DUTYD_")]
        assert variables["DUTYD_SETTINGS"] == f"{ETC}/settings/dutyd.yaml"
        volume = next(each for each in pod["volumes"] if each["name"] == "settings")
        (tmp_path / "policy").mkdir(exist_ok=True)
        (tmp_path / "policy" / "policy.yaml").write_text("{}")
        (tmp_path / "dutyd.yaml").write_text(
            maps[volume["configMap"]["name"]]["dutyd.yaml"].replace(ETC, str(tmp_path))
        )
        assert "DUTYD_SETTINGS" in NO_SETTINGS
        settings = load_settings(tmp_path / "dutyd.yaml", variables)
        assert settings.http is not None
        assert settings.http.port == container.get("ports", [{"containerPort": 8080}])[0]["containerPort"]


@matrix
def test_every_path_of_the_settings_is_in_a_volume(file: Path, tmp_path: Path) -> None:
    objects = render(values_of(file))
    (text,) = (each["data"]["dutyd.yaml"] for each in of_kind(objects, "ConfigMap") if "dutyd.yaml" in each["data"])
    (tmp_path / "dutyd.yaml").write_text(text)
    said = [line.split(": ", 1)[1] for line in text.splitlines() if ": /" in line]
    assert said
    for _, pod in pod_specs(objects):
        mounts = [each["mountPath"] for each in program_of(pod)["volumeMounts"]]
        for path in said:
            inside = any(path == each or path.startswith(f"{each}/") for each in mounts)
            around = any(each.startswith(f"{path}/") for each in mounts)
            assert inside or around, path


@matrix
def test_probes_ask_the_pages_that_the_program_serves(file: Path) -> None:
    for each in of_kind(render(values_of(file)), "Deployment"):
        container = program_of(each["spec"]["template"]["spec"])
        asked = {kind: container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")}
        assert asked == {"startup": "/startupz", "liveness": "/healthz", "readiness": "/readyz"}
        startup = container["startupProbe"]
        assert startup["periodSeconds"] * startup["failureThreshold"] >= 300
