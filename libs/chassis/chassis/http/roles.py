"""Who may call a route, and for which municipality."""

from collections.abc import Sequence
from typing import Any

from chassis.auth import Principal
from chassis.errors import NotAllowed


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
