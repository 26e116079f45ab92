"""The OpenAPI 3.1 document of a service: what every operation takes, answers and refuses, with roles and examples.

Litestar tells paths, parameters and bodies; statuses come from the errors that a route can end in (`problems`), so that
each status has its problem types and their headers. A test holds every answer of a running system against it.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, get_args, get_origin

from litestar import Litestar, Response
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.plugins.pydantic import PydanticPlugin
from litestar.types import ControllerRouterHandler
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from chassis import errors
from chassis.http.paging import Page
from chassis.http.problems import MEDIA_TYPE, ProblemType, problem_type

_JSON = "application/json"
_SCHEMA = "#/components/schemas/{model}"
_HEADERS: Mapping[str, Mapping[str, Any]] = {
    "Idempotency-Key": {
        "description": "The same key, method, path and body give the same answer; keys never expire",
        "schema": {"type": "string", "pattern": r"^[\x21-\x7e]{1,200}$"},
        "example": "3f0c9a52-6f0e-4d7c-9d4e-2f1f7c1b8a10",
    },
    "If-Match": {
        "description": "The ETag of the version that you have seen",
        "schema": {"type": "string", "pattern": r'^("[0-9]{1,9}"|\*)$'},
        "example": '"3"',
    },
    "Prefer": {
        "description": "wait=N: wait up to N seconds (at most 30) for what follows",
        "schema": {"type": "string", "pattern": "^wait=[0-9]{1,2}$"},
        "example": "wait=10",
    },
}
_ANSWER_HEADERS: Mapping[str, tuple[str, str]] = {
    "Cache-Control": ("How long it may be kept", "max-age=60"),
    "ETag": ("The version; for If-Match", '"3"'),
    "Location": ("Path of what was made", "/contacts/6f9619ff-8b86-5011-b42d-00c04fc964ff"),
    "Preference-Applied": ("That the wait was heard; not there without one", "wait=10"),
    "Retry-After": ("Seconds until it is worth asking again", "1"),
    "WWW-Authenticate": ("Which token is taken", "Bearer"),
    "traceparent": ("W3C trace context", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
}
_PROBLEM: Mapping[str, Any] = {
    "type": "object",
    "description": "RFC 9457",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "description": "urn:lofte:problem:{slug}; stable"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What would help; no value that came in"},
        "code": {"type": "string", "description": "Of rule-violation: which rule; stable"},
        "errors": {
            "type": "array",
            "description": "Of invalid-input: each field, and what is wrong with it",
            "items": {
                "type": "object",
                "required": ["field", "detail"],
                "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}
_ALWAYS = (errors.Unauthenticated, errors.NotAllowed, errors.Unavailable)
_OF_KEYS = (errors.KeyReused, errors.InvalidInput)
_OF_BODIES = (400, 413, errors.InvalidInput)
_OF_VERSIONS = (errors.VersionMismatch, errors.InvalidInput)


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
        # What Litestar learns of a route is the route's: an app with another plugin would make it as lax as that one.
        plugins=[PydanticPlugin(validate_strict=None)],  # type: ignore[arg-type]
        dependencies=dependencies,
        logging_config=None,
    )
    document: dict[str, Any] = app.openapi_schema.to_schema()
    document["info"]["license"] = {"name": "EUPL-1.2", "identifier": "EUPL-1.2"}
    # Not Litestar's own: it knows neither all bounds nor descriptions of a pydantic model.
    problem = {**_PROBLEM, "properties": dict(_PROBLEM["properties"])}
    components: dict[str, Any] = {"schemas": {"Problem": problem}, "responses": {}}
    document["components"] = components
    components["securitySchemes"] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A token of the issuer, with one role and one municipality; perhaps a department",
        }
    }
    components["headers"] = {
        name: {"description": about, "schema": {"type": "string"}, "example": example}
        for name, (about, example) in _ANSWER_HEADERS.items()
    }
    document["security"] = [{"bearer": []}]
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            operations = document["paths"].get(route.path_format, {})
            for method in handler.http_methods:
                if method.lower() in operations:
                    _complete(operations[method.lower()], method, handler, components)
    return document


def _complete(
    operation: dict[str, Any], method: str, handler: HTTPRouteHandler, components: dict[str, Any]
) -> None:
    opt = handler.opt
    roles = sorted(opt.get("roles", ()))
    if roles:
        operation["x-roles"] = roles
        described = operation.get("description")
        operation["description"] = (
            f"{described}\n\nRoles: {', '.join(roles)}." if described else f"Roles: {', '.join(roles)}."
        )
    else:
        operation["security"] = []
    operation["summary"] = (
        str(operation.get("description", "")).partition("\n")[0].partition(". ")[0].rstrip(".")
    )
    _show(operation, handler, components["schemas"])
    components["schemas"]["Problem"]["properties"].update(opt.get("shows", {}))
    problems = _problems(operation, method, opt)
    headers = [*(["Idempotency-Key"] if _keyed(method, opt) else []), *opt.get("headers", ())]
    operation.setdefault("parameters", []).extend(
        _header(name, needed=errors.VersionRequired in opt.get("refuses", ())) for name in headers
    )
    tells = [*opt.get("tells", ()), *(["Preference-Applied"] if "Prefer" in headers else [])]
    responses = {
        status: {
            **response,
            "description": HTTPStatus(int(status)).phrase,
            "headers": _named("traceparent", *tells),
        }
        for status, response in operation["responses"].items()
        if status.startswith("2")
    }
    for status, types in sorted(problems.items()):
        name = ".".join(problem.slug for problem in types)
        components["responses"][name] = _refusal(types)
        responses[str(status)] = {"$ref": f"#/components/responses/{name}"}
    operation["responses"] = responses


def _header(name: str, *, needed: bool) -> dict[str, Any]:
    header = {"name": name, "in": "header", "required": False, **_HEADERS[name]}
    if name == "If-Match" and needed:  # 428: not `required`, which would be a field that is missing, 422
        header["description"] = f"{header['description']}; without it 428"
    return header


def _keyed(method: str, opt: Mapping[str, Any]) -> bool:
    return method != "GET" and bool(opt.get("keyed", True)) and "roles" in opt


def _problems(
    operation: Mapping[str, Any], method: str, opt: Mapping[str, Any]
) -> dict[int, list[ProblemType]]:
    """Status -> the types of its problems."""
    kinds: list[type[Exception] | int] = [*opt.get("refuses", ())]
    if "roles" in opt:
        kinds += [*_ALWAYS, *([] if method == "GET" else [415])]
    if "requestBody" in operation:
        kinds += _OF_BODIES
    if _keyed(method, opt):
        kinds += _OF_KEYS
    if "If-Match" in opt.get("headers", ()):
        kinds += _OF_VERSIONS
    if any(_is_bounded(parameter) for parameter in operation.get("parameters", ())):
        kinds.append(errors.InvalidInput)
    found: dict[int, list[ProblemType]] = {}
    for problem in dict.fromkeys(problem_type(kind) for kind in kinds):
        found.setdefault(problem.status, []).append(problem)
    return found


def _is_bounded(parameter: Mapping[str, Any]) -> bool:
    """Whether a parameter can be wrong; any text is right for one that is just text."""
    return bool(parameter["in"] == "query" or parameter["schema"].keys() - {"type", "title", "description"})


def _refusal(types: Sequence[ProblemType]) -> dict[str, Any]:
    shape = {"properties": {"type": {"enum": [problem.urn for problem in types]}}}
    told = dict.fromkeys(name for problem in types for name in problem.headers)
    return {
        "description": "; ".join(dict.fromkeys(problem.title for problem in types)),
        "headers": _named("traceparent", *told),
        "content": {
            MEDIA_TYPE: {
                "schema": {"allOf": [{"$ref": "#/components/schemas/Problem"}, shape]},
                "examples": {problem.slug: {"value": _problem_example(problem)} for problem in types},
            }
        },
    }


def _problem_example(problem: ProblemType) -> dict[str, Any]:
    shown: dict[str, Any] = {"type": problem.urn, "title": problem.title, "status": problem.status}
    if problem.slug == "invalid-input":
        shown |= {"detail": "field: missing", "errors": [{"field": "field", "detail": "missing"}]}
    if problem.slug == "rule-violation":
        shown |= {"code": "case-resolved", "detail": "the case is resolved; reopen it first"}
    return shown


def _named(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _show(operation: dict[str, Any], handler: HTTPRouteHandler, schemas: dict[str, Any]) -> None:
    """The bodies as pydantic knows them: what comes in as it is validated, what goes out as it is written; examples."""
    signature = handler.parsed_fn_signature
    bodies: list[tuple[Any, dict[str, Any], JsonSchemaMode]] = [
        (_answer(signature.return_type.annotation), answer, "serialization")
        for status, answer in operation["responses"].items()
        if status.startswith("2")
    ]
    if "requestBody" in operation:
        bodies.append((signature.parameters["data"].annotation, operation["requestBody"], "validation"))
    for model, body, mode in bodies:
        if _JSON not in body.get("content", {}):
            continue
        schema = TypeAdapter(model).json_schema(mode=mode, ref_template=_SCHEMA)
        if isinstance(model, type) and issubclass(model, BaseModel) and not issubclass(model, Page):
            inner = schema.pop("$defs", {})
            schema = {
                "$ref": _SCHEMA.format(model=model.__name__),
                "$defs": {**inner, model.__name__: schema},
            }
        for name, definition in schema.pop("$defs", {}).items():
            if schemas.setdefault(name, definition) != definition:
                raise ValueError(
                    f"{name}: two models of this name, or one that goes in and out; name them apart"
                )
        body["content"][_JSON] = {"schema": schema}
        example = _example(model)
        if example is not None:
            body["content"][_JSON]["example"] = example


def _answer(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Response else annotation


def _example(model: Any) -> Any:
    """The example of a model, of a page or a list of them; None where the model shows none."""
    if get_origin(model) is list:
        item = _example(get_args(model)[0])
        return None if item is None else [item]
    if not isinstance(model, type) or not issubclass(model, BaseModel):
        return None
    if issubclass(model, Page):
        item = _example(model.__pydantic_generic_metadata__["args"][0])
        return None if item is None else {"items": [item], "next": None}
    extra = model.model_config.get("json_schema_extra")
    return extra["examples"][0] if isinstance(extra, dict) else None  # type: ignore[index]
