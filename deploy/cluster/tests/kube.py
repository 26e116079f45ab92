"""What the cluster's tests do with a cluster: kubectl, pods of the image that run Python, and a process that is killed."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

TREE = Path(__file__).parents[3]
CHART = TREE / "deploy/helm/lofte"
RELEASE, NAMESPACE, BACKING = "lofte", "lofte-test", "backing"
RESTRICTED = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/warn": "restricted",
}
IMAGE = os.environ.get("LOFTE_IMAGE", "local.test/lofte")
NODE = os.environ.get("LOFTE_NODE")
"""The folder of the node, where it is one of our own."""

PYTHON = "/opt/lofte/bin/python"
_STOP = "/tmp/stop"


def kubectl(*arguments: str, feed: str | None = None, namespace: str = NAMESPACE) -> str:
    """What kubectl prints; it has to end well."""
    command = ["kubectl", "-n", namespace, *arguments]
    done = subprocess.run(command, input=feed, capture_output=True, text=True, timeout=700)
    assert done.returncode == 0, f"{' '.join(arguments)}: {done.stderr[-2000:]}"
    return done.stdout


def apply(*documents: dict[str, Any], namespace: str = NAMESPACE) -> None:
    kubectl("apply", "-f", "-", feed=yaml.safe_dump_all(documents), namespace=namespace)


def make_namespace(name: str, labels: dict[str, str]) -> None:
    told = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    apply(told, namespace="default")


def drop_namespace(name: str) -> None:
    kubectl("delete", "namespace", name, "--wait=false", namespace="default")


def named(kind: str, name: str, data: dict[str, str]) -> dict[str, Any]:
    """A Secret or a ConfigMap."""
    field = "stringData" if kind == "Secret" else "data"
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, field: data}


def wait_until(question: Callable[[], Any], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.3)


def start_pod(name: str, variables: dict[str, str], *arguments: str) -> None:
    """A pod of the image that runs Python, and is running: `-c CODE`, or the caller's arguments."""
    told = list(arguments) if arguments[0] == "-c" else ["/caller/caller.py", *arguments]
    container = {
        "name": name,
        "image": f"{IMAGE}:1",
        "imagePullPolicy": "IfNotPresent",
        "command": [PYTHON, *told],
        "resources": {"requests": {"cpu": "50m"}},
        "env": [{"name": key, "value": value} for key, value in variables.items()],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [
            {"name": "caller", "mountPath": "/caller"},
            {"name": "ca", "mountPath": "/ca"},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }
    spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [
            {"name": "caller", "configMap": {"name": "caller"}},
            {"name": "ca", "secret": {"secretName": "authority"}},
            {"name": "tmp", "emptyDir": {}},
        ],
    }
    apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
    wait_until(lambda: phase_of(name) not in ("", "Pending"), 120)


def phase_of(name: str) -> str:
    return kubectl("get", "pod", name, "-o", "jsonpath={.status.phase}")


def stop_pod(name: str) -> Any:
    """Tell a caller that it is enough; what it saw."""
    kubectl("exec", name, "--", PYTHON, "-c", f"open({_STOP!r}, 'w').close()")
    return end_of_pod(name)


def end_of_pod(name: str) -> Any:
    """What it printed last, as JSON where it is; it has to have ended well."""
    wait_until(lambda: phase_of(name) in ("Succeeded", "Failed"), 240)
    phase, said = phase_of(name), kubectl("logs", name)
    kubectl("delete", "pod", name)
    assert phase == "Succeeded", said[-2000:]
    lines = said.strip().splitlines()
    return json.loads(lines[-1]) if lines else None


def service_pods(service: str | None = None) -> dict[str, int]:
    """Name of each pod of the services, or of one, and how often its process was started again."""
    chosen = f"lofte/service={service}" if service else "lofte/service"
    found = json.loads(kubectl("get", "pods", "-l", chosen, "-o", "json"))["items"]
    return {
        pod["metadata"]["name"]: sum(c["restartCount"] for c in pod["status"].get("containerStatuses", []))
        for pod in found
    }


def kill_process(pod: str) -> None:
    """SIGKILL to the process of a pod on our own node: its container is started again, in the same pod."""
    status = "jsonpath={.status.containerStatuses[0].containerID}"
    container = kubectl("get", "pod", pod, "-o", status).removeprefix("containerd://")
    command = ["ctr", "--address", f"{NODE}/containerd.sock", "-n", "k8s.io", "tasks", "ls"]
    tasks = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    pid = next(int(line.split()[1]) for line in tasks.splitlines() if line.startswith(container))
    os.kill(pid, signal.SIGKILL)


def delete_pod(pod: str) -> None:
    """Taken away at once, without a chance to end in order: another pod takes its place."""
    kubectl("delete", "pod", pod, "--grace-period=0", "--force")
