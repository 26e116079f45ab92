"""The values that the chart is rendered with, and what it makes of them, by Helm's own engine."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python
import yaml

CHART = Path(__file__).parents[1] / "lofte"
Manifest = dict[str, Any]

GIVEN: dict[str, Any] = {
    "image": {"repository": "registry.example.se/lofte"},
    "oidc": {"issuer": "https://login.example.se/realms/kommun"},
    "kafka": {"bootstrap": "kafka-1.example.se:9093,kafka-2.example.se:9093", "existingSecret": "kafka"},
    "mongo": {"existingSecret": "mongo"},
    "masterKey": {"existingSecret": "master-key"},
    "municipalities": {"files": {"0581.yaml": 'code: "0581"\n'}},
}


def given(**more: Any) -> dict[str, Any]:
    """Values that are enough, with others laid over them; None takes one away."""
    return _laid_over(copy.deepcopy(GIVEN), more)


def _laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    for name, value in above.items():
        if value is None:
            del below[name]
        elif isinstance(value, dict) and isinstance(below.get(name), dict):
            below[name] = _laid_over(below[name], value)
        else:
            below[name] = value
    return below


CAS = {"ca": {"existingSecret": "authorities", "key": "ca.pem"}}
CASES: dict[str, dict[str, Any]] = {
    "least": given(),
    "everything": given(
        image={"digest": "sha256:" + "0" * 64, "pullSecrets": ["pull"], "pullPolicy": "Always"},
        kafka=CAS,
        mongo=CAS,
        oidc=CAS | {"issuer": "https://login.example.se:8443/"},
        autoscaling={"enabled": True},
        ingress={"enabled": True, "host": "lofte.example.se", "tlsSecret": "tls", "className": "nginx"},
        monitoring={"podMonitor": True, "rules": True, "labels": {"release": "prometheus"}},
        networkPolicy={
            "ingressFrom": [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}],
            "egressTo": [{"ipBlock": {"cidr": "10.0.0.0/8"}}],
        },
        nodeSelector={"kubernetes.io/arch": "amd64"},
        tolerations=[{"key": "a", "operator": "Exists"}],
        podAnnotations={"a": "b"},
        extraEnv={"TZ": "Europe/Stockholm"},
        notices={
            "smtp": {"host": "mail.example.se", "port": 465, "tls": "tls", "existingSecret": "mail"},
            "sms": {"url": "https://sms.example.se/send", "existingSecret": "sms"},
            "signing": {"existingSecret": "signing"},
            "reach": {"existingSecret": "reach"},
        },
    ),
    "split": given(
        services={
            "callback": {
                "roles": ["api", "consumer"],
                "extra": {
                    "timers": {"roles": ["timers"]},
                    "webhooks": {"roles": ["webhooks"]},
                    "notices": {"roles": ["notices"]},
                    "relay": {"roles": ["relay"], "replicas": 2, "resources": {"limits": {"memory": "1Gi"}}},
                },
            }
        }
    ),
    "plain": given(
        kafka={"security": "PLAINTEXT", "existingSecret": ""},
        networkPolicy={"enabled": False},
        podDisruptionBudget={"enabled": False},
        municipalities={"files": {"0581.yaml": None}, "existingConfigMap": "own"},
    ),
}


def render(values: dict[str, Any], name: str = "lofte") -> list[Manifest]:
    """Every object of a release, hooks and tests too."""
    with helm_python.Chart.load(CHART) as chart:
        texts = chart.render(values, name=name, namespace="contact-centre").values()
    return [document for text in texts for document in _documents(text)]


def _documents(text: str) -> Iterator[Manifest]:
    if "kind:" in text:
        yield from (document for document in yaml.safe_load_all(text) if document)
