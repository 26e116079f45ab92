"""The API documents in `docs/api`, held against every answer that any test of the system gets."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx

__all__ = ["Operation", "document_of", "documented", "operations"]

API = Path(__file__).parents[2] / "docs" / "api"
_TOLD = ("Cache-Control", "ETag", "Location", "Preference-Applied", "Retry-After", "WWW-Authenticate")


@dataclass(frozen=True)
class Operation:
    """An operation of a service. `answers`: status -> the response as documented, references resolved."""

    service: str
    method: str
    path: str
    answers: Mapping[int, Mapping[str, Any]]
    definition: Mapping[str, Any]

    def takes(self, method: str, path: str) -> bool:
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(self.path))
        return method == self.method and re.fullmatch(pattern, path) is not None

    def problems(self, status: int) -> set[str]:
        """The slugs of the problem types of a status."""
        shapes = self.answers[status]["content"]["application/problem+json"]["schema"]["allOf"]
        return {urn.rpartition(":")[2] for urn in shapes[1]["properties"]["type"]["enum"]}


@cache
def document_of(service: str) -> Mapping[str, Any]:
    """As it is on file."""
    found: Mapping[str, Any] = json.loads((API / f"{service}.openapi.json").read_text("utf-8"))
    return found


@cache
def operations(service: str) -> tuple[Operation, ...]:
    """All that a service's document names."""
    document = document_of(service)
    return tuple(_operations(service, document))


def _operations(service: str, document: Mapping[str, Any]) -> Iterator[Operation]:
    shared = document["components"]["responses"]
    for path, methods in document["paths"].items():
        for method, definition in methods.items():
            answers = {
                int(status): shared[told["$ref"].rpartition("/")[2]] if "$ref" in told else told
                for status, told in definition["responses"].items()
            }
            yield Operation(service, method.upper(), path, answers, definition)


async def documented(service: str, answer: httpx.Response) -> None:
    """Fails when the service has answered what its document does not tell."""
    path, method, status = answer.request.url.path, answer.request.method, answer.status_code
    operation = next((one for one in operations(service) if one.takes(method, path)), None)
    if operation is None:
        return  # health, the document itself, no such path or method
    where = f"{service} {method} {operation.path} answered {status}"
    assert status in operation.answers, (
        f"{where}, which docs/api does not tell: allow(refuses=...); make docs"
    )
    told = operation.answers[status]
    for name in _TOLD:
        assert name not in answer.headers or name in told.get("headers", ()), f"{where} with {name}: tell it"
    if status >= httpx.codes.BAD_REQUEST:
        await answer.aread()
        problem = answer.json()
        fields = document_of(service)["components"]["schemas"]["Problem"]["properties"]
        assert problem.keys() <= fields.keys(), f"{where}, whose problem has more fields: allow(shows=...)"
        slug = problem["type"].rpartition(":")[2]
        assert slug in operation.problems(status), f"{where} of type {slug}: allow(refuses=...); make docs"
