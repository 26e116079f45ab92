"""The OpenAPI 3.1 document of a service, with the roles, headers and problems that every operation has."""

from collections.abc import Mapping, Sequence
from typing import Any

from litestar import Litestar
from litestar.openapi.config import OpenAPIConfig
from litestar.types import ControllerRouterHandler

from chassis.http.problems import MEDIA_TYPE

_HEADERS: Mapping[str, Mapping[str, Any]] = {
    "Idempotency-Key": {
        "description": "The same key, method, path and body give the same answer; keys never expire",
        "schema": {"type": "string", "pattern": r"^[\x21-\x7e]{1,200}$"},
    },
    "If-Match": {
        "description": "The ETag of the version that you have seen",
        "schema": {"type": "string", "pattern": r'^("[0-9]{1,9}"|\*)$'},
    },
    "Prefer": {
        "description": "wait=N: wait up to N seconds (at most 30) for what follows",
        "schema": {"type": "string", "pattern": "^wait=[0-9]{1,2}$"},
    },
}
_PROBLEM: Mapping[str, Any] = {
    "type": "object",
    "description": "RFC 9457",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "description": "urn:lofte:problem:{slug}; stable"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "detail"],
                "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}
_ANSWERS: Mapping[str, str] = {
    "400": "The request cannot be read",
    "401": "No valid token",
    "403": "Not allowed",
    "404": "There is no such thing, or it is not visible yet",
    "422": "A field is missing or wrong",
    "503": "Not available now; repeat",
}
_WRITING: Mapping[str, str] = {
    "409": "A rule says no, or others were first",
    "413": "Too large",
    "415": "Send JSON",
}
_GUARDED: Mapping[str, str] = {"412": "It has changed meanwhile", "428": "If-Match is needed"}


def describe(
    title: str, version: str, routes: Sequence[ControllerRouterHandler], dependencies: Mapping[str, Any]
) -> dict[str, Any]:
    """The document. An operation's id is its function's name; it is stable."""
    app = Litestar(
        route_handlers=list(routes),
        openapi_config=OpenAPIConfig(
            title=title,
            version=version,
            use_handler_docstrings=True,
            operation_id_creator=lambda handler, method, path: handler.handler_name,
            path="/documentation",
        ),
        dependencies=dependencies,
        logging_config=None,
    )
    document: dict[str, Any] = app.openapi_schema.to_schema()
    components = document.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = dict(_PROBLEM)
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    document["security"] = [{"bearer": []}]
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            operations = document["paths"].get(route.path_format, {})
            for method in handler.http_methods:
                if method.lower() in operations:
                    _complete(operations[method.lower()], method, handler.opt)
    return document


def _complete(operation: dict[str, Any], method: str, opt: Mapping[str, Any]) -> None:
    roles = sorted(opt.get("roles", ()))
    headers = list(opt.get("headers", ()))
    if roles:
        operation["x-roles"] = roles
        described = operation.get("description")
        operation["description"] = (
            f"{described}\n\nRoles: {', '.join(roles)}." if described else f"Roles: {', '.join(roles)}."
        )
    else:
        operation["security"] = []
    answers = dict(_ANSWERS)
    if method != "GET":
        answers |= _WRITING
        headers.insert(0, "Idempotency-Key")
    if "If-Match" in headers:
        answers |= _GUARDED
    operation.setdefault("parameters", []).extend(
        {"name": name, "in": "header", "required": False, **_HEADERS[name]} for name in headers
    )
    for status, description in answers.items():
        operation["responses"][status] = {
            "description": description,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
