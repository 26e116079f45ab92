"""What only an API server knows of the chart's objects (KUBECONFIG): nothing runs, and no image is needed.

Defaults, rules across fields and admission are its own; schemas know nothing of them. `make cluster-test` begins here.
"""

import copy
import subprocess
from collections.abc import Iterator, Sequence

import helm_python
import pytest
import yaml

from deploy.cluster.tests.kube import CHART, RESTRICTED, drop_namespace, make_namespace
from deploy.helm.tests.matrix import CASES, Manifest, given, render

NAMESPACE = "lofte-api-test"
LONGEST_NAME = "kommunens-kontaktcenter-" + "x" * 29  # 53 characters: more Helm does not take

RELEASES = {case: render(values) for case, values in CASES.items()} | {
    "a release with the longest name": render(CASES["everything"], LONGEST_NAME)
}


@pytest.fixture(scope="module", autouse=True)
def namespace() -> Iterator[None]:
    make_namespace(NAMESPACE, RESTRICTED)
    yield
    drop_namespace(NAMESPACE)


def dry_run(documents: Sequence[Manifest]) -> tuple[int, list[str], str]:
    """Exit code, a line for each object that was taken, and what was warned of or refused."""
    done = subprocess.run(
        ["kubectl", "-n", NAMESPACE, "apply", "--dry-run=server", "--validate=strict", "-f", "-"],
        input=yaml.safe_dump_all(documents),
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout.splitlines(), done.stderr


@pytest.mark.parametrize("release", RELEASES)
def test_the_server_takes_every_object_and_warns_of_nothing(release: str) -> None:
    # The Prometheus operator's kinds are unknown to a bare server.
    documents = [found for found in RELEASES[release] if "coreos" not in found["apiVersion"]]
    code, taken, said = dry_run(documents)
    assert (code, said) == (0, "")
    assert len(taken) == len(documents) >= 13
    assert all(line.endswith("created (server dry run)") for line in taken)


@pytest.mark.parametrize("case", ["least", "everything"])
def test_helm_itself_would_install_it(case: str) -> None:
    values = given() if case == "least" else {**CASES[case], "monitoring": {}}
    release = helm_python.Config(namespace=NAMESPACE).install(str(CHART), "lofte", values, dry_run="server")
    assert release["status"] == "pending-install"


def deployment() -> Manifest:
    return copy.deepcopy(next(found for found in RELEASES["least"] if found["kind"] == "Deployment"))


def test_an_unknown_field_is_refused() -> None:
    changed = deployment()
    changed["spec"]["replica"] = 3
    code, taken, said = dry_run([changed])
    assert (code, taken) == (1, [])
    assert 'unknown field "spec.replica"' in said


def test_fields_that_contradict_each_other_are_refused() -> None:
    changed = deployment()
    changed["spec"]["strategy"]["rollingUpdate"] = {"maxSurge": 0, "maxUnavailable": 0}
    code, _, said = dry_run([changed])
    assert code == 1
    assert "may not be 0 when `maxSurge` is 0" in said


def test_a_pod_that_may_be_root_is_warned_of() -> None:
    changed = deployment()
    del changed["spec"]["template"]["spec"]["securityContext"]
    code, _, said = dry_run([changed])
    assert code == 0
    assert 'would violate PodSecurity "restricted' in said
