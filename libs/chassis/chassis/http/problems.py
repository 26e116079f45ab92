"""Every error as an RFC 9457 problem document. The one place where errors get their HTTP status."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, SerializationException, ValidationException

from chassis import errors

MEDIA_TYPE = "application/problem+json"

# Error: status, slug of its type, title. The nearest class of an error's ancestry counts.
_PROBLEMS: Mapping[type[Exception], tuple[int, str, str]] = {
    errors.InvalidInput: (422, "invalid-input", "A field is missing or wrong"),
    errors.NotFound: (404, "not-found", "There is no such thing"),
    errors.NotYetVisible: (404, "not-yet-visible", "Not visible yet"),
    errors.NotAllowed: (403, "not-allowed", "Not allowed"),
    errors.Unauthenticated: (401, "unauthenticated", "No valid token"),
    errors.RuleViolation: (409, "rule-violation", "A rule says no"),
    errors.VersionMismatch: (412, "version-mismatch", "It has changed meanwhile"),
    errors.VersionRequired: (428, "version-required", "If-Match is needed"),
    errors.KeyReused: (422, "key-reused", "The idempotency key was used for another request"),
    errors.CommitTooLarge: (413, "too-large", "Too large"),
    errors.Conflict: (409, "conflict", "Others were first"),
    errors.OutcomeUnknown: (503, "outcome-unknown", "The outcome is unknown"),
    errors.Unavailable: (503, "unavailable", "Not available now"),
    errors.Refusal: (400, "refused", "Refused"),
    RecursionError: (400, "bad-request", "The request cannot be read"),
    UnicodeDecodeError: (400, "bad-request", "The request cannot be read"),
}
_OF_STATUS: Mapping[int, tuple[str, str]] = {
    400: ("bad-request", "The request cannot be read"),
    401: ("unauthenticated", "No valid token"),
    403: ("not-allowed", "Not allowed"),
    404: ("not-found", "There is no such path"),
    405: ("method-not-allowed", "This path does not take this method"),
    413: ("too-large", "Too large"),
    415: ("unsupported-media-type", "Send JSON"),
}
_DETAILS: Mapping[int, str] = {
    404: "There is nothing at this path; /openapi.json lists what there is.",
    405: "The header Allow names the methods of this path.",
    413: "At most 256 KiB are taken.",
    415: "Send the body as application/json.",
}
_NOT_JSON = "The body is not valid JSON."
_LEFT = "client disconnected prematurely"
_HEADERS: Mapping[str, Mapping[str, str]] = {
    "unauthenticated": {"WWW-Authenticate": "Bearer"},
    "not-yet-visible": {"Retry-After": "1"},
    "conflict": {"Retry-After": "1"},
    "outcome-unknown": {"Retry-After": "1"},
    "unavailable": {"Retry-After": "2"},
}
_ABOUT = "urn:lofte:problem:"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_MISSING_PARAMETER = re.compile(r"Missing required \w+ parameter '([\w-]+)'")

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ProblemType:
    """What is the same in all problem documents of a type."""

    status: int
    slug: str
    title: str

    @property
    def urn(self) -> str:
        return f"{_ABOUT}{self.slug}"

    @property
    def headers(self) -> Mapping[str, str]:
        return _HEADERS.get(self.slug, {})


def problem_type(kind: type[Exception] | int) -> ProblemType:
    """The type of the document that an error of ours, or a bare status, ends in."""
    return ProblemType(kind, *_OF_STATUS[kind]) if isinstance(kind, int) else ProblemType(*_PROBLEMS[kind])


def to_problem(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """The answer to a request that ended in `error`; an unexpected error tells nothing and is logged."""
    found = next((_PROBLEMS[kind] for kind in type(error).__mro__ if kind in _PROBLEMS), None)
    detail: str | None = None
    extra: Mapping[str, Any] = {}
    if found is not None:
        status, slug, title = found
        detail = error.detail if isinstance(error, errors.Refusal) else str(error)
        extra = error.extra if isinstance(error, errors.Refusal) else {}
        if isinstance(error, RecursionError):
            detail = "The body is nested too deeply."
        elif isinstance(error, UnicodeDecodeError):
            detail = "The body is not UTF-8."
    elif isinstance(error, ValidationException):
        status, slug, title = _PROBLEMS[errors.InvalidInput]
        faults = [{**fault, "field": _as_sent(request, fault["field"])} for fault in faults_of(error)]
        detail = "; ".join(f"{fault['field']}: {fault['detail']}" for fault in faults[:3])
        extra = {"errors": faults}
    elif isinstance(error, HTTPException) and (error.status_code < 500 or error.detail == _LEFT):
        # Litestar calls it our error when the client leaves before its body is here.
        status = error.status_code if error.status_code < 500 else 400
        slug, title = _OF_STATUS.get(status, ("refused", HTTPStatus(status).phrase))
        detail = _NOT_JSON if isinstance(error.__cause__, SerializationException) else _DETAILS.get(status)
    else:
        status, slug, title = 500, "unexpected", "Something went wrong here"
    if status >= 500:
        route = request.scope.get("path_template")
        (_log.error if status == 500 else _log.warning)("request failed", route=route, exc_info=error)
    document = {"type": f"{_ABOUT}{slug}", "title": title, "status": status}
    if detail:
        document["detail"] = detail
    headers = dict(_HEADERS.get(slug, {}))
    if status == 405:
        headers["Allow"] = ", ".join(_methods_of(request))
    return Response({**extra, **document}, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def faults_of(error: ValidationException) -> list[dict[str, str]]:
    """What is wrong with which field, `[{"field", "detail"}, ...]`; never the values that came in."""
    pydantic_faults = getattr(error.__cause__, "errors", None)
    if isinstance(pydantic_faults, list):
        return faults_in(pydantic_faults)
    missing = _MISSING_PARAMETER.search(error.detail)
    if missing is not None:
        return [{"field": missing[1], "detail": "missing"}]
    found: list[dict[str, str]] = []
    for message in error.extra if isinstance(error.extra, list) else ():
        key = str(message.get("key", "")) or "request"
        if key == "data":
            found.append({"field": "body", "detail": "missing or not an object; send JSON"})
        else:
            # Quoted in the library's messages is what came in.
            found.append({"field": key[:100], "detail": str(message["message"]).partition(" '")[0][:200]})
    return found or [{"field": "request", "detail": "not of the form that this path takes"}]


def faults_in(faults: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The same, from pydantic's own list of errors."""
    return [{"field": _field(fault["loc"]), "detail": _sentence(fault)} for fault in faults]


def _as_sent(request: Request[Any, Any, Any], field: str) -> str:
    """A parameter by the name that the caller knows; a handler may call it otherwise (`state` is Litestar's own)."""
    handler = request.scope.get("route_handler")
    parameter = handler.parsed_fn_signature.parameters.get(field) if handler is not None else None
    name = getattr(parameter.kwarg_definition, "name", None) if parameter is not None else None
    return str(name or field)


def _field(place: tuple[int | str, ...]) -> str:
    return ".".join(map(str, place))[:100] or "body"


def _sentence(fault: Mapping[str, Any]) -> str:
    kind, message = str(fault["type"]), str(fault["msg"]).removeprefix("Value error, ")
    if kind == "missing":
        return "missing"
    if kind == "extra_forbidden":
        return "unknown; this request takes no such field"
    if kind == "union_tag_invalid":
        return f"not one of {fault['ctx']['expected_tags']}"
    if kind.endswith(("_parsing", "_type", "_attributes_type")):
        return message.partition(",")[0]
    if message.startswith("value is not a valid email address"):
        return "not a valid e-mail address"
    return message[:300]


def _methods_of(request: Request[Any, Any, Any]) -> list[str]:
    router = request.app.asgi_router
    allowed = []
    for method in _METHODS:
        try:
            router.handle_routing(path=request.scope["path"], method=method)
        except HTTPException:
            continue
        allowed.append(method)
    return [*allowed, "OPTIONS"]
