"""The chart: linted and rendered by Helm for a matrix of values, held against the schemas of those who take it."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest

from support.chart.render import CHART, MATRIX, Object, helm, notes, of_kind, pod_specs, program_of, render, values_of

CRDS = {
    file.stem: json.loads(file.read_text())
    for file in (Path(__file__).parents[2] / "support" / "chart" / "crds").glob("*.json")
}
OLDEST = values_of(CHART / "Chart.yaml")["kubeVersion"].removeprefix(">=").removesuffix(".0-0")
NEWEST = kubernetes_validate.latest_version().rpartition(".")[0]
"""The versions of Kubernetes that the chart is for: its ``kubeVersion``, and the newest whose schemas there are."""

MINIMAL = values_of(CHART / "ci" / "minimal-values.yaml")


def named(of: object) -> str:
    return of.name.removesuffix("-values.yaml") if isinstance(of, Path) else ""


matrix = pytest.mark.parametrize("file", MATRIX, ids=named)


@pytest.mark.parametrize("file", [None, *MATRIX], ids=named)
def test_lint_finds_nothing(file: Path | None) -> None:
    report = helm().lint(str(CHART), values_of(file) if file else {}, strict=True, kube_version=f"v{OLDEST}.0")
    assert (report["messages"], report["errors"]) == ([], [])


@matrix
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_object_is_what_kubernetes_takes(file: Path, version: str) -> None:
    objects = render(values_of(file))
    for each in objects:
        if each["kind"] not in CRDS:
            kubernetes_validate.validate(each, version, strict=True)
    assert len(objects) >= 3


@matrix
def test_every_custom_object_is_what_its_operator_takes(file: Path) -> None:
    for each in render(values_of(file)):
        if each["kind"] in CRDS:
            jsonschema.validate(each, CRDS[each["kind"]])


def test_the_schemas_can_fail() -> None:
    deployment = of_kind(render(MINIMAL), "Deployment")[0]
    deployment["spec"]["replica"] = 1
    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate(deployment, NEWEST, strict=True)
    monitor = of_kind(render({**MINIMAL, "podMonitor": {"enabled": True}}), "PodMonitor")[0]
    monitor["spec"]["podMetricsEndpoints"][0]["intervall"] = "3s"
    with pytest.raises(jsonschema.ValidationError, match="intervall"):
        jsonschema.validate(monitor, CRDS["PodMonitor"])


def test_the_matrix_makes_every_kind_of_object() -> None:
    kinds = {each["kind"] for file in MATRIX for each in render(values_of(file))}
    core = {"Deployment", "Service", "ConfigMap", "ServiceAccount", "PodDisruptionBudget", "NetworkPolicy", "Pod"}
    assert kinds == core | set(CRDS)


@matrix
def test_names_are_unique_and_of_one_release(file: Path) -> None:
    objects = render(values_of(file))
    names = [(each["kind"], each["metadata"]["name"]) for each in objects]
    assert len(names) == len(set(names))
    for each in objects:
        if not each["metadata"]["name"].endswith("-extra"):
            assert each["metadata"]["labels"]["app.kubernetes.io/instance"] == "duty"


@matrix
def test_no_object_gives_rights_in_the_cluster(file: Path) -> None:
    objects = render(values_of(file))
    assert not [each for each in objects if "rbac" in each["apiVersion"]]
    for _, pod in pod_specs(objects):
        assert pod["automountServiceAccountToken"] is False


def test_evaluators_and_workers_are_two_deployments() -> None:
    found = {each["metadata"]["name"]: each for each in of_kind(render(MINIMAL), "Deployment")}
    assert {name: program_of(each["spec"]["template"]["spec"])["args"] for name, each in found.items()} == {
        "duty-dutyd-evaluator": ["run", "--role", "evaluator"],
        "duty-dutyd-worker": ["run", "--role", "worker"],
    }


def test_one_deployment_does_both_where_that_is_said() -> None:
    (found,) = of_kind(render({**MINIMAL, "role": "all"}), "Deployment")
    assert found["metadata"]["name"] == "duty-dutyd"
    assert program_of(found["spec"]["template"]["spec"])["args"] == ["run", "--role", "all"]


@matrix
def test_selectors_find_the_pods_and_only_those_of_their_deployment(file: Path) -> None:
    objects = render(values_of(file))
    labels = {
        each["metadata"]["name"]: each["spec"]["template"]["metadata"]["labels"]
        for each in of_kind(objects, "Deployment")
    }
    for each in objects:
        if each["kind"] in ("Deployment", "PodDisruptionBudget"):
            wanted = each["spec"]["selector"]["matchLabels"].items()
            assert [name for name, has in labels.items() if wanted <= has.items()] == [each["metadata"]["name"]]
        elif each["kind"] in ("NetworkPolicy", "PodMonitor"):
            wanted = each["spec"]["podSelector" if each["kind"] == "NetworkPolicy" else "selector"][
                "matchLabels"
            ].items()
            assert all(wanted <= has.items() for has in labels.values())


@matrix
def test_config_maps_are_mounted_as_whole_folders(file: Path) -> None:
    for _, pod in pod_specs(render(values_of(file))):
        mounts = program_of(pod)["volumeMounts"]
        assert not [each for each in mounts if "subPath" in each or "subPathExpr" in each]
        assert len({each["mountPath"] for each in mounts}) == len(mounts)
        assert {each["name"] for each in mounts} == {each["name"] for each in pod["volumes"]}
        # A volume within another one would need a folder in it, and a ConfigMap can't get one.
        for one in mounts:
            assert not [each for each in mounts if each["mountPath"].startswith(f"{one['mountPath']}/")], one
        writable = {each["mountPath"] for each in mounts if not each.get("readOnly")}
        assert writable == {"/var/lib/dutyd", "/tmp"}


def pod_template(values: dict[str, Any]) -> Object:
    return dict(of_kind(render(values), "Deployment")[0]["spec"]["template"])


def test_changed_rules_tables_and_runbooks_restart_nothing() -> None:
    changed = {**MINIMAL, "rules": {"inline": {"errors.yaml": "language: 1\nrules: []\n"}}}
    assert pod_template(changed) == pod_template(MINIMAL)
    assert pod_template({**MINIMAL, "runbooks": {"inline": {"first.md": "# First"}}}) == pod_template(MINIMAL)
    for folder, name in (("tables", "a.csv"), ("runbooks", "a.md")):
        first, second = ({**MINIMAL, folder: {"inline": {name: text}}} for text in ("one", "two"))
        assert pod_template(first) == pod_template(second)


@pytest.mark.parametrize("changed", [{"settings": {"currency": "USD"}}, {"policy": {"inline": {"mode": "observe"}}}])
def test_changed_settings_and_policies_replace_the_pods(changed: dict[str, Any]) -> None:
    first = {**MINIMAL, "policy": {"inline": {"mode": "act"}}}
    second = {**first, **changed, "settings": {**MINIMAL["settings"], **changed.get("settings", {})}}
    assert pod_template(first)["metadata"]["annotations"] != pod_template(second)["metadata"]["annotations"]


def test_a_single_pod_gets_no_budget_that_would_block_every_drain() -> None:
    budgets = of_kind(render({**MINIMAL, "worker": {"replicas": 1}}), "PodDisruptionBudget")
    assert [each["metadata"]["name"] for each in budgets] == ["duty-dutyd-evaluator"]


def test_a_deployment_that_is_scaled_by_keda_has_no_number_of_its_own() -> None:
    objects = render(values_of(CHART / "ci" / "keda-values.yaml"))
    assert not [each for each in of_kind(objects, "Deployment") if "replicas" in each["spec"]]
    scaled = {each["spec"]["scaleTargetRef"]["name"]: each["spec"] for each in of_kind(objects, "ScaledObject")}
    assert set(scaled) == {each["metadata"]["name"] for each in of_kind(objects, "Deployment")}
    triggers = {each["metadata"]["topic"]: each["metadata"] for each in scaled["duty-dutyd-evaluator"]["triggers"]}
    assert set(triggers) == {"prod.metrics", "stock"}
    assert triggers["stock"]["consumerGroup"] == "duty.evaluate"
    assert triggers["stock"]["lagThreshold"] == "1000000"


def test_every_topic_of_the_bridge_has_a_deployment_and_a_service_that_finds_it() -> None:
    objects = render(values_of(CHART / "ci" / "bridge-values.yaml"))
    bridges = {
        each["metadata"]["name"]: each["spec"]["template"]
        for each in of_kind(objects, "Deployment")
        if "-bridge-" in each["metadata"]["name"]
    }
    assert {name: program_of(pod["spec"])["args"] for name, pod in bridges.items()} == {
        f"duty-dutyd-bridge-{name}": [
            *("publish", "--topic", alias, "--listen", "0.0.0.0:8080"),
            *("--token-file", "/etc/dutyd/secrets/bridge-token"),
        ]
        for name, alias in (("alerts", "alerts"), ("shop-events", "shop_events"))
    }
    for service in of_kind(objects, "Service"):
        found = [
            name
            for name, pod in bridges.items()
            if service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
        ]
        assert found == [service["metadata"]["name"]]
    (policy,) = of_kind(objects, "NetworkPolicy")
    assert [rule["ports"] for rule in policy["spec"]["ingress"]] == [[{"port": "posts", "protocol": "TCP"}]]


def test_without_topics_there_is_no_bridge() -> None:
    assert not of_kind(render(MINIMAL), "Service")


@pytest.mark.parametrize(("values", "drain"), [({}, 20), ({"drainSeconds": 120}, 120)])
def test_the_grace_period_is_longer_than_the_drain(values: dict[str, Any], drain: int) -> None:
    objects = render({**MINIMAL, **values})
    assert {pod.get("terminationGracePeriodSeconds", drain + 25) for _, pod in pod_specs(objects)} == {drain + 25}
    (settings,) = (each for each in of_kind(objects, "ConfigMap") if "dutyd.yaml" in each["data"])
    assert f"drain: {drain}s" in settings["data"]["dutyd.yaml"]


@pytest.mark.parametrize(("role", "component"), [("split", "worker"), ("all", "all")])
def test_the_api_has_a_service_where_tokens_say_who_may_use_it(role: str, component: str) -> None:
    tokens = {"oncall": {"sha256": "0" * 64, "may": "decide"}}
    values = {**MINIMAL, "role": role, "settings": {**MINIMAL["settings"], "http": {"tokens": tokens}}}
    (service,) = of_kind(render(values), "Service")
    assert service["metadata"]["name"] == "duty-dutyd-api"
    assert service["spec"]["selector"]["app.kubernetes.io/component"] == component
    assert not of_kind(render(MINIMAL), "Service")


def test_notes_warn_of_what_is_missing() -> None:
    bare, full = notes(MINIMAL), notes(values_of(CHART / "ci" / "full-values.yaml"))
    for warning in ("there is no policy", "settings.providers is empty", "settings.model is not set", "nobody is told"):
        assert warning in bare
    assert "there is no policy" not in full
    assert "settings.model is not set" not in full
    assert "deploy/duty-worker -- dutyd doctor" in full


def test_values_can_be_templates_in_further_objects() -> None:
    objects = render(values_of(CHART / "ci" / "full-values.yaml"))
    (extra,) = (each for each in objects if each["metadata"]["name"] == "duty-extra")
    assert extra["data"] == {"installation": "shop"}
