"""The image and the chart on a cluster (KUBECONFIG) that has or can fetch the images: `make cluster-test` starts one."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml
from chassis.testing.certificates import make_certificates
from chassis.testing.issuer import TinyIssuer

HERE = Path(__file__).parent
TREE = HERE.parents[2]
CHART = TREE / "deploy/helm/lofte"
RELEASE, NAMESPACE, BACKING = "lofte", "lofte-test", "backing"
ISSUER = f"https://issuer.{BACKING}.svc.cluster.local:8443"
IMAGE = os.environ.get("LOFTE_IMAGE", "local.test/lofte")
SAID: list[str] = []
COUNTED = {"contacts": 0}


def kubectl(*arguments: str, feed: str | None = None, namespace: str = NAMESPACE) -> str:
    command = ["kubectl", "-n", namespace, *arguments]
    done = subprocess.run(command, input=feed, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{' '.join(arguments)}: {done.stderr[-2000:]}"
    return done.stdout


def say(line: str) -> None:
    SAID.append(line)
    print(line)


def apply(*documents: dict[str, Any], namespace: str = NAMESPACE) -> None:
    kubectl("apply", "-f", "-", feed=yaml.safe_dump_all(documents), namespace=namespace)


def named(kind: str, name: str, data: dict[str, str]) -> dict[str, Any]:
    field = "stringData" if kind == "Secret" else "data"
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, field: data}


def values(tag: str) -> dict[str, Any]:
    ca = {"existingSecret": "authority"}
    return {
        "image": {"repository": IMAGE, "tag": tag},
        "oidc": {"issuer": ISSUER, "ca": ca},
        "kafka": {
            "bootstrap": f"kafka.{BACKING}.svc.cluster.local:9092",
            "existingSecret": "kafka",
            "partitions": 3,
            "ca": ca,
        },
        "mongo": {"existingSecret": "mongo", "ca": ca},
        "masterKey": {"existingSecret": "master-key"},
        "sessionTimeoutMs": 6000,
        "municipalities": {
            "files": {"0581.yaml": (TREE / "deploy/municipalities/0581.yaml").read_text(encoding="utf-8")}
        },
    }


@pytest.fixture(scope="module")
def issuer() -> TinyIssuer:
    issuer = TinyIssuer()
    issuer.url = ISSUER
    return issuer


@pytest.fixture(scope="module")
def helm(issuer: TinyIssuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[helm_python.Config]:
    """A namespace under the restricted standard, and another with what the release needs."""
    hosts = [f"{name}.{BACKING}.svc.cluster.local" for name in ("kafka", "issuer", "mongo", "mongo.mongo")]
    authority, certificate = make_certificates(tmp_path_factory.mktemp("tls"), *hosts)
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    for name, labels in ((BACKING, {}), (NAMESPACE, restricted)):
        kind = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        kubectl("apply", "-f", "-", feed=yaml.safe_dump(kind), namespace="default")
    published = {
        "openid-configuration": json.dumps({"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks.json"}),
        "jwks.json": json.dumps({"keys": [key.as_dict(private=False) for key in issuer.keys]}),
    }
    apply(
        named("Secret", "certificate", {"server.pem": certificate.read_text()}),
        named("ConfigMap", "published", published),
        *yaml.safe_load_all((HERE / "backing.yaml").read_text()),
        namespace=BACKING,
    )
    host = f"mongo.mongo.{BACKING}.svc.cluster.local:27017"
    apply(
        named("Secret", "authority", {"ca.crt": authority.read_text()}),
        named("Secret", "kafka", {"username": "lofte", "password": "hemligt"}),
        named("Secret", "mongo", {"uri": f"mongodb://{host}/?replicaSet=lofte&tls=true"}),
        named("Secret", "master-key", {"master-key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}),
        named("ConfigMap", "caller", {"caller.py": (HERE / "caller.py").read_text(encoding="utf-8")}),
    )
    kubectl("wait", "--for=condition=Ready", "pod", "--all", "--timeout=120s", namespace=BACKING)
    begin = (
        "import pymongo; c = pymongo.MongoClient('%s', directConnection=True, tls=True, tlsCAFile='/ca/ca.crt');"
        "c.admin.command('replSetInitiate', {'_id': 'lofte', 'members': [{'_id': 0, 'host': '%s'}]})"
    )
    run_pod("initiate", issuer, "-c", begin % (host, host))
    config = helm_python.Config(namespace=NAMESPACE)
    yield config
    for name in (NAMESPACE, BACKING):
        kubectl("delete", "namespace", name, "--wait=false", namespace="default")


def start_pod(name: str, issuer: TinyIssuer, *arguments: str) -> None:
    """A pod of the image that runs Python; `-c CODE`, or the caller's arguments."""
    told = list(arguments) if arguments[0] == "-c" else ["/caller/caller.py", *arguments]
    tokens = {
        "GUIDE": issuer.token("guide"),
        "HANDLER": issuer.token("handler", department="building"),
        "RELEASE": RELEASE,
    }
    container = {
        "name": name,
        "image": f"{IMAGE}:1",
        "imagePullPolicy": "IfNotPresent",
        "command": ["/opt/lofte/bin/python", *told],
        "env": [{"name": key, "value": value} for key, value in tokens.items()],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": "caller", "mountPath": "/caller"}, {"name": "ca", "mountPath": "/ca"}],
    }
    spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [
            {"name": "caller", "configMap": {"name": "caller"}},
            {"name": "ca", "secret": {"secretName": "authority"}},
        ],
    }
    apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})


def end_of_pod(name: str) -> Any:
    """What it printed last, as JSON where it is; it has to have ended well."""
    end = time.monotonic() + 240
    while (phase := kubectl("get", "pod", name, "-o", "jsonpath={.status.phase}")) not in (
        "Succeeded",
        "Failed",
    ):
        assert time.monotonic() < end, f"{name}: {phase}"
        time.sleep(0.5)
    said = kubectl("logs", name)
    kubectl("delete", "pod", name, "--wait=false")
    assert phase == "Succeeded", said[-2000:]
    lines = said.strip().splitlines()
    return json.loads(lines[-1]) if lines else None


def run_pod(name: str, issuer: TinyIssuer, *arguments: str) -> Any:
    start_pod(name, issuer, *arguments)
    return end_of_pod(name)


def running(name: str) -> bool:
    return kubectl("get", "pod", name, "-o", "jsonpath={.status.phase}") == "Running"


def test_it_installs_and_says_that_it_is_ready(helm: helm_python.Config) -> None:
    began = time.monotonic()
    helm.install(str(CHART), RELEASE, values("1"), timeout=300, wait="watcher")
    say(f"install until all ten pods are ready: {time.monotonic() - began:.0f} s")
    helm.test(RELEASE, timeout=60)
    pods = json.loads(kubectl("get", "pods", "-o", "json", "-l", "lofte/service"))["items"]
    assert len(pods) == 10
    status = kubectl("exec", pods[0]["metadata"]["name"], "--", "/opt/lofte/bin/python", "-c", PROBE)
    assert status.split() == ["10001", "NoNewPrivs:1", "Seccomp:2", "read-only"]


PROBE = """
import os
lines = dict(line.split(':', 1) for line in open('/proc/1/status'))
try: open('/opt/lofte/x', 'w'); told = 'writable'
except OSError: told = 'read-only'
print(os.getuid(), 'NoNewPrivs:' + lines['NoNewPrivs'].strip(), 'Seccomp:' + lines['Seccomp'].strip(), told)
"""


def test_the_main_job_passes_inside(helm: helm_python.Config, issuer: TinyIssuer) -> None:
    found = run_pod("job", issuer, "job")
    assert (found["owner"], found["promise"]) == ("department.building", "open")
    assert found["due_at"]
    COUNTED["contacts"] += 1
    say(f"one contact, until routed, promised, listed and counted: {found['seconds']} s")


@pytest.mark.parametrize("how", ["upgrade", "rollback"])
def test_a_rollout_under_load_refuses_nobody(helm: helm_python.Config, issuer: TinyIssuer, how: str) -> None:
    before = pod_names()
    start_pod(how, issuer, "load", "75")
    wait_until(lambda: running(how), 60)
    began = time.monotonic()
    if how == "upgrade":
        helm.upgrade(str(CHART), RELEASE, values("2"), timeout=300, wait="watcher")
    else:
        helm.rollback(RELEASE, timeout=300, wait="watcher")
    took = time.monotonic() - began
    found = end_of_pod(how)
    assert not pod_names() & before
    tags = kubectl("get", "deployments", "-o", "jsonpath={.items[*].spec.template.spec.containers[0].image}")
    assert set(tags.split()) == {f"{IMAGE}:{2 if how == 'upgrade' else 1}"}
    assert found["told"] == {"201": found["accepted"]}, found
    COUNTED["contacts"] += found["accepted"]
    say(
        f"{how} of ten pods in {took:.0f} s: {found['accepted']} requests, 0 refused, slowest {found['slowest']} s"
    )
    assert run_pod("count", issuer, "check", str(COUNTED["contacts"]))["contacts"] == COUNTED["contacts"]


def test_pods_killed_in_mid_traffic_lose_and_double_nothing(
    helm: helm_python.Config, issuer: TinyIssuer
) -> None:
    start_pod("insist", issuer, "insist", "30")
    wait_until(lambda: running("insist"), 60)
    time.sleep(5)
    for service in ("intake", "routing", "casework", "callback", "metrics"):
        kill_one(service)
    found = end_of_pod("insist")
    assert found["accepted"] == found["distinct"]
    COUNTED["contacts"] += found["accepted"]
    counted = run_pod("count", issuer, "check", str(COUNTED["contacts"]))
    assert counted["contacts"] == COUNTED["contacts"]
    say(
        f"one process of each service killed: {found['accepted']} accepted, outcomes {found['told']},"
        f" all counted once {counted['seconds'] - 3:.1f} s after the traffic"
    )


def test_a_wrong_file_stops_an_upgrade_before_it_changes_anything(helm: helm_python.Config) -> None:
    before = pod_names()
    wrong = values("2")
    wrong["municipalities"]["files"]["0581.yaml"] = 'code: "0581"\nname: halv\n'
    with pytest.raises(helm_python.HelmError):
        helm.upgrade(str(CHART), RELEASE, wrong, timeout=25, wait="watcher")
    assert pod_names() == before


def pod_names() -> set[str]:
    found = kubectl("get", "pods", "-l", "lofte/service", "-o", "jsonpath={.items[*].metadata.name}")
    return set(found.split())


def kill_one(service: str) -> None:
    """SIGKILL to the process of one pod: by its id where the node is ours, else by deleting the pod at once."""
    pod = kubectl("get", "pods", "-l", f"lofte/service={service}", "-o", "jsonpath={.items[0].metadata.name}")
    node = os.environ.get("LOFTE_NODE")
    if not node:
        kubectl("delete", "pod", pod, "--grace-period=0", "--force")
        return
    status = "jsonpath={.status.containerStatuses[0].containerID}"
    container = kubectl("get", "pod", pod, "-o", status).removeprefix("containerd://")
    command = ["ctr", "--address", f"{node}/containerd.sock", "-n", "k8s.io", "tasks", "ls"]
    tasks = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    pid = next(int(line.split()[1]) for line in tasks.splitlines() if line.startswith(container))
    os.kill(pid, signal.SIGKILL)


def wait_until(question: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < end, "not in time"
        threading.Event().wait(0.3)


def test_what_was_seen_is_told(helm: helm_python.Config) -> None:
    path = os.environ.get("LOFTE_CLUSTER_REPORT")
    if path:
        Path(path).write_text("".join(f"- {line}\n" for line in SAID), encoding="utf-8")
    assert len(SAID) == 5
