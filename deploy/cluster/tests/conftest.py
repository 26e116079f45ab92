"""What a release needs around it, in two namespaces: one under the restricted standard, one for Kafka and the like."""

import json
from collections.abc import Iterator
from typing import Any

import helm_python
import pytest
import yaml
from chassis.testing.certificates import make_certificates
from chassis.testing.issuer import TinyIssuer

from deploy.cluster.tests.kube import (
    BACKING,
    IMAGE,
    NAMESPACE,
    RELEASE,
    RESTRICTED,
    TREE,
    apply,
    drop_namespace,
    end_of_pod,
    kubectl,
    make_namespace,
    named,
    start_pod,
)

HERE = TREE / "deploy/cluster/tests"
ISSUER = f"https://issuer.{BACKING}.svc.cluster.local:8443"
MONGO = f"mongo.mongo.{BACKING}.svc.cluster.local:27017"
FILE = (TREE / "deploy/municipalities/0581.yaml").read_text(encoding="utf-8")


def values(tag: str = "1", file: str = FILE, **more: Any) -> dict[str, Any]:
    """Values of the release under test."""
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
        "municipalities": {"files": {"0581.yaml": file}},
        **more,
    }


@pytest.fixture(scope="session")
def callers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The surroundings are up; the environment of a pod that calls the services."""
    issuer = TinyIssuer()
    issuer.url = ISSUER
    hosts = [f"{name}.{BACKING}.svc.cluster.local" for name in ("kafka", "issuer", "mongo", "mongo.mongo")]
    authority, certificate = make_certificates(tmp_path_factory.mktemp("tls"), *hosts)
    make_namespace(BACKING, {})
    make_namespace(NAMESPACE, RESTRICTED)
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
    apply(
        named("Secret", "authority", {"ca.crt": authority.read_text()}),
        named("Secret", "kafka", {"username": "lofte", "password": "hemligt"}),
        named("Secret", "mongo", {"uri": f"mongodb://{MONGO}/?replicaSet=lofte&tls=true"}),
        named("Secret", "master-key", {"master-key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}),
        named("ConfigMap", "caller", {"caller.py": (HERE / "caller.py").read_text(encoding="utf-8")}),
    )
    kubectl("wait", "--for=condition=Ready", "pod", "--all", "--timeout=600s", namespace=BACKING)
    initiate = (
        f"import pymongo; c = pymongo.MongoClient('{MONGO}', directConnection=True, tls=True, tlsCAFile='/ca/ca.crt');"
        f"c.admin.command('replSetInitiate', {{'_id': 'lofte', 'members': [{{'_id': 0, 'host': '{MONGO}'}}]}})"
    )
    start_pod("initiate", {}, "-c", initiate)
    end_of_pod("initiate")
    yield {
        "GUIDE": issuer.token("guide", exp=FAR),
        "HANDLER": issuer.token("handler", department="building", exp=FAR),
        "RELEASE": RELEASE,
    }
    drop_namespace(NAMESPACE)
    drop_namespace(BACKING)


FAR = 4102444800  # 2100-01-01: the tests may take long


@pytest.fixture(scope="session")
def helm(callers: dict[str, str]) -> helm_python.Config:
    """Helm's own engine, in the namespace of the release."""
    return helm_python.Config(namespace=NAMESPACE)
