"""A small API with every kind of route, body, header and failure; for the tests of HTTP."""

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import httpx
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
    prefer_wait,
    request_cause,
)
from chassis.http.app import make_app
from chassis.service import Parts, Runtime, make_runtime
from chassis.settings import ServiceSettings
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
    minutes: Annotated[int, Field(strict=True)] = 0


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


def problem(answer: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["type"] == f"urn:lofte:problem:{slug}"
    assert body["status"] == status
    assert body["title"]
    assert "Garbo" not in answer.text
    return body


@contextlib.asynccontextmanager
async def notes_at(issuer: str, folder: Path) -> AsyncIterator[Runtime]:
    """What the API stands on: neither Kafka nor MongoDB; its spans are in the folder."""
    settings = ServiceSettings(
        issuer=issuer,
        municipalities=folder,
        mongo=SecretStr("mongodb://127.0.0.1:9/"),
        kafka="127.0.0.1:9",
        database="nowhere",
        replica="test-1",
        spans_file=folder / "spans.jsonl",
    )
    runtime = make_runtime("notes", settings)
    yield runtime
    await runtime.close()


@contextlib.asynccontextmanager
async def client_of(runtime: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    """The app over its ASGI interface."""
    app: Any = make_app(runtime, Parts(title="Notes", routes=ROUTES))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://notes") as client:
        yield client
