"""The app over its ASGI interface, with real tokens of a real issuer."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import httpx
import pytest
from chassis import errors
from chassis.auth import Principal
from chassis.http import (
    APPENDING,
    Limit,
    Line,
    Moment,
    Page,
    RequestModel,
    Text,
    allow,
    decode_cursor,
    encode_cursor,
    etag,
    if_match,
    municipality_of,
    not_future,
    prefer_wait,
    request_cause,
)
from chassis.http.app import api_document, make_app
from chassis.service import Parts, Runtime, make_runtime
from chassis.settings import ServiceSettings
from chassis.testing.clock import ManualClock
from chassis.testing.issuer import TinyIssuer
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from pydantic import Field, SecretStr

AnyRequest = Request[Any, Any, Any]
SECRET = "Greta Garbo 19050918-1234"


class Phone(RequestModel):
    kind: Literal["phone"]
    number: Line


class Mail(RequestModel):
    kind: Literal["mail"]
    address: Line


class Note(RequestModel):
    text: Text
    author: Line
    channel: Literal["phone", "mail"] = "phone"
    occurred_at: Moment | None = None
    contact: Annotated[Phone | Mail, Field(discriminator="kind")] | None = None
    minutes: int = 0


@post("/notes", **allow("guide", "head", refuses=APPENDING))
async def add_note(
    request: AnyRequest, principal: NamedDependency[Principal], data: JSONBody[Note]
) -> dict[str, Any]:
    """Add a note."""
    cause = await request_cause(request, principal)
    return {
        "text": data.text,
        "at": data.occurred_at,
        "caused_by": cause.caused_by,
        "actor": cause.actor,
        "body_hash": cause.body_hash,
        "traceparent": cause.traceparent,
    }


@post(
    "/notes/{number:int}/close",
    status_code=200,
    **allow(
        "guide",
        headers=("If-Match", "Prefer"),
        tells=("ETag",),
        refuses=(errors.VersionRequired,),
        keyed=False,
        shows={"version": {"type": "integer", "description": "The present one"}},
    ),
)
async def close_note(request: AnyRequest, number: FromPath[int]) -> Response[dict[str, Any]]:
    version = if_match(request, needed=True)
    return Response(
        {"number": number, "version": version, "wait": prefer_wait(request)}, headers={"ETag": etag(7)}
    )


@get("/notes", **allow("guide"))
async def list_notes(
    limit: Limit = 50, cursor: FromQuery[str | None] = None, since: FromQuery[datetime | None] = None
) -> Page[int]:
    after = decode_cursor(cursor, after=int)
    start = after["after"] if after else 0
    return Page[int](items=list(range(start, start + limit)), next=encode_cursor({"after": start + limit}))


@get("/things/{id:uuid}", **allow("guide"))
async def get_thing(id: FromPath[UUID], needed: FromQuery[str]) -> dict[str, str]:  # noqa: A002
    return {"id": str(id), "needed": needed}


FAILURES: dict[str, Exception] = {
    "invalid": errors.InvalidInput("topic", "unknown"),
    "missing": errors.NotFound("no such case"),
    "early": errors.NotYetVisible("not yet"),
    "rule": errors.RuleViolation("taken", "somebody has it", handler="person.a"),
    "version": errors.VersionMismatch("the version is now 3", version=3),
    "key": errors.KeyReused("used before"),
    "large": errors.CommitTooLarge("too large"),
    "conflict": errors.Conflict("others were first"),
    "unknown": errors.OutcomeUnknown("repeat"),
    "away": errors.Unavailable("away"),
    "bug": ZeroDivisionError(SECRET),
}


@get("/fail/{how:str}", **allow("guide"))
async def fail(how: FromPath[str]) -> None:
    raise FAILURES[how]


@get("/of/{municipality:str}", **allow("guide"))
async def of_municipality(municipality: FromPath[str], principal: NamedDependency[Principal]) -> str:
    return municipality_of(principal, municipality)


ROUTES = [add_note, close_note, list_notes, get_thing, fail, of_municipality]


@pytest.fixture(scope="module")
def issuer() -> Iterator[TinyIssuer]:
    with TinyIssuer() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def spans_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("http") / "spans.jsonl"


@pytest.fixture(scope="module")
async def runtime(issuer: TinyIssuer, spans_file: Path) -> AsyncIterator[Runtime]:
    settings = ServiceSettings(
        issuer=issuer.url,
        municipalities=spans_file.parent,
        mongo=SecretStr("mongodb://127.0.0.1:9/"),
        kafka="127.0.0.1:9",
        database="nowhere",
        replica="test-1",
        spans_file=spans_file,
    )
    runtime = make_runtime("notes", settings)
    yield runtime
    await runtime.close()


@pytest.fixture
def spans(spans_file: Path) -> Callable[[], str]:
    """What was appended since it was last asked."""
    read = 0

    def appended() -> str:
        nonlocal read
        text = spans_file.read_text()
        new, read = text[read:], len(text)
        return new

    return appended


@pytest.fixture(autouse=True)
def healthy(runtime: Runtime) -> None:
    runtime.health.prepared = True
    runtime.health.last_poll_age = None


@pytest.fixture(scope="module")
async def client(runtime: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    app: Any = make_app(runtime, Parts(title="Notes", routes=ROUTES))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://notes") as client:
        yield client


@pytest.fixture
def guide(issuer: TinyIssuer) -> dict[str, str]:
    return issuer.bearer("guide", subject="g1")


def problem(answer: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["type"] == f"urn:lofte:problem:{slug}"
    assert body["status"] == status
    assert body["title"]
    assert "Garbo" not in answer.text
    return body


async def test_a_request_is_answered_and_its_cause_is_named(
    client: httpx.AsyncClient, guide: dict[str, str]
) -> None:
    headers = guide | {"Idempotency-Key": "k1"}
    body = {"text": "hej", "author": "Ada", "occurred_at": "2026-03-02T07:30:00.123456+01:00"}
    first = await client.post("/notes", json=body, headers=headers)
    again = await client.post("/notes", json=body, headers=headers)
    other = await client.post("/notes", json=body | {"text": "nej"}, headers=headers)
    assert first.status_code == 201
    said = first.json()
    assert said["caused_by"] == "request:0581/g1:k1"
    assert said["actor"] == "g1"
    assert said["at"] == "2026-03-02T06:30:00.123000Z"
    assert again.json()["body_hash"] == said["body_hash"] != other.json()["body_hash"]


async def test_without_a_key_no_two_requests_have_the_same_cause(
    client: httpx.AsyncClient, guide: dict[str, str]
) -> None:
    answers = [
        await client.post("/notes", json={"text": "a", "author": "b"}, headers=guide) for _ in range(2)
    ]
    assert answers[0].json()["caused_by"] != answers[1].json()["caused_by"]


async def test_the_same_key_of_another_client_is_another_cause(
    client: httpx.AsyncClient, issuer: TinyIssuer
) -> None:
    causes = {
        (
            await client.post(
                "/notes",
                json={"text": "a", "author": "b"},
                headers=issuer.bearer("guide", municipality, subject=subject) | {"Idempotency-Key": key},
            )
        ).json()["caused_by"]
        for municipality, subject, key in (
            ("0581", "a", "k"),
            ("0581", "b", "k"),
            ("2380", "a", "k"),
            ("0581", "a:b", "k"),
            ("0581", "a", "b:k"),  # what a client writes into its key makes it nobody else
            ("0581", "a%3Ab", "k"),
        )
    }
    assert len(causes) == 6


@pytest.mark.parametrize("key", ["", "x" * 201, "a b", "å"])
async def test_a_malformed_idempotency_key_is_refused(
    client: httpx.AsyncClient, guide: dict[str, str], key: str
) -> None:
    headers = [*guide.items(), ("Idempotency-Key", key)]
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    answer = await client.post("/notes", json={"text": "a", "author": "b"}, headers=encoded)
    assert problem(answer, 422, "invalid-input")["errors"][0]["field"] == "Idempotency-Key"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"author": "b"}, "text"),
        ({"text": None, "author": "b"}, "text"),
        ({"text": {SECRET: 1}, "author": "b"}, "text"),
        ({"text": f"{SECRET}\0", "author": "b"}, "text"),
        ({"text": "å" * 32769, "author": "b"}, "text"),
        ({"text": "a", "author": f"{SECRET}\n"}, "author"),
        ({"text": "a", "author": ""}, "author"),
        ({"text": "a", "author": "b", "channel": SECRET}, "channel"),
        ({"text": "a", "author": "b", "minutes": SECRET}, "minutes"),
        ({"text": "a", "author": "b", "unknown": SECRET}, "unknown"),
        ({"text": "a", "author": "b", "occurred_at": "2026-03-02T07:30:00"}, "occurred_at"),
        ({"text": "a", "author": "b", "occurred_at": SECRET}, "occurred_at"),
        ({"text": "a", "author": "b", "occurred_at": 1700000000}, "occurred_at"),
        ({"text": "a", "author": "b", "occurred_at": "0001-01-01T00:00:00+14:00"}, "occurred_at"),
        ({"text": "a", "author": "b", "contact": {"kind": SECRET}}, "contact"),
        ({"text": "a", "author": "b", "contact": {"kind": "phone", "number": 1}}, "contact.phone.number"),
        ([SECRET], "body"),
        (SECRET, "body"),
        (None, "body"),
        (7, "body"),
    ],
)
async def test_a_wrong_field_is_named_and_its_value_is_not_repeated(
    client: httpx.AsyncClient, guide: dict[str, str], body: Any, field: str
) -> None:
    answer = await client.post("/notes", content=json.dumps(body), headers=guide)
    faults = problem(answer, 422, "invalid-input")["errors"]
    assert field in [fault["field"] for fault in faults]
    assert all(fault["detail"] for fault in faults)


async def test_a_naive_time_is_refused_with_the_remedy(
    client: httpx.AsyncClient, guide: dict[str, str]
) -> None:
    body = {"text": "a", "author": "b", "occurred_at": "2026-03-02T07:30:00"}
    answer = await client.post("/notes", json=body, headers=guide)
    assert "add Z or an offset" in problem(answer, 422, "invalid-input")["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("content", "status", "slug"),
    [
        (b"{", 400, "bad-request"),
        (b'{"text": NaN}', 400, "bad-request"),
        (b"\xff\xfe", 400, "bad-request"),
        (b'{"text": "\\ud800", "author": "b"}', 400, "bad-request"),
        (b"[" * 100_000, 400, "bad-request"),
        (b"", 422, "invalid-input"),
        (b'{"text": "' + b"a" * 262_144 + b'", "author": "b"}', 413, "too-large"),
    ],
    ids=["broken", "nan", "not-utf8", "surrogate", "deep", "empty", "large"],
)
async def test_a_body_that_cannot_be_read_is_refused(
    client: httpx.AsyncClient, guide: dict[str, str], content: bytes, status: int, slug: str
) -> None:
    problem(await client.post("/notes", content=content, headers=guide), status, slug)


async def test_what_is_wrong_beside_the_body_is_not_called_json(
    client: httpx.AsyncClient, guide: dict[str, str]
) -> None:
    answer = await client.post("/notes", content=b"{", headers=guide)
    assert problem(answer, 400, "bad-request")["detail"] == "The body is not valid JSON."
    answer = await client.get("/notes", headers=guide | {"Host": "a b"})
    assert "detail" not in problem(answer, 400, "bad-request")


async def test_only_json_is_taken(client: httpx.AsyncClient, guide: dict[str, str]) -> None:
    answer = await client.post("/notes", data={"text": "a"}, headers=guide)
    problem(answer, 415, "unsupported-media-type")
    answer = await client.post(
        "/notes",
        content=b'{"text": "a", "author": "b"}',
        headers=guide | {"Content-Type": "application/json; charset=utf-8"},
    )
    assert answer.status_code == 201


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


@pytest.mark.parametrize(
    ("given", "version"), [('"7"', 7), ("*", None), (' "12" ', 12)], ids=["etag", "any", "spaces"]
)
async def test_if_match_names_the_version(
    client: httpx.AsyncClient, guide: dict[str, str], given: str, version: int | None
) -> None:
    answer = await client.post("/notes/1/close", headers=guide | {"If-Match": given})
    assert (answer.status_code, answer.json()["version"]) == (200, version)
    assert answer.headers["etag"] == '"7"'


@pytest.mark.parametrize("given", ["7", 'W/"7"', '"a"', '"1", "2"', ""])
async def test_a_malformed_if_match_is_refused(
    client: httpx.AsyncClient, guide: dict[str, str], given: str
) -> None:
    answer = await client.post("/notes/1/close", headers=guide | {"If-Match": given})
    assert problem(answer, 422, "invalid-input")["errors"][0]["field"] == "If-Match"


async def test_a_missing_if_match_is_asked_for(client: httpx.AsyncClient, guide: dict[str, str]) -> None:
    problem(await client.post("/notes/1/close", headers=guide), 428, "version-required")


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("wait=2", 2.0), ("respond-async, wait=5", 5.0), ("wait=900", 30.0), ("wait=x", 0.0), ("await=3", 0.0)],
)
async def test_prefer_wait_is_read_and_bounded(
    client: httpx.AsyncClient, guide: dict[str, str], given: str, seconds: float
) -> None:
    answer = await client.post("/notes/1/close", headers=guide | {"If-Match": "*", "Prefer": given})
    assert answer.json()["wait"] == seconds


async def test_lists_come_in_pages(client: httpx.AsyncClient, guide: dict[str, str]) -> None:
    first = (await client.get("/notes", params={"limit": 3}, headers=guide)).json()
    second = (await client.get("/notes", params={"limit": 3, "cursor": first["next"]}, headers=guide)).json()
    assert (first["items"], second["items"]) == ([0, 1, 2], [3, 4, 5])


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"limit": SECRET}, "limit"),
        ({"cursor": SECRET}, "cursor"),
        ({"cursor": "e30"}, "cursor"),
        ({"cursor": "W10"}, "cursor"),
        ({"cursor": encode_cursor({"after": "1"})}, "cursor"),
        ({"cursor": "å"}, "cursor"),
        ({"since": SECRET}, "since"),
    ],
)
async def test_a_wrong_parameter_is_named(
    client: httpx.AsyncClient, guide: dict[str, str], params: dict[str, str], field: str
) -> None:
    answer = await client.get("/notes", params=params, headers=guide)
    assert problem(answer, 422, "invalid-input")["errors"][0]["field"] == field


async def test_a_missing_parameter_and_a_wrong_path_are_named(
    client: httpx.AsyncClient, guide: dict[str, str]
) -> None:
    answer = await client.get("/things/6c6f6674-6500-5000-8000-000000000581", headers=guide)
    assert problem(answer, 422, "invalid-input")["errors"] == [{"field": "needed", "detail": "missing"}]
    problem(await client.get("/things/x", headers=guide), 404, "not-found")


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


def test_the_future_is_refused_but_for_two_seconds() -> None:
    clock = ManualClock()
    not_future("occurred_at", clock.now() + timedelta(seconds=2), clock)
    with pytest.raises(errors.InvalidInput, match="occurred_at: lies in the future"):
        not_future("occurred_at", clock.now() + timedelta(seconds=2.1), clock)
    not_future("occurred_at", datetime(1970, 1, 1, tzinfo=UTC), clock)
