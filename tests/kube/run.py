"""``make kube``: the chart on a real Kubernetes API server, in a namespace of the Pod Security level `restricted`.

Installs, upgrades and rolls back as a platform team would, and breaks things on purpose. Each line of the table was
shown in this run; the exit code is 1 where one failed. Containers do not run here (see ``cluster``): that the pods'
processes start, answer probes, take rules and drain is shown by tests/acceptance/test_pod.py.
"""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import helm_python

from kube.build import KUBERNETES, programs
from kube.cluster import Cluster, running_cluster
from kube.crds import definitions
from support.chart.render import CHART, MATRIX, Object, pod_specs, render, values_of

SPACE, RELEASE, NAME = "watch", "duty", "duty-dutyd"
WAIT = 120  # seconds that Helm may wait for pods
VALUES = {**values_of(CHART / "ci" / "minimal-values.yaml"), "minReadySeconds": 1}


@dataclass
class Table:
    """What was shown, line by line."""

    lines: list[tuple[str, str, float]] = field(default_factory=list)
    failed: int = 0

    @contextlib.contextmanager
    def line(self, what: str) -> Iterator[list[str]]:
        """Show *what*: whoever works in it puts what was seen into the list; an exception fails the line."""
        began, seen = time.monotonic(), list[str]()
        try:
            yield seen
        except Exception as error:  # noqa: BLE001 - the next lines are shown all the same
            self.failed += 1
            seen.append(f"FAILED: {type(error).__name__}: {error}")
        self.lines.append((what, "; ".join(seen), time.monotonic() - began))
        print(f"  {'ok  ' if not seen[-1].startswith('FAILED') else 'FAIL'} {what}: {'; '.join(seen)}", flush=True)

    def show(self) -> None:
        """Print the table."""
        wide = max(len(what) for what, _, _ in self.lines)
        print(f"\n{'what':<{wide}}  {'s':>5}  seen")
        for what, seen, seconds in self.lines:
            print(f"{what:<{wide}}  {seconds:5.1f}  {seen}")
        print(f"\n{len(self.lines) - self.failed} of {len(self.lines)} shown on Kubernetes {KUBERNETES}")


@dataclass(frozen=True)
class Space:
    """A namespace of the cluster, and Helm in it."""

    cluster: Cluster
    name: str
    helm: Any

    def objects(self, path: str, **query: str) -> list[Object]:
        """Return the objects of a kind, such as ``apps/v1/deployments``."""
        group, _, kind = path.rpartition("/")
        prefix = f"/api/{group}" if group == "v1" else f"/apis/{group}"
        return list(self.cluster.get(f"{prefix}/namespaces/{self.name}/{kind}", **query)["items"])

    def deployments(self) -> dict[str, Object]:
        """Return the Deployments by name."""
        return {each["metadata"]["name"]: each for each in self.objects("apps/v1/deployments")}

    def sets(self, component: str) -> dict[str, int]:
        """Return the ReplicaSets of a component, with the pods that each has."""
        found = self.objects("apps/v1/replicasets", labelSelector=f"app.kubernetes.io/component={component}")
        return {each["metadata"]["name"]: each["status"]["replicas"] for each in found}

    def running(self, component: str) -> str:
        """Return the one ReplicaSet of a component that has pods."""
        (name,) = (name for name, pods in self.sets(component).items() if pods)
        return name

    def install(self, values: Mapping[str, Any], name: str = RELEASE) -> None:
        """Install the chart and wait for its pods."""
        self.helm.install(str(CHART), name, dict(values), namespace=self.name, wait="legacy", timeout=WAIT)

    def upgrade(self, values: Mapping[str, Any], timeout: int = WAIT) -> None:
        """Upgrade the release and wait for its pods."""
        self.helm.upgrade(str(CHART), RELEASE, dict(values), namespace=self.name, wait="legacy", timeout=timeout)

    def history(self) -> list[str]:
        """Return the release's revisions: number and status."""
        return [f"{each['revision']} {each['status']}" for each in self.helm.history(RELEASE)]


def make_space(cluster: Cluster, name: str) -> Space:
    """Make a namespace whose pods must fit the restricted level."""
    enforced = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    cluster.make("/api/v1/namespaces", {"metadata": {"name": name, "labels": enforced}})
    return Space(cluster, name, helm_python.Config(kubeconfig_path=cluster.kubeconfig, namespace=name))


def until(there: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Wait until *there* holds."""
    deadline = time.monotonic() + seconds
    while not there():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:g} s")
        time.sleep(0.2)


def show_the_level(space: Space, table: Table) -> None:
    """A pod that asks for more than the level gives must be refused, or the rest shows nothing."""
    with table.line("the namespace refuses a privileged pod") as seen:
        container = {"name": "a", "image": "a", "securityContext": {"privileged": True}}
        pod = {"metadata": {"name": "a"}, "spec": {"containers": [container]}}
        answer = space.cluster.post(f"/api/v1/namespaces/{space.name}/pods", pod)
        assert answer.status_code == 403, answer.text
        seen.append(answer.json()["message"].partition(", ")[0])


def show_install(space: Space, table: Table) -> None:
    """Install: everything accepted, every pod admitted, scheduled and ready."""
    with table.line("install") as seen:
        space.install(VALUES)
        for name, each in space.deployments().items():
            assert each["status"]["availableReplicas"] == each["spec"]["replicas"] == 2
            seen.append(f"{name} 2/2")
        assert set(space.deployments()) == {f"{NAME}-evaluator", f"{NAME}-worker"}
        seen.append(f"revisions: {', '.join(space.history())}")
    with table.line("its test's pod is admitted, too") as seen:
        pod = next(each for each in render(VALUES, name=RELEASE, namespace=space.name) if each["kind"] == "Pod")
        answer = space.cluster.post(f"/api/v1/namespaces/{space.name}/pods", pod, dryRun="All")
        assert answer.status_code == 201, answer.text
        seen.append(answer.json()["metadata"]["name"])
    with table.line("its account has no rights") as seen:
        for verb, kind in (("get", "secrets"), ("list", "pods"), ("create", "pods")):
            asked = {
                "spec": {
                    "user": f"system:serviceaccount:{space.name}:{NAME}",
                    "resourceAttributes": {"namespace": space.name, "verb": verb, "resource": kind},
                }
            }
            answer = space.cluster.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", asked)
            assert answer.json()["status"]["allowed"] is False
            seen.append(f"no {verb} {kind}")


def show_upgrades(space: Space, table: Table) -> None:
    """Upgrade: changed settings replace pods one by one, changed rules replace none, wrong ones do no harm."""
    with table.line("upgrade with changed rules restarts nothing") as seen:
        before = space.running("evaluator")
        space.upgrade({**VALUES, "rules": {"inline": {"errors.yaml": "language: 1\nrules: []\n"}}})
        rules = space.cluster.get(f"/api/v1/namespaces/{space.name}/configmaps/{NAME}-rules")
        assert rules["data"] == {"errors.yaml": "language: 1\nrules: []\n"}
        assert space.running("evaluator") == before
        seen.append(f"ConfigMap changed, ReplicaSet {before} stays")
    with table.line("upgrade with changed settings replaces the pods") as seen:
        before = space.running("evaluator")
        space.upgrade({**VALUES, "settings": {**VALUES["settings"], "currency": "USD"}})
        until(lambda: len([pods for pods in space.sets("evaluator").values() if pods]) == 1, "old pods end")
        after = space.running("evaluator")
        assert after != before
        seen.append(f"{before} -> {after}")
    with table.line("wrong values never reach the cluster") as seen:
        try:
            space.upgrade({**VALUES, "evaluator": {"replicas": "three"}})
        except helm_python.HelmError as error:
            seen.append(str(error).strip().splitlines()[-1])
        assert seen
        assert space.helm.status(RELEASE)["revision"] == 3
    with table.line("an upgrade that the level forbids fails, and the pods before go on") as seen:
        try:
            space.upgrade({**VALUES, "securityContext": {"allowPrivilegeEscalation": True}}, timeout=8)
        except helm_python.HelmError:
            events = space.objects("v1/events", fieldSelector="reason=FailedCreate")
            said = next(each["message"] for each in events if "restricted" in each["message"])
            seen.append(said[said.index("violates") :].partition(" (")[0])
        assert seen, "it went through"
        assert all(each["status"]["availableReplicas"] == 2 for each in space.deployments().values())
        seen.append(f"2/2 still available; revisions: {', '.join(space.history())}")


def show_rollback(space: Space, table: Table) -> None:
    """Roll back: to what was there before, with the ReplicaSet of then."""
    with table.line("rollback to the first revision") as seen:
        sets = set(space.sets("evaluator"))
        space.helm.rollback(RELEASE, version=1, wait="legacy", timeout=WAIT)
        until(lambda: len([pods for pods in space.sets("evaluator").values() if pods]) == 1, "old pods end")
        assert space.running("evaluator") in sets, "the ReplicaSet of then is used again"
        settings = space.cluster.get(f"/api/v1/namespaces/{space.name}/configmaps/{NAME}-settings")
        assert "USD" not in settings["data"]["dutyd.yaml"]
        assert all(each["status"]["availableReplicas"] == 2 for each in space.deployments().values())
        seen.append(f"{space.running('evaluator')} 2/2; revisions: {', '.join(space.history())}")


def show_drains(space: Space, table: Table) -> None:
    """The disruption budget: one pod may be evicted, a second one at the same time may not."""
    with table.line("a node drain takes one pod at a time") as seen:
        budgets = f"/apis/policy/v1/namespaces/{space.name}/poddisruptionbudgets/{NAME}-worker"
        until(lambda: space.cluster.get(budgets)["status"].get("disruptionsAllowed") == 1, "the budget is counted")
        until(lambda: len([pods for pods in space.sets("worker").values() if pods]) == 1, "old pods end")
        codes = []
        pods = space.objects("v1/pods", labelSelector="app.kubernetes.io/component=worker")
        for pod in [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]:
            name = pod["metadata"]["name"]
            path = f"/api/v1/namespaces/{space.name}/pods/{name}/eviction"
            body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
            codes.append(space.cluster.post(path, body).status_code)
        assert codes == [201, 429], codes
        seen.append("first eviction 201, second 429")


def show_scaling_and_role(space: Space, table: Table) -> None:
    """Scale, then put both roles into one Deployment."""
    with table.line("scale the evaluators to four") as seen:
        space.upgrade({**VALUES, "evaluator": {"replicas": 4}})
        assert space.deployments()[f"{NAME}-evaluator"]["status"]["availableReplicas"] == 4
        seen.append(f"{NAME}-evaluator 4/4")
    with table.line("upgrade to role: all") as seen:
        space.upgrade({**VALUES, "role": "all"})
        assert set(space.deployments()) == {NAME}
        until(lambda: space.deployments()[NAME]["status"].get("availableReplicas") == 2, "it is available")
        seen.append(f"{NAME} 2/2, evaluator and worker are gone")


def show_matrix(cluster: Cluster, table: Table) -> None:
    """Every file of values, for real, each in a restricted namespace of its own."""
    cluster.make("/apis/scheduling.k8s.io/v1/priorityclasses", {"metadata": {"name": "high"}, "value": 1000})
    for file in MATRIX:
        name = file.stem.removesuffix("-values")
        with table.line(f"install {file.name}") as seen:
            space = make_space(cluster, f"matrix-{name}")
            values = {**values_of(file), "minReadySeconds": 0}
            account = {"metadata": {"name": "watchers"}}
            cluster.make(f"/api/v1/namespaces/{space.name}/serviceaccounts", account)
            space.install(values)
            for each in space.deployments().values():
                assert each["status"]["availableReplicas"] == each["spec"]["replicas"]
                seen.append(f"{each['metadata']['name']} {each['spec']['replicas']}/{each['spec']['replicas']}")
            kinds = sorted({each["kind"] for each in render(values)} - {"Deployment", "ConfigMap", "Pod"})
            seen.append(f"and {', '.join(kinds) or 'nothing else'}")
            assert len(seen) == 1 + sum(each["kind"] == "Deployment" for each in render(values))
            assert list(pod_specs(render(values)))


def show_uninstall(space: Space, table: Table) -> None:
    """Uninstall: nothing of the release is left."""
    with table.line("uninstall") as seen:
        space.helm.uninstall(RELEASE, wait="legacy", timeout=WAIT)
        mine = f"app.kubernetes.io/instance={RELEASE}"
        kinds = ("v1/configmaps", "v1/serviceaccounts", "v1/pods", "apps/v1/deployments", "apps/v1/replicasets")
        until(lambda: not any(space.objects(kind, labelSelector=mine) for kind in kinds), "everything is gone")
        seen.append("nothing is left")


def main() -> int:
    """Run everything; return the exit code."""
    table = Table()
    print(f"dutyd's chart on Kubernetes {KUBERNETES}", flush=True)
    try:
        folder = programs(lambda what: print(f"  {what}: minutes, the first time", flush=True))
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    began = time.monotonic()
    with running_cluster(folder) as cluster:
        with table.line("control plane") as seen:
            seen.append(f"{cluster.get('/version')['gitVersion']}, ready in {time.monotonic() - began:.1f} s")
            for definition in definitions():
                cluster.make("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
            seen.append("kinds of the Prometheus operator and KEDA are known")
        space = make_space(cluster, SPACE)
        for show in (show_the_level, show_install, show_upgrades, show_rollback, show_drains, show_scaling_and_role):
            show(space, table)
        show_matrix(cluster, table)
        show_uninstall(space, table)
    table.show()
    return 1 if table.failed else 0


if __name__ == "__main__":
    sys.exit(main())
