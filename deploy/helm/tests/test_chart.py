"""The chart, rendered by Helm's own engine and held against Kubernetes' schemas and our policy: no cluster needed."""

import importlib
import importlib.util
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import helm_python
import kubernetes_validate
import pytest
from callback.settings import CallbackSettings
from chassis.settings import ROLES, ServiceSettings
from intake.settings import IntakeSettings
from lofte_local.settings import SERVICES

from deploy.helm.tests.matrix import CASES, CHART, Manifest, given, render

TREE = CHART.parents[2]


@cache
def rendered(case: str) -> list[Manifest]:
    return render(CASES[case])


def of_kind(kind: str, case: str) -> dict[str, Manifest]:
    return {found["metadata"]["name"]: found for found in rendered(case) if found["kind"] == kind}


def pod_specs(case: str) -> Iterator[tuple[str, Manifest]]:
    for found in rendered(case):
        match found["kind"]:
            case "Deployment" | "Job":
                yield found["metadata"]["name"], found["spec"]["template"]["spec"]
            case "Pod":
                yield found["metadata"]["name"], found["spec"]


def containers(spec: Manifest) -> list[Manifest]:
    return [*spec.get("initContainers", []), *spec["containers"]]


def environment(container: Manifest) -> dict[str, Any]:
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container.get("env", [])}


@pytest.mark.parametrize("case", CASES)
def test_lint_finds_nothing(case: str) -> None:
    report = helm_python.lint(CHART, CASES[case], strict=True)
    assert report["errors"] == []
    assert [m for m in report["messages"] if m["severity"] > 1] == []


@pytest.mark.parametrize("version", ["1.31", "1.34", "1.37"])
@pytest.mark.parametrize("case", CASES)
def test_every_object_is_one_that_kubernetes_knows(case: str, version: str) -> None:
    checked = [found for found in rendered(case) if "coreos" not in found["apiVersion"]]
    assert len(checked) >= 13
    for document in checked:
        kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("case", CASES)
def test_the_restricted_pod_security_standard_holds_for_every_pod(case: str) -> None:
    specs = dict(pod_specs(case))
    assert len(specs) >= 7
    for name, spec in specs.items():
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), name
        assert {next(iter(v.keys() - {"name"})) for v in spec.get("volumes", [])} <= {
            "emptyDir",
            "configMap",
            "projected",
        }
        for container in containers(spec):
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False
            assert security["readOnlyRootFilesystem"] is True
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert {"requests", "limits"} <= container["resources"].keys() or case == "split"
            assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("case", CASES)
def test_a_rollout_and_an_eviction_refuse_nobody(case: str) -> None:
    deployments = of_kind("Deployment", case)
    assert {f"lofte-{service}" for service in SERVICES} <= deployments.keys()
    for name, found in deployments.items():
        spec = found["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        assert found["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
        pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert spec["terminationGracePeriodSeconds"] > pause + 10
        starting = container["startupProbe"]
        assert starting["httpGet"]["path"] == "/health/live"
        # Ten pods that started at once on a node with nothing to spare took more than two minutes.
        assert starting["periodSeconds"] * starting["failureThreshold"] >= 600
        assert container["livenessProbe"]["httpGet"]["path"] == "/health/live"
        assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"
        assert found["spec"]["selector"]["matchLabels"].items() <= (
            found["spec"]["template"]["metadata"]["labels"].items()
        )
        if case != "plain":
            assert of_kind("PodDisruptionBudget", case)[name]["spec"]["maxUnavailable"] == 1
    for service in of_kind("Service", case).values():
        chosen = [
            name
            for name, found in deployments.items()
            if service["spec"]["selector"].items() <= found["spec"]["template"]["metadata"]["labels"].items()
        ]
        assert chosen == [service["metadata"]["name"]]


@pytest.mark.parametrize("case", CASES)
def test_every_variable_is_one_that_the_services_read(case: str) -> None:
    known = {
        f"LOFTE_{name.upper()}"
        for settings in (ServiceSettings, IntakeSettings, CallbackSettings)
        for name in settings.model_fields
    }
    for name, spec in pod_specs(case):
        for container in containers(spec):
            told = environment(container)
            assert {variable for variable in told if variable.startswith("LOFTE_")} <= known, name
            if container["name"] in SERVICES:
                assert told["LOFTE_ENVIRONMENT"] == "production"
                assert told["LOFTE_DATABASE"] == f"lofte_{container['name']}"
            assert not {"LOFTE_CLOCK", "LOFTE_CLOCK_ANCHOR", "LOFTE_CRASH_AT"} & told.keys()


@pytest.mark.parametrize("service", SERVICES)
def test_the_master_key_goes_to_whom_it_is_required_by(service: str) -> None:
    specification = importlib.import_module(f"{service}.settings")
    kind = next(k for n, k in vars(specification).items() if n == f"{service.title()}Settings")
    (container,) = of_kind("Deployment", "least")[f"lofte-{service}"]["spec"]["template"]["spec"][
        "containers"
    ]
    assert ("LOFTE_MASTER_KEY" in environment(container)) is kind.model_fields["master_key"].is_required()


@pytest.mark.parametrize("case", CASES)
def test_no_secret_is_in_clear(case: str) -> None:
    assert of_kind("Secret", case) == {}
    for _, spec in pod_specs(case):
        for container in containers(spec):
            for name, value in environment(container).items():
                if re.search("PASSWORD|USERNAME|MASTER_KEY|MONGO$", name):
                    assert list(value) == ["secretKeyRef"], name


def test_the_hook_makes_topics_and_then_the_indexes_of_every_service() -> None:
    job = of_kind("Job", "least")["lofte-prepare"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    commands = [container["args"] for container in containers(job["spec"]["template"]["spec"])]
    assert commands[0] == ["chassis.topics"]
    assert sorted(commands[1:]) == sorted([service, "prepare"] for service in SERVICES)
    # What no patience helps ends it at once; what is away now is asked for again.
    (rule,) = job["spec"]["podFailurePolicy"]["rules"]
    assert rule == {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [2]}}
    assert job["spec"]["backoffLimit"] == 3
    # It runs before anything else is there: what it stands on is a hook too, and an earlier one.
    for volume in job["spec"]["template"]["spec"]["volumes"]:
        if "configMap" in volume:
            found = of_kind("ConfigMap", "least")[volume["configMap"]["name"]]
            assert int(found["metadata"]["annotations"]["helm.sh/hook-weight"]) < 0


def test_a_split_service_has_its_roles_in_several_deployments() -> None:
    told = {
        name: environment(found["spec"]["template"]["spec"]["containers"][0])["LOFTE_ROLES"]
        for name, found in of_kind("Deployment", "split").items()
        if "callback" in name
    }
    assert told == {
        "lofte-callback": "api,consumer",
        "lofte-callback-timers": "timers",
        "lofte-callback-relay": "relay",
        "lofte-callback-webhooks": "webhooks",
        "lofte-callback-notices": "notices",
    }


def test_notices_go_out_by_what_is_told_and_callback_alone_is_told_it() -> None:
    told = {
        name: environment(found["spec"]["template"]["spec"]["containers"][0])
        for name, found in of_kind("Deployment", "everything").items()
    }
    ways = {"LOFTE_SMTP_PASSWORD", "LOFTE_SMS_AUTHORIZATION", "LOFTE_NOTICE_SECRET", "LOFTE_REACH_CLIENTS"}
    assert {name for name, variables in told.items() if ways & variables.keys()} == {"lofte-callback"}
    callback = told["lofte-callback"]
    assert ways <= callback.keys()
    assert callback["LOFTE_INTAKE"] == "http://lofte-intake"
    assert json.loads(callback["LOFTE_SMS_FIELDS"]) == {"to": "$to", "message": "$text"}
    assert (callback["LOFTE_SMTP_PORT"], callback["LOFTE_SMS_FORM"]) == ("465", "false")


def test_the_autoscaler_owns_the_number_of_pods() -> None:
    assert len(of_kind("HorizontalPodAutoscaler", "everything")) == len(SERVICES)
    assert all("replicas" not in found["spec"] for found in of_kind("Deployment", "everything").values())


def test_out_goes_only_what_has_to() -> None:
    policy = of_kind("NetworkPolicy", "everything")["lofte"]["spec"]
    names, servers, intake = policy["egress"]
    assert intake["to"][0]["podSelector"]["matchLabels"]["lofte/service"] == "intake"
    assert {port["port"] for port in names["ports"]} == {53}
    assert {port["port"] for port in servers["ports"]} == {
        9093,
        27017,
        8443,
        443,
        465,
    }  # 443: receivers of webhooks, 465: the mail server
    assert servers["to"] == [{"ipBlock": {"cidr": "10.0.0.0/8"}}]
    assert len(policy["ingress"][0]["from"]) == 2


def test_another_file_is_another_pod() -> None:
    def checksum(values: dict[str, Any]) -> str:
        found = next(d for d in render(values) if d["kind"] == "Deployment")
        return str(found["spec"]["template"]["metadata"]["annotations"]["checksum/municipalities"])

    changed = given(municipalities={"files": {"0581.yaml": 'code: "0581"\nname: Norrköping\n'}})
    assert checksum(changed) != checksum(CASES["least"])


def test_the_ingress_leads_to_every_path_of_the_apis_and_to_no_other() -> None:
    (ingress,) = of_kind("Ingress", "everything").values()
    (rule,) = ingress["spec"]["rules"]
    leads = {path["path"]: path["backend"]["service"]["name"] for path in rule["http"]["paths"]}
    documented = (TREE / "docs" / "access.md").read_text(encoding="utf-8")
    first = {f"/{part}" for part in re.findall(r"`(?:GET|POST|PUT|PATCH|DELETE) /([a-z-]+)", documented)}
    assert leads.keys() == first - {"/health", "/held", "/openapi"}
    assert set(leads.values()) == {f"lofte-{service}" for service in SERVICES}


def test_alerts_ask_for_figures_that_there_are() -> None:
    (rule,) = of_kind("PrometheusRule", "everything").values()
    sources = "".join(
        path.read_text(encoding="utf-8")
        for path in (
            TREE / "libs/chassis/chassis/telemetry.py",
            TREE / "services/callback/callback/main.py",
        )
    )
    asked = {
        name
        for alert in rule["spec"]["groups"][0]["rules"]
        for name in re.findall(r"\b(lofte_[a-z_]+)\{", alert["expr"])
    }
    assert len(asked) == len(rule["spec"]["groups"][0]["rules"])
    for name in asked:
        assert f'"{name.removesuffix("_bucket")}"' in sources, name


def test_the_schema_knows_the_roles_that_there_are() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    roles = schema["properties"]["services"]["properties"]["intake"]["properties"]["roles"]["items"]["enum"]
    assert roles == list(ROLES)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no image": ({"image": {"repository": ""}}, "image.repository: missing; the place you pushed"),
    "no issuer": ({"oidc": {"issuer": ""}}, "oidc.issuer: missing; the URL"),
    "an issuer in clear": ({"oidc": {"issuer": "http://login.example.se"}}, "/oidc/issuer': .*https"),
    "no brokers": ({"kafka": {"bootstrap": ""}}, "kafka.bootstrap: missing; host:port"),
    "a broker without a port": ({"kafka": {"bootstrap": "kafka"}}, "/kafka/bootstrap': "),
    "SASL without a secret": (
        {"kafka": {"existingSecret": ""}},
        "kafka.existingSecret: missing; SASL_SSL needs",
    ),
    "no database": ({"mongo": {"existingSecret": ""}}, "mongo.existingSecret: missing; make a Secret"),
    "no master key": (
        {"masterKey": {"existingSecret": ""}},
        "masterKey.existingSecret: missing; make one: kubectl",
    ),
    "a password in clear": (
        {"kafka": {"password": "x"}},
        "/kafka': additional properties 'password' not allowed",
    ),
    "a URI in clear": (
        {"mongo": {"uri": "mongodb://u:p@m"}},
        "/mongo': additional properties 'uri' not allowed",
    ),
    "a master key in clear": ({"masterKey": {"value": "x"}}, "/masterKey': additional properties 'value'"),
    "a key as a variable": (
        {"extraEnv": {"LOFTE_MASTER_KEY": "x"}},
        "extraEnv.LOFTE_MASTER_KEY: variables of the services are set by",
    ),
    "development": (
        {"extraEnv": {"LOFTE_ENVIRONMENT": "development"}},
        "extraEnv.LOFTE_ENVIRONMENT: variables of",
    ),
    "a development issuer": ({"oidc": {"development": True}}, "/oidc': additional properties 'development'"),
    "no municipality": ({"municipalities": {"files": {"0581.yaml": None}}}, "municipalities: no file"),
    "a file that is none": (
        {"municipalities": {"files": {"0581.yaml": "hej"}}},
        "municipalities.files.0581.yaml: says no code",
    ),
    "a file name that is no code": ({"municipalities": {"files": {"town.yaml": "x"}}}, "town.yaml"),
    "a role that is none": ({"services": {"intake": {"roles": ["cook"]}}}, "/services/intake/roles/0"),
    "a role that nobody has": (
        {"services": {"routing": {"roles": ["api", "consumer", "timers"]}}},
        "services.routing: no deployment has the role relay; add it",
    ),
    "too short a grace": (
        {"preStopSeconds": 20, "terminationGracePeriodSeconds": 30},
        "terminationGracePeriodSeconds: must be more than",
    ),
    "an ingress without a certificate": (
        {"ingress": {"enabled": True, "host": "a.example.se"}},
        "ingress.tlsSecret: missing; tokens go over it",
    ),
    "an unknown name": ({"replicas": 3}, "additional properties 'replicas' not allowed"),
}


@pytest.mark.parametrize(("more", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_is_refused_in_a_sentence(more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(helm_python.HelmError) as refused:
        render(given(**more))
    assert re.search(sentence, str(refused.value)), str(refused.value)


def test_the_readme_is_made_of_the_values() -> None:
    specification = importlib.util.spec_from_file_location("readme", CHART.parent / "readme.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    assert (CHART / "README.md").read_text(encoding="utf-8") == module.readme(), "run deploy/helm/readme.py"
    assert "|  |" not in module.readme(), "a value without a comment"
