"""The app of a service: its routes, each with its roles; tokens, problems, health and the API document around them."""

from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from copy import copy
from functools import cache
from time import perf_counter
from typing import Any

import structlog
from litestar import Litestar, get
from litestar.di import Provide
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.plugins.pydantic import PydanticPlugin
from litestar.types import ASGIApp, ControllerRouterHandler, Message, Method, Receive, Scope, Send

from chassis.auth import Principal, TokenVerifier
from chassis.crash import CrashPoints
from chassis.errors import NotAllowed, Unauthenticated, Unavailable
from chassis.http.health import Health, health_routes
from chassis.http.held import held_routes
from chassis.http.openapi import describe
from chassis.http.problems import to_problem
from chassis.http.requests import AnyRequest, header
from chassis.runtime import Parts, Runtime
from chassis.telemetry import Metrics, Tracing

LARGEST_BODY = 256 * 1024
_JSON = "application/json"


_asking: ContextVar[Principal] = ContextVar("principal")


async def _principal() -> Principal:
    return _asking.get()


PRINCIPAL = Provide(_principal)
"""A handler's `principal: NamedDependency[Principal]`: who is asking."""


def api_document(runtime: Runtime[Any], parts: Parts) -> dict[str, Any]:
    """The OpenAPI 3.1 document of a service."""
    # Copies: Litestar lets a handler belong to one app, the last that registered it, and this one only describes.
    routes = [copy(route) for route in _routes_of(runtime, parts)]
    return describe(parts.title, parts.version, routes, {"principal": PRINCIPAL})


def _routes_of(runtime: Runtime[Any], parts: Parts) -> Sequence[ControllerRouterHandler]:
    return [*parts.routes, *(held_routes(runtime.held) if parts.subscriptions or parts.views else ())]


def make_app(runtime: Runtime[Any], parts: Parts) -> Litestar:
    """The app of a service. Raises ValueError when a route says neither its roles nor that it is public."""
    document = cache(lambda: api_document(runtime, parts))

    @get(
        "/openapi.json",
        include_in_schema=False,
        opt={"public": True},
        media_type="application/json",
        sync_to_thread=True,
    )
    def openapi() -> dict[str, Any]:
        return document()

    check = _checking(runtime.verifier, runtime.health)
    app = Litestar(
        route_handlers=[
            *health_routes(runtime.health, runtime.metrics),
            openapi,
            *_routes_of(runtime, parts),
        ],
        # Not a guard: Litestar copies the whole route handler for every guard it calls.
        before_request=check,
        # None: each field as strict as it says; the plugin's own False would overrule `Field(strict=True)`.
        plugins=[PydanticPlugin(validate_strict=None)],  # type: ignore[arg-type]
        dependencies={"principal": PRINCIPAL},
        exception_handlers={Exception: to_problem},
        request_max_body_size=LARGEST_BODY,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    _refuse_open_routes(app, check)
    app.asgi_handler = observed(app, runtime.tracing, runtime.metrics, runtime.crash)
    return app


def _checking(verifier: TokenVerifier, health: Health) -> Callable[[AnyRequest], Awaitable[None]]:
    async def check(request: AnyRequest) -> None:
        """Tokens, roles and media types, before a body is read."""
        roles = request.scope["route_handler"].opt.get("roles")
        if roles is None:
            return
        if not health.prepared:
            raise Unavailable("The service is starting; try again in a moment.")
        scheme, _, token = (header(request, b"authorization") or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("Send a bearer token: Authorization: Bearer ...")
        principal = await verifier.verify(token.strip())
        if principal.role not in roles:
            raise NotAllowed(
                f"The role {principal.role} may not do this; it takes {', '.join(sorted(roles))}."
            )
        _asking.set(principal)
        if request.method == "GET":
            return
        media_type = header(request, b"content-type")
        if media_type not in (None, _JSON) and media_type.partition(";")[0].strip().lower() != _JSON:
            raise HTTPException(status_code=415)

    return check


def _refuse_open_routes(app: Litestar, check: Callable[[AnyRequest], Awaitable[None]]) -> None:
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if "public" in handler.opt or handler.http_methods == {"OPTIONS"}:
                continue
            if "roles" not in handler.opt:
                raise ValueError(f"{route.path}: says no roles; give the route **allow(...)")
            if handler.resolve_before_request() is not check:
                raise ValueError(f"{route.path}: its own before_request would pass the check of tokens by")


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
                # Probes come every few seconds and say nothing.
                (log.debug if route.startswith("/health/") else log.info)(
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
