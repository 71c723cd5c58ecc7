"""A Kubernetes cluster of one simulated node, on loopback, gone when it is left.

etcd, API server, controllers and scheduler are the real ones; kwok plays the kubelet and says of each pod that it runs
and is ready. So admission, schemas, roll-outs, budgets and rights are real, and no container is.
"""

import contextlib
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from support.broker import free_port

TOKEN = "loopback-only"  # of a server that lives for a minute, on this machine's own interface
READY_SECONDS = 60.0


@dataclass(frozen=True)
class Cluster:
    """A running cluster.

    Attributes:
        kubeconfig: the file that leads to it, as an administrator.
        api: a client of its API server.

    """

    kubeconfig: Path
    api: httpx2.Client

    def get(self, path: str, **query: str) -> Any:
        """Return the object or list at *path*."""
        answer = self.api.get(path, params=query)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: Mapping[str, Any], **query: str) -> httpx2.Response:
        """Send *body*, strictly checked; return the answer, whatever it is."""
        return self.api.post(path, json=body, params={"fieldValidation": "Strict", **query})

    def make(self, path: str, body: Mapping[str, Any]) -> None:
        """Make an object."""
        answer = self.post(path, body)
        if answer.is_error:
            raise RuntimeError(f"{path}: {answer.json().get('message')}")


@contextlib.contextmanager
def running_cluster(programs: Path) -> Iterator[Cluster]:
    """Start a cluster with the programs of the folder *programs*; end it afterwards."""
    with tempfile.TemporaryDirectory(prefix="kube-") as name, contextlib.ExitStack() as open_:
        folder = Path(name)

        def start(program: str, *arguments: str) -> None:
            log = open_.enter_context((folder / f"{program}.log").open("wb"))
            process = subprocess.Popen([programs / program, *arguments], stdout=log, stderr=log, cwd=folder)
            open_.callback(process.wait)
            open_.callback(process.kill)

        cluster = open_.enter_context(_api_server(folder, start))
        at = ("--kubeconfig", str(cluster.kubeconfig))
        alone = ("--leader-elect=false", "--secure-port=0")
        start("kube-controller-manager", *at, *alone, "--service-account-private-key-file=account.key")
        start("kube-scheduler", *at, *alone)
        start("kwok", *at, "--manage-all-nodes=true", "--config=/dev/null")
        cluster.make("/api/v1/nodes", _NODE)
        _wait_for(lambda: _is_ready(cluster.get("/api/v1/nodes/one")), "the node", folder)
        _wait_for(
            lambda: cluster.api.get("/api/v1/namespaces/default/serviceaccounts/default").is_success,
            "controllers",
            folder,
        )
        yield cluster


@contextlib.contextmanager
def _api_server(folder: Path, start: Any) -> Iterator[Cluster]:
    store, peer, port = (free_port() for _ in range(3))
    subprocess.run(["openssl", "genrsa", "-out", "account.key", "2048"], cwd=folder, check=True, capture_output=True)
    (folder / "tokens").write_text(f'{TOKEN},admin,admin,"system:masters"\n')
    urls = {"client": f"http://127.0.0.1:{store}", "peer": f"http://127.0.0.1:{peer}"}
    start(
        "etcd",
        "--data-dir=etcd",
        "--unsafe-no-fsync",
        f"--listen-client-urls={urls['client']}",
        f"--advertise-client-urls={urls['client']}",
        f"--listen-peer-urls={urls['peer']}",
        f"--initial-advertise-peer-urls={urls['peer']}",
        f"--initial-cluster=default={urls['peer']}",
    )
    start(
        "kube-apiserver",
        f"--etcd-servers={urls['client']}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",
        f"--secure-port={port}",
        "--cert-dir=certificates",
        "--token-auth-file=tokens",
        "--authorization-mode=RBAC",
        "--allow-privileged=true",  # so that it is the namespace's level that refuses
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-account-key-file=account.key",
        "--service-account-signing-key-file=account.key",
        "--service-cluster-ip-range=10.0.0.0/24",
    )
    authority = folder / "certificates" / "apiserver.crt"
    _wait_for(authority.exists, "the API server's certificate", folder)
    address = f"https://127.0.0.1:{port}"
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(_KUBECONFIG.format(address=address, authority=authority, token=TOKEN))
    trusted = ssl.create_default_context(cafile=authority)
    headers = {"authorization": f"Bearer {TOKEN}"}
    with httpx2.Client(base_url=address, verify=trusted, headers=headers, timeout=30) as api:
        _wait_for(lambda: _answers(api), "the API server", folder)
        yield Cluster(kubeconfig, api)


def _answers(api: httpx2.Client) -> bool:
    try:
        return api.get("/readyz").is_success
    except httpx2.TransportError:
        return False


def _is_ready(node: Mapping[str, Any]) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in node["status"].get("conditions", ()))


def _wait_for(there: Any, what: str, folder: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not there():
        if time.monotonic() > deadline:
            logs = [f"{log.name}:\n{log.read_text()[-1500:]}" for log in sorted(folder.glob("*.log"))]
            raise RuntimeError(f"{what} did not come within {READY_SECONDS:g} s\n" + "\n".join(logs))
        time.sleep(0.1)


_NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {
        "name": "one",
        "labels": {"kubernetes.io/hostname": "one", "kubernetes.io/os": "linux", "topology.kubernetes.io/zone": "a"},
    },
    "status": {
        "allocatable": {"cpu": "64", "memory": "256Gi", "pods": "200", "ephemeral-storage": "1Ti"},
        "capacity": {"cpu": "64", "memory": "256Gi", "pods": "200", "ephemeral-storage": "1Ti"},
    },
}

_KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{{name: here, cluster: {{server: "{address}", certificate-authority: "{authority}"}}}}]
users: [{{name: admin, user: {{token: "{token}"}}}}]
contexts: [{{name: here, context: {{cluster: here, user: admin}}}}]
current-context: here
"""
