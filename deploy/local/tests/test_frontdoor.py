"""The front door serves the issuer's documents, to this machine alone, and no script."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from lofte_local import frontdoor
from lofte_local.paths import CLONE
from lofte_local.settings import StackSettings
from lofte_local.stack import Stack

TEMPLATES = sorted((CLONE / "deploy" / "local" / "lofte_local" / "templates").iterdir())
BASE_PORT = 18_080  # nothing listens there or beside it: only the application itself is asked


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient[Litestar]]:
    stack = Stack(tmp_path, StackSettings(name="lofte", base_port=BASE_PORT))
    with TestClient(frontdoor.build(stack), base_url=stack.url) as client:
        yield client


def test_the_configuration_leads_to_the_public_key(client: TestClient[Litestar]) -> None:
    configuration = client.get("/.well-known/openid-configuration").json()
    assert configuration["issuer"] == f"http://127.0.0.1:{BASE_PORT}"
    keys = client.get(configuration["jwks_uri"]).json()["keys"]
    assert [(key["kty"], key["crv"], key["alg"], "d" in key) for key in keys] == [
        ("EC", "P-256", "ES256", False)
    ]


def test_another_name_for_this_machine_is_refused(client: TestClient[Litestar]) -> None:
    assert client.get("/health").status_code == 200
    assert client.get("/health", headers={"Host": f"evil.example:{BASE_PORT}"}).status_code == 400


def test_pages_say_what_is_away_and_may_run_nothing(client: TestClient[Litestar]) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert page.text.count(">away<") == 6  # five services and Kafka
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
    assert client.get("/api/intake").text.count("does not answer") == 1
    assert "cannot be read" in client.get("/cases/0199").text
    assert client.get("/api/nobody").status_code == 404


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.name))
def test_nothing_comes_from_outside(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "//" not in text.replace("://", "")
    assert 'src="' not in text
    assert "https" not in text
