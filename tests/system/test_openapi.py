"""Schemathesis against the five API documents: whatever is sent, no 5xx, and only answers that the document knows."""

from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.harness.people import contact, person
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
    assert len(found) == sum(len(operations) for operations in document["paths"].values())
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
        assert document["openapi"].startswith("3.1")
        assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
        for operations in document["paths"].values():
            for operation in operations.values():
                assert operation["operationId"]
                assert operation.get("security") == [] or operation["x-roles"]
                assert {"401", "403", "503"} <= set(operation["responses"])


async def test_a_path_that_is_not_there_is_a_problem_document(system: System) -> None:
    answer: httpx.Response = await system.http.get(f"{system.url('intake')}/nowhere")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:lofte:problem:not-found")
