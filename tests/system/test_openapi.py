"""Schemathesis against the five API documents: whatever is sent, no 5xx, and only answers that the document knows."""

import uuid
from typing import Any

import httpx
import pytest
import schemathesis
from chassis.testing.waiting import eventually
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lofte_events import MatterStatusReported
from lofte_local.paths import MUNICIPALITIES
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.harness.inbound import event, send_inbound
from tests.harness.papers import document_of, operations
from tests.harness.people import Person, contact, person
from tests.harness.running import SERVICES, System

pytestmark = pytest.mark.system

EXAMPLES = 4  # of each operation, valid ones and invalid ones each
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["valid", "invalid"])
@pytest.mark.parametrize("service", SERVICES)
async def test_every_answer_is_one_that_the_document_knows(
    system: System, service: str, mode: GenerationMode
) -> None:
    url = system.url(service)
    document = (await system.http.get(f"{url}/openapi.json")).json()
    guide = person(system, "guide", municipality="2380", subject="guide-schema")
    told = await guide.report({**contact("phone", "city.planning"), "municipality": "2380"})
    known = {"case_id": told["case_id"], "contact_id": told["contact_id"], "owner": "group.city"}
    await guide.see(told["case_id"])
    for operation in _operations(document):
        _try(system, url, operation, mode, known)


def _operations(document: dict[str, Any]) -> list[Any]:
    if document["info"]["title"] != "Löfte intake":  # the same code in all five: once is enough
        document["paths"] = {
            path: it for path, it in document["paths"].items() if not path.startswith("/held")
        }
    schema = schemathesis.openapi.from_dict(document)
    found = [operation.ok() for operation in schema.get_all_operations() if isinstance(operation, Ok)]
    assert len(found) == sum(len(methods) for methods in document["paths"].values())
    return found


def _try(system: System, url: str, operation: Any, mode: GenerationMode, known: dict[str, str]) -> None:
    raw = operation.definition.raw
    if mode is GenerationMode.NEGATIVE and not raw.get("parameters") and "requestBody" not in raw:
        return  # it takes nothing that could be wrong
    roles = raw.get("x-roles", ["guide"])  # or anybody
    role = "guide" if "guide" in roles else roles[0]
    token = system.stack.token(role, "2380", subject=f"{role}-schema")

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), known_ids=st.booleans())
    def check(case: Case[Any], known_ids: bool) -> None:
        if known_ids:  # else hardly any request would come further than 404
            case.path_parameters.update(
                {name: value for name, value in known.items() if name in case.path_parameters}
            )
            if isinstance(case.body, dict) and "municipality" in case.body:
                case.body["municipality"] = "2380"
        headers = {"Authorization": f"Bearer {token}"}
        if "Prefer" in (case.headers or {}):
            headers["Prefer"] = "wait=1"  # nobody has half a minute here
        case.call_and_validate(base_url=url, headers=headers, checks=CHECKS)

    check()


async def test_the_documents_say_what_openapi_asks_for(system: System) -> None:
    for service in SERVICES:
        document = (await system.http.get(f"{system.url(service)}/openapi.json")).json()
        assert document == document_of(service), "docs/api tells of what runs: make docs"
        assert document["openapi"].startswith("3.1")
        assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
        for methods in document["paths"].values():
            for operation in methods.values():
                assert operation["operationId"]
                if operation.get("security") == []:  # for anybody
                    assert set(operation["responses"]) == {"200"}
                    continue
                assert operation["x-roles"]
                assert {"401", "403", "503"} <= set(operation["responses"])


async def test_every_example_of_a_request_is_taken_and_answered_as_shown(system: System) -> None:
    guide, builder = person(system, "guide"), person(system, "handler", department="building")
    tried = set()

    async def ask(somebody: Person, service: str, name: str, **more: Any) -> Any:
        """Send the example of an operation; the answer has the fields that its example shows."""
        operation = next(it for it in operations(service) if it.definition["operationId"] == name)
        path = operation.path
        for field, value in more.pop("at", {}).items():
            path = path.replace(f"{{{field}}}", value)
        body, change = operation.definition.get("requestBody"), more.pop("change", {})
        if body is not None:
            more["json"] = {**body["content"]["application/json"]["example"], **change}
        answer = await somebody.ask(operation.method, service, path, **more)
        assert answer.is_success, answer.text
        tried.add((service, name))
        content = operation.answers[answer.status_code].get("content")
        if content is None:
            assert answer.content == b"", name
            return answer
        if "application/json" not in content:
            assert answer.headers["content-type"].partition(";")[0] in content, name
            return answer
        shown, told = content["application/json"]["example"], answer.json()
        if isinstance(shown, list):
            shown, told = shown[0], told[0]
        assert set(told) == set(shown), name
        return answer

    told = (await ask(guide, "intake", "post_contact", headers={"Prefer": "wait=20"})).json()
    at = {"case_id": told["case_id"], "contact_id": told["contact_id"]}
    case = await builder.see_owned(told["case_id"], "department.building")
    details = (await ask(guide, "intake", "get_contact", at=at)).json()
    await ask(guide, "intake", "get_keys")
    at |= {"citizen_ref": await with_a_matter(system, guide, details["citizen_ref"])}
    await ask(guide, "intake", "get_matters", at=at)
    await ask(person(system, "system"), "intake", "get_reach", at=at, params={"channels": "email,sms"})
    await ask(guide, "routing", "explain_route")
    etag = case.etag
    for act in (
        "claim_case",
        "begin_attempt",
        "add_note",
        "record_citizen_contact",
        "await_citizen",
        "resume_case",
        "resolve_case",
        "reopen_case",
        "return_case",
    ):
        etag = (await ask(builder, "casework", act, at=at, headers={"If-Match": etag})).headers["ETag"]
    again = (await ask(guide, "intake", "post_contact", headers={"Prefer": "wait=20"})).json()
    case = await builder.see_owned(again["case_id"], "department.building")
    at = {**at, "case_id": again["case_id"], "owner": "department.building"}
    for reading in ("get_case", "get_history", "get_owner_cases"):
        await ask(builder, "casework", reading, at=at)
    await ask(builder, "casework", "forward_case", at=at, headers={"If-Match": case.etag})
    again = (await ask(guide, "intake", "post_contact", headers={"Prefer": "wait=20"})).json()
    case = await builder.see_owned(again["case_id"], "department.building")
    await builder.promise(case.id, "open")
    for act in ("renew_promise", "withdraw_promise"):
        await ask(builder, "callback", act, at={"case_id": case.id})
    for act in ("start_statutory_clock", "note_delay", "request_decision", "end_statutory_clock"):
        await ask(builder, "callback", act, at={"case_id": case.id})
    await ask(builder, "casework", "withdraw_case", at={"case_id": case.id}, headers={"If-Match": case.etag})
    for name in ("get_promises_of_case", "get_ledger"):
        await ask(guide, "callback", name, at={"case_id": case.id})
    await ask(guide, "callback", "get_promises_as_of", params={"at": system.now().isoformat()})
    await ask(guide, "callback", "quote_promise")
    await ask(guide, "callback", "get_forecast")
    written = {
        "file": (MUNICIPALITIES / "0581.yaml").read_text("utf-8")
    }  # the one in the example is no whole file
    await ask(person(system, "head"), "callback", "compare_policies", change=written)
    await ask(guide, "callback", "get_calendar", at={"file": "department.building.ics"})
    await ask(guide, "callback", "get_promises")
    await ask(guide, "metrics", "get_summary", params={"from": "2026-03-02", "to": "2026-03-03"})
    admin = person(system, "admin")
    here = {"url": "http://127.0.0.1:9/hook"}  # the one in the example has to be somewhere
    at = {"webhook_id": (await ask(admin, "callback", "subscribe", change=here)).json()["id"]}
    await ask(admin, "callback", "list_webhooks")
    for name in ("get_webhook", "change_webhook", "rotate_secret", "replay_all", "unsubscribe"):
        await ask(admin, "callback", name, at=at)
    documented = {(it.service, it.definition["operationId"]) for s in SERVICES for it in operations(s)}
    assert {one for one in documented if "held" not in one[1]} == tried


async def with_a_matter(system: System, guide: Person, citizen_ref: str) -> str:
    """The citizen, as soon as a matter of theirs is shown."""
    told = {
        "matter": "BYGG-2026-000123",
        "owner": "department.building",
        "status": "decided",
        "reported_at": "2026-03-01T08:00:00Z",
        "citizen_ref": citizen_ref,
    }
    await send_inbound(system, event(str(uuid.uuid4()), MatterStatusReported.TYPE, told))

    async def shown() -> bool:
        return bool((await guide.get("intake", f"/citizens/{citizen_ref}/matters")).json())

    await eventually(shown, 30)
    return citizen_ref


async def test_a_path_that_is_not_there_is_a_problem_document(system: System) -> None:
    answer: httpx.Response = await system.http.get(f"{system.url('intake')}/nowhere")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:lofte:problem:not-found")
