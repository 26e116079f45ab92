"""The front door serves the issuer's documents, to this machine alone, and no script."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from litestar import Litestar
from litestar.testing import TestClient
from lofte_local import frontdoor
from lofte_local.issuer import client_secret
from lofte_local.pages import Pages
from lofte_local.paths import CLONE
from lofte_local.settings import SERVICES, StackSettings
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


def test_a_service_of_the_stack_gets_a_token_of_its_own(client: TestClient[Litestar], tmp_path: Path) -> None:
    endpoint = client.get("/.well-known/openid-configuration").json()["token_endpoint"]
    form = {"grant_type": "client_credentials"}
    secret = client_secret(tmp_path)
    told = client.post(endpoint, data=form, auth=("callback-0581", secret)).json()
    claims = jwt.decode(
        told["access_token"], KeySet.import_key_set(client.get("/jwks.json").json()), algorithms=["ES256"]
    ).claims
    assert (claims["role"], claims["municipality"], claims["sub"]) == ("system", "0581", "callback-0581")
    for nobody in (("callback-0581", "wrong"), ("admin-0581", secret), ("callback", secret)):
        assert client.post(endpoint, data=form, auth=nobody).status_code == 401
    assert client.post(endpoint, data=form).status_code == 401


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


def test_the_events_page_shows_every_message_with_its_fields_headers_and_examples(
    client: TestClient[Litestar],
) -> None:
    document = client.get("/asyncapi.json").json()
    page = client.get("/events").text
    for channel in document["channels"].values():
        assert f"<code>{channel['address']}</code>" in page
    for message in document["components"]["messages"].values():
        assert page.count(f'<h3 id="{message["name"]}">') == 1
    assert page.count("<code>ce_storedat?</code>") == page.count("<code>ce_sequence</code>") > 1
    assert page.count("<code>promise_number</code>") > 1
    assert page.count("Inside <code>sealed</code>") == 4  # two contracts, in two modes each
    assert "<code>citizen.phone?</code>" in page
    assert "<code>data.reported_at</code>" in page
    assert "<code>history.closed_at?</code>" in page
    assert "&#34;case_reference&#34;: &#34;3F4Y-F3H4&#34;" in page
    assert 'href="/events"' in client.get("/").text


@pytest.mark.parametrize("service", SERVICES)
def test_an_api_page_shows_all_that_its_document_tells(
    client: TestClient[Litestar], tmp_path: Path, service: str
) -> None:
    document = json.loads((CLONE / "docs" / "api" / f"{service}.openapi.json").read_text("utf-8"))
    pages = Pages(Stack(tmp_path, StackSettings(name="lofte", base_port=BASE_PORT)))
    page = pages.shown(service, "somewhere", document).content
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            part = page.partition(f'<h2 id="{operation["operationId"]}">')[2].partition("<h2")[0]
            assert f"{method.upper()} {path}" in part
            assert all(f"<strong>{status}</strong>" in part for status in operation["responses"])
            assert all(f"<code>{known['name']}</code>" in part for known in operation.get("parameters", ()))
            assert ("urn:lofte:problem:unauthenticated" in part) is (operation.get("security") != [])
            assert ("<h3>Body</h3>" in part) is ("requestBody" in operation)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.name))
def test_nothing_comes_from_outside(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "//" not in text.replace("://", "")
    assert 'src="' not in text
    assert "https" not in text
