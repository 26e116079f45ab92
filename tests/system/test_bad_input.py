"""Bad input at every endpoint: a problem document that names the field, no 5xx, and nothing stored."""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta

import pytest
import pytest_asyncio

from tests.harness.bad_requests import IN_2380, TABLE, Bad
from tests.harness.people import CaseSeen, Person, contact, person
from tests.harness.running import SERVICES, System

pytestmark = pytest.mark.system


@pytest_asyncio.fixture(scope="module")
async def cases(system: System) -> AsyncIterator[Mapping[str, CaseSeen]]:
    """What the paths name: cases of 2380, a municipality in which no other test of the table's stores anything."""
    guide = _person(system, "guide")
    told = [
        await guide.report({**contact("phone", "city.planning"), **IN_2380}, wait=20)
        for _ in ("case", "resolved")
    ]
    case, resolved = [await guide.see(one["case_id"]) for one in told]
    # With its key made: a text is sealed before a rule can say no to it.
    case = await guide.act(case, "note", {"text": "?"})
    body = {"url": "http://127.0.0.1:9/hook", "types": ["casework.case-resolved.v1"]}
    admin = _person(system, "admin")
    webhook = (await admin.post("callback", "/webhooks", body)).json()["id"]
    yield {
        "{case}": case,
        "{resolved}": await guide.resolve(resolved),
        "{webhook}": CaseSeen(webhook, "", {}),
    }
    await admin.ask("DELETE", "callback", f"/webhooks/{webhook}")


@pytest.mark.parametrize(
    "bad",
    TABLE,
    ids=[f"{bad.method} {bad.service}: {bad.why}".replace("{", "").replace("}", "") for bad in TABLE],
)
async def test_bad_input_is_refused_with_its_reason_and_stores_nothing(
    system: System, cases: Mapping[str, CaseSeen], bad: Bad
) -> None:
    before = await _stored(system)
    path, told = bad.path, {name: value for name, value in bad.headers.items() if value}
    for name, case in cases.items():
        if name in path:
            path = path.replace(name, case.id)
            told = {header: value.replace("{etag}", case.etag) for header, value in told.items()}
            if bad.raw is not None:
                told["If-Match"] = case.etag
    content = bad.raw if bad.raw is not None else None if bad.body is None else json.dumps(bad.body).encode()
    if content is not None and "Content-Type" not in told:
        told["Content-Type"] = "application/json"

    answer = await _person(system, bad.role).ask(bad.method, bad.service, path, content=content, headers=told)

    assert answer.status_code == bad.status, answer.text[:500]
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    problem = answer.json()
    assert problem["type"].startswith("urn:lofte:problem:")
    assert problem["status"] == bad.status
    assert problem["title"]
    assert problem.get("detail"), problem
    if bad.status == 422:
        assert bad.names in [fault["field"] for fault in problem["errors"]], problem
        assert all(fault["detail"] for fault in problem["errors"])
    assert await _stored(system) == before


async def test_what_is_refused_is_not_repeated_to_the_caller(system: System) -> None:
    """A problem document says which field, never what was in it: it may be somebody's number."""
    secret = "070-174 06 12 is my number"
    for change in ({"channel": secret}, {"topic": secret}, {"occurred_at": secret}, {"case_id": secret}):
        body = {**contact("email"), **IN_2380, **change}
        answer = await _person(system, "guide").post("intake", "/contacts", body)
        assert answer.status_code == 422
        assert "174 06" not in answer.text


async def test_a_time_a_moment_ahead_of_our_clock_is_forgiven(system: System) -> None:
    ahead = (system.now() + timedelta(milliseconds=500)).isoformat()
    body = {**contact("email", "city.planning"), **IN_2380, "occurred_at": ahead}
    assert (await _person(system, "guide").post("intake", "/contacts", body)).status_code == 201


def _person(system: System, role: str) -> Person:
    return person(system, role, municipality="2380", subject=f"{role}-table")


async def _stored(system: System) -> Mapping[str, int]:
    """What requests of the table's people have stored; what timers and consumers do meanwhile is not theirs."""
    found = {}
    for service in SERVICES:
        database = system.database(service)
        asked = {"municipality": "2380", "caused_by": {"$regex": "^request:2380/"}}
        found[f"{service} commits"] = await database["commits"].count_documents(asked)
        for name in ("keys", "accesses"):
            found[f"{service} {name}"] = await database[name].count_documents({})
    return found
