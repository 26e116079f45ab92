"""The image and the chart on a cluster (KUBECONFIG) that has or can fetch the images: `make cluster-test` starts one."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from deploy.cluster.tests.conftest import FILE, values
from deploy.cluster.tests.kube import (
    CHART,
    IMAGE,
    NODE,
    PYTHON,
    RELEASE,
    delete_pod,
    end_of_pod,
    kill_process,
    kubectl,
    service_pods,
    start_pod,
    stop_pod,
    wait_until,
)

SERVICES = ("intake", "routing", "casework", "callback", "metrics")
SAID: list[str] = []
COUNTED = {"contacts": 0}
PATIENCE = 600


def say(line: str) -> None:
    SAID.append(line)
    print(line)
    if path := os.environ.get("LOFTE_CLUSTER_REPORT"):
        Path(path).write_text("".join(f"- {line}\n" for line in SAID), encoding="utf-8")


def all_are_counted(callers: dict[str, str], found: Any) -> float:
    """Every contact that was ever accepted is in the figures, once, and its promise. Seconds until it was so."""
    assert found["accepted"] == found["distinct"]
    COUNTED["contacts"] += found["accepted"]
    start_pod("count", callers, "check", str(COUNTED["contacts"]))
    counted = end_of_pod("count")
    assert counted["counted"] == [COUNTED["contacts"]] * 2
    return float(counted["seconds"])


def test_it_installs_and_says_that_it_is_ready(helm: helm_python.Config) -> None:
    began = time.monotonic()
    helm.install(str(CHART), RELEASE, values(), timeout=PATIENCE, wait="watcher")
    say(f"topics, indexes, then all ten pods ready: {time.monotonic() - began:.0f} s")
    helm.test(RELEASE, timeout=120)
    assert len(service_pods()) == 10
    status = kubectl("exec", next(iter(service_pods())), "--", PYTHON, "-c", PROBE)
    assert status.split() == ["10001", "NoNewPrivs:1", "Seccomp:2", "read-only"]


PROBE = """
import os
lines = dict(line.split(':', 1) for line in open('/proc/1/status'))
try: open('/opt/lofte/x', 'w'); told = 'writable'
except OSError: told = 'read-only'
print(os.getuid(), 'NoNewPrivs:' + lines['NoNewPrivs'].strip(), 'Seccomp:' + lines['Seccomp'].strip(), told)
"""


def test_a_pod_that_is_not_restricted_is_refused(helm: helm_python.Config) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bare"}}
    pod["spec"] = {"containers": [{"name": "bare", "image": f"{IMAGE}:1"}]}
    with pytest.raises(AssertionError, match='violates PodSecurity "restricted'):
        kubectl("apply", "-f", "-", feed=yaml.safe_dump(pod))


def test_the_main_job_passes_inside(callers: dict[str, str]) -> None:
    start_pod("job", callers, "job")
    found = end_of_pod("job")
    assert (found["owner"], found["promise"]) == ("department.building", "open")
    assert found["due_at"]
    assert found["counted"] == [1, 1]
    COUNTED["contacts"] += 1
    say(f"one contact, until routed, promised, listed and counted: {found['seconds']} s")


@pytest.mark.parametrize("how", ["upgrade", "rollback"])
def test_a_rollout_under_load_refuses_nobody(
    helm: helm_python.Config, callers: dict[str, str], how: str
) -> None:
    before = service_pods()
    start_pod(how, callers, "load")
    began = time.monotonic()
    if how == "upgrade":
        helm.upgrade(str(CHART), RELEASE, values("2"), timeout=PATIENCE, wait="watcher")
    else:
        helm.rollback(RELEASE, timeout=PATIENCE, wait="watcher")
    wait_until(lambda: len(service_pods()) == 10, 120)  # the old ones have left
    took = time.monotonic() - began
    found = stop_pod(how)
    after = service_pods()
    assert not after.keys() & before.keys()
    assert set(after.values()) == {0}, "a new pod had to be started again"
    tags = kubectl("get", "deployments", "-o", "jsonpath={.items[*].spec.template.spec.containers[0].image}")
    assert set(tags.split()) == {f"{IMAGE}:{2 if how == 'upgrade' else 1}"}
    assert found["told"] == {"201": found["accepted"]}, found
    all_are_counted(callers, found)
    say(
        f"{how} of ten pods in {took:.0f} s: {found['accepted']} requests, 0 refused, slowest {found['slowest']} s"
    )


KILLS: dict[str, Callable[[str], None]] = {"pod deleted at once": delete_pod}
if NODE:
    KILLS["process killed"] = kill_process


@pytest.mark.parametrize("how", KILLS)
def test_a_kill_in_mid_traffic_loses_and_doubles_nothing(
    helm: helm_python.Config, callers: dict[str, str], how: str
) -> None:
    before = service_pods()
    start_pod("insist", callers, "insist")
    for service in SERVICES:
        time.sleep(3)  # traffic between the kills, not a wait for something
        KILLS[how](next(iter(service_pods(service))))
    wait_until(lambda: _as_many_as_before_and_ready(before), 180)
    found = stop_pod("insist")
    started_again = sum(service_pods().values()) - sum(before.values())
    replaced = len(service_pods().keys() - before.keys())
    assert (replaced, started_again) == ((5, 0) if how == "pod deleted at once" else (0, 5))
    seconds = all_are_counted(callers, found)
    say(
        f"one of each service, {how}: {found['accepted']} accepted, outcomes {found['told']}, all counted once"
        f" {seconds:.1f} s after the traffic"
    )


def _as_many_as_before_and_ready(before: dict[str, int]) -> bool:
    ready = kubectl("get", "deployments", "-o", "jsonpath={.items[*].status.readyReplicas}").split()
    return len(service_pods()) == len(before) and sum(map(int, ready)) == len(before)


WRONG: dict[str, tuple[str, str]] = {
    "a rule that leads nowhere": (
        FILE.replace("to: department.building", "to: department.nobody"),
        "to: is 'department.nobody', which owners does not have",
    ),
    "other promises under one version": (
        FILE.replace("working_days: 2", "working_days: 3", 1),
        "raise promises.version",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_file_is_refused_in_a_sentence_before_anything_changes(
    helm: helm_python.Config, wrong: str
) -> None:
    file, sentence = WRONG[wrong]
    assert file != FILE
    before = service_pods()
    began = time.monotonic()
    with pytest.raises(helm_python.HelmError, match="pre-upgrade hooks failed"):
        helm.upgrade(str(CHART), RELEASE, values("2", file), timeout=PATIENCE, wait="watcher")
    took = time.monotonic() - began
    said = kubectl("logs", "job/lofte-prepare", "--all-containers", "--ignore-errors")
    assert sentence in said
    assert service_pods() == before
    assert json.loads(kubectl("get", "job", "lofte-prepare", "-o", "json"))["status"]["failed"] == 1
    say(f"an upgrade with {wrong}: refused in {took:.0f} s, no pod changed")


BROKEN: dict[str, dict[str, Any]] = {
    "an image that is not there": values("missing"),
    "pods that never get ready": values(services={"metrics": {"resources": {"limits": {"memory": "24Mi"}}}}),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_an_atomic_upgrade_that_does_not_come_up_is_taken_back(
    helm: helm_python.Config, callers: dict[str, str], broken: str
) -> None:
    start_pod("broken", callers, "load")
    with pytest.raises(helm_python.HelmError):
        helm.upgrade(
            str(CHART), RELEASE, BROKEN[broken], timeout=90, wait="watcher", rollback_on_failure=True
        )
    wait_until(lambda: len(service_pods()) == 10, 240)
    found = stop_pod("broken")
    assert found["told"] == {"201": found["accepted"]}, found
    all_are_counted(callers, found)
    tags = kubectl("get", "deployments", "-o", "jsonpath={.items[*].spec.template.spec.containers[0].image}")
    assert set(tags.split()) == {f"{IMAGE}:1"}
    assert helm.status(RELEASE)["status"] == "deployed"
    say(f"an atomic upgrade to {broken}: taken back, {found['accepted']} requests meanwhile, 0 refused")
