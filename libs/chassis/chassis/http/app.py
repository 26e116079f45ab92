"""The app of a service: its routes, each with its roles; tokens, problems, health and the API document around them."""

from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

import structlog
from litestar import Litestar, Request, get
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, Message, Method, Receive, Scope, Send

from chassis.auth import Principal, TokenVerifier
from chassis.crash import CrashPoints
from chassis.errors import NotAllowed, Unauthenticated, Unavailable
from chassis.http.health import Health, health_routes
from chassis.http.openapi import describe
from chassis.http.problems import to_problem
from chassis.telemetry import Metrics, Tracing, is_traceparent

if TYPE_CHECKING:
    from chassis.service import Parts, Runtime

LARGEST_BODY = 256 * 1024


def _principal(request: Request[Any, Any, Any]) -> Principal:
    principal: Principal = request.scope["user"]
    return principal


PRINCIPAL = Provide(_principal, sync_to_thread=False)
"""A handler's `principal: NamedDependency[Principal]`: who is asking."""


def allow(*roles: str, headers: Sequence[str] = ()) -> dict[str, Any]:
    """Who may call a route: `@post("/contacts", **allow("guide", "robot"))`. A route without roles starts no service.

    Args:
        headers: request headers to document beside Idempotency-Key: "If-Match", "Prefer".
    """
    if not roles:
        raise ValueError("allow: name at least one role")
    return {"opt": {"roles": frozenset(roles), "headers": tuple(headers)}}


def municipality_of(principal: Principal, named: str) -> str:
    """The municipality that a request names, if it is the token's.

    Raises:
        NotAllowed: it is another.
    """
    if named != principal.municipality:
        raise NotAllowed("The token is for another municipality.")
    return named


def api_document(parts: "Parts") -> dict[str, Any]:
    """The OpenAPI 3.1 document of a service."""
    return describe(parts, {"principal": PRINCIPAL})


def make_app(runtime: "Runtime[Any]", parts: "Parts") -> Litestar:
    """The app of a service. Raises ValueError when a route says neither its roles nor that it is public."""
    document: dict[str, Any] = {}

    @get("/openapi.json", include_in_schema=False, opt={"public": True}, media_type="application/json")
    async def openapi() -> dict[str, Any]:
        if not document:
            document.update(api_document(parts))
        return document

    app = Litestar(
        route_handlers=[*health_routes(runtime.health, runtime.metrics), openapi, *parts.routes],
        guards=[_guard(runtime.verifier, runtime.health)],
        dependencies={"principal": PRINCIPAL},
        exception_handlers={Exception: to_problem},
        request_max_body_size=LARGEST_BODY,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    _refuse_open_routes(app)
    app.asgi_handler = observed(app, runtime.tracing, runtime.metrics, runtime.crash)
    return app


def _guard(verifier: TokenVerifier, health: Health) -> Any:
    async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        """Tokens, roles and media types, before a body is read."""
        roles = handler.opt.get("roles")
        if roles is None:
            return
        if not health.prepared:
            raise Unavailable("The service is starting; try again in a moment.")
        scheme, _, token = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("Send a bearer token: Authorization: Bearer ...")
        principal = await verifier.verify(token.strip())
        if principal.role not in roles:
            raise NotAllowed(
                f"The role {principal.role} may not do this; it takes {', '.join(sorted(roles))}."
            )
        connection.scope["user"] = principal
        media_type = connection.headers.get("content-type", "application/json")
        if media_type.partition(";")[0].strip().lower() != "application/json":
            raise HTTPException(status_code=415)

    return guard


def _refuse_open_routes(app: Litestar) -> None:
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if "roles" in handler.opt or "public" in handler.opt or handler.http_methods == {"OPTIONS"}:
                continue
            raise ValueError(f"{route.path}: says no roles; give the route **allow(...)")


def observed(app: Litestar, tracing: Tracing, metrics: Metrics, crash: CrashPoints) -> ASGIApp:
    """Around everything, also what finds no route: a span, the metrics, one log line without values or bodies."""
    inner, router, log = app.asgi_handler, app.asgi_router, structlog.get_logger()

    def template(path: str, method: Method) -> str:
        try:
            return str(router.handle_routing(path=path, method=method)[4])
        except HTTPException:
            return "unmatched"

    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.WEBSOCKET:
            await inner(scope, receive, send)
            return
        began, status, method = perf_counter(), 500, scope["method"]
        parent = next(
            (value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"), None
        )
        if parent is not None and not is_traceparent(parent):
            parent = None
        name = f"{method} {template(scope['path'], method)}" if tracing.recording else method
        with tracing.span(name, parent) as traceparent:
            scope["lofte.traceparent"] = traceparent  # type: ignore[typeddict-unknown-key]

            async def observed_send(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                    message["headers"] = [*message["headers"], (b"traceparent", traceparent.encode())]
                await send(message)

            try:
                await inner(scope, receive, observed_send)
            finally:
                route = scope.get("path_template") or "unmatched"
                seconds = perf_counter() - began
                metrics.request_done(method, route, status, seconds)
                log.info(
                    "request",
                    method=method,
                    route=route,
                    status=status,
                    ms=round(seconds * 1000, 1),
                    trace=traceparent[3:35],
                )
            if method == "POST" and status < 300:
                crash.passed("answered")

    return handler
