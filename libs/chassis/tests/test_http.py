"""The app over its ASGI interface, with real tokens of a real issuer: who may ask, and what is answered."""

import json
from collections.abc import Callable

import httpx
import pytest
from chassis.http import allow
from chassis.http.app import api_document, make_app
from chassis.service import Parts, Runtime
from chassis.testing.issuer import TinyIssuer
from litestar import get

from .notes_api import ROUTES, SECRET, problem


@pytest.fixture
def spans(runtime: Runtime) -> Callable[[], str]:
    """What was appended since it was last asked."""
    file, read = runtime.settings.spans_file, 0
    assert file is not None

    def appended() -> str:
        nonlocal read
        text = file.read_text()
        new, read = text[read:], len(text)
        return new

    return appended


async def test_an_unknown_path_and_a_wrong_method_are_problems(client: httpx.AsyncClient) -> None:
    problem(await client.get("/nothing"), 404, "not-found")
    answer = await client.put("/notes", json={})
    problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "GET, POST, OPTIONS"


@pytest.mark.parametrize(
    ("how", "status", "slug", "retry"),
    [
        ("invalid", 422, "invalid-input", None),
        ("missing", 404, "not-found", None),
        ("early", 404, "not-yet-visible", "1"),
        ("rule", 409, "rule-violation", None),
        ("version", 412, "version-mismatch", None),
        ("key", 422, "key-reused", None),
        ("large", 413, "too-large", None),
        ("conflict", 409, "conflict", "1"),
        ("unknown", 503, "outcome-unknown", "1"),
        ("away", 503, "unavailable", "2"),
        ("bug", 500, "unexpected", None),
    ],
)
async def test_every_error_has_its_problem(
    client: httpx.AsyncClient, guide: dict[str, str], how: str, status: int, slug: str, retry: str | None
) -> None:
    answer = await client.get(f"/fail/{how}", headers=guide)
    body = problem(answer, status, slug)
    assert answer.headers.get("retry-after") == retry
    assert ("detail" in body) == (how != "bug")
    if how == "rule":
        assert (body["code"], body["handler"]) == ("taken", "person.a")


@pytest.mark.parametrize(
    "header", [None, "Bearer", "Bearer ", "Basic abc", "Bearer abc", "Bearer a.b.c"], ids=repr
)
async def test_without_a_valid_token_there_is_no_answer(
    client: httpx.AsyncClient, header: str | None
) -> None:
    answer = await client.get("/notes", headers={"Authorization": header} if header else {})
    problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_role_may_do_only_its_own(client: httpx.AsyncClient, issuer: TinyIssuer) -> None:
    answer = await client.post("/notes", json={"text": "a", "author": "b"}, headers=issuer.bearer("auditor"))
    assert "auditor" in problem(answer, 403, "not-allowed")["detail"]
    problem(await client.get("/of/2380", headers=issuer.bearer("guide", "0581")), 403, "not-allowed")
    assert (await client.get("/of/2380", headers=issuer.bearer("guide", "2380"))).text == "2380"


async def test_the_token_is_looked_at_before_the_body(client: httpx.AsyncClient) -> None:
    problem(await client.post("/notes", content=b"{"), 401, "unauthenticated")


def test_a_route_with_a_before_request_of_its_own_starts_no_service(runtime: Runtime) -> None:
    @get("/passing", before_request=lambda request: None, **allow("guide"))
    async def passing() -> None: ...

    with pytest.raises(ValueError, match="would pass the check of tokens by"):
        make_app(runtime, Parts(title="Passing", routes=[passing]))


def test_a_route_without_roles_starts_no_service(runtime: Runtime) -> None:
    @get("/open")
    async def opened() -> None: ...

    with pytest.raises(ValueError, match=r"/open: says no roles"):
        make_app(runtime, Parts(title="Open", routes=[opened]))
    with pytest.raises(ValueError, match="at least one role"):
        allow()


async def test_a_trace_goes_on_and_is_answered(
    client: httpx.AsyncClient, guide: dict[str, str], spans: Callable[[], str]
) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    spans()
    answer = await client.post(
        "/notes", json={"text": SECRET, "author": "b"}, headers=guide | {"traceparent": parent}
    )
    broken = await client.get(f"/nothing/{SECRET}", headers={"traceparent": "00-zz-zz-01"})
    traceparent = answer.headers["traceparent"]
    assert traceparent == answer.json()["traceparent"]
    assert traceparent.split("-")[1] == "0af7651916cd43dd8448eb211c80319c"
    assert len(broken.headers["traceparent"]) == 55
    text = spans()
    first, second = [json.loads(line) for line in text.splitlines()]
    assert first["name"] == "POST /notes"
    assert first["service"] == "notes"
    assert first["parent_span_id"] == "b7ad6b7169203331"
    assert first["span_id"] == traceparent.split("-")[2]
    assert second["name"] == "GET unmatched"
    assert "Garbo" not in text


async def test_requests_are_counted_by_route(client: httpx.AsyncClient, guide: dict[str, str]) -> None:
    await client.get("/things/6c6f6674-6500-5000-8000-000000000581", headers=guide)
    await client.get("/nowhere")
    text = (await client.get("/health/metrics")).text
    assert 'lofte_http_seconds_count{method="GET",route="/things/{id}",status="422"}' in text
    assert 'lofte_http_seconds_count{method="GET",route="unmatched",status="404"}' in text


async def test_health_tells_what_is_away(client: httpx.AsyncClient, runtime: Runtime) -> None:
    assert (await client.get("/health/live")).json()["status"] == "ok"
    runtime.health.last_poll_age = lambda: 1000.0
    assert (await client.get("/health/live")).status_code == 503
    answer = await client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json() == {"status": "unavailable", "mongo": "away", "kafka": "away", "prepared": True}


async def test_nothing_is_taken_before_the_indexes_are_there(
    client: httpx.AsyncClient, guide: dict[str, str], runtime: Runtime
) -> None:
    runtime.health.prepared = False
    answer = await client.post("/notes", json={"text": "a", "author": "b"}, headers=guide)
    problem(answer, 503, "unavailable")


async def test_fields_stay_as_strict_as_they_say_when_the_document_is_made(
    client: httpx.AsyncClient, guide: dict[str, str]
) -> None:
    body = {"text": "a", "author": "b", "minutes": "5"}
    for _ in range(2):
        problem(await client.post("/notes", json=body, headers=guide), 422, "invalid-input")
        assert (await client.get("/openapi.json")).status_code == 200


async def test_the_document_tells_roles_headers_and_problems(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    adding = document["paths"]["/notes"]["post"]
    assert adding["operationId"] == "add_note"
    assert adding["x-roles"] == ["guide", "head"]
    assert "Roles: guide, head." in adding["description"]
    refusals = {"400", "401", "403", "409", "413", "415", "422", "503"}
    assert adding["responses"].keys() == {"201", *refusals}
    assert adding["responses"]["409"]["$ref"].endswith("/conflict")
    assert adding["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("Note")
    assert [parameter["name"] for parameter in adding.get("parameters", [])] == ["Idempotency-Key"]
    closing = document["paths"]["/notes/{number}/close"]["post"]
    assert [p["name"] for p in closing["parameters"]] == ["number", "If-Match", "Prefer"]
    assert closing["parameters"][1]["description"].endswith("without it 428")
    assert closing["responses"].keys() == {"200", "401", "403", "412", "415", "422", "428", "503"}
    assert closing["responses"]["200"]["headers"].keys() == {"ETag", "Preference-Applied", "traceparent"}
    assert "version" in document["components"]["schemas"]["Problem"]["properties"]
    assert set(document["paths"]) == {
        "/notes",
        "/notes/{number}/close",
        "/things/{id}",
        "/fail/{how}",
        "/of/{municipality}",
    }
    assert document == json.loads(json.dumps(api_document(runtime, Parts(title="Notes", routes=ROUTES))))
