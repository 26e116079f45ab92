"""What comes in by HTTP: bodies, parameters and headers are read, bounded, and named when they are wrong."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from chassis import errors
from chassis.http import (
    encode_cursor,
    not_future,
)
from chassis.testing.clock import ManualClock
from chassis.testing.issuer import TinyIssuer

from .notes_api import SECRET, problem


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


def test_the_future_is_refused_but_for_two_seconds() -> None:
    clock = ManualClock()
    not_future("occurred_at", clock.now() + timedelta(seconds=2), clock)
    with pytest.raises(errors.InvalidInput, match="occurred_at: lies in the future"):
        not_future("occurred_at", clock.now() + timedelta(seconds=2.1), clock)
    not_future("occurred_at", datetime(1970, 1, 1, tzinfo=UTC), clock)
