"""Who may call a route, and for which municipality."""

from collections.abc import Sequence
from typing import Any

from chassis.auth import Principal
from chassis.errors import NotAllowed


def allow(
    *roles: str,
    headers: Sequence[str] = (),
    tells: Sequence[str] = (),
    refuses: Sequence[type[Exception]] = (),
    keyed: bool = True,
) -> dict[str, Any]:
    """Who may call a route: `@post("/contacts", **allow("guide", "robot"))`. A route without roles starts no service.

    The rest goes into the API document; the tests hold it against what the running service answers.

    Args:
        headers: request headers beside Idempotency-Key: "If-Match", "Prefer".
        tells: response headers: "ETag", "Location".
        refuses: the errors that are not every such route's own: NotFound, NotYetVisible, RuleViolation, InvalidInput.
        keyed: whether a POST takes an Idempotency-Key; not one that writes nothing, or is safe to repeat as it is.
    """
    if not roles:
        raise ValueError("allow: name at least one role")
    told = {"headers": tuple(headers), "tells": tuple(tells), "refuses": tuple(refuses), "keyed": keyed}
    return {"opt": {"roles": frozenset(roles), **told}}


def municipality_of(principal: Principal, named: str) -> str:
    """The municipality that a request names, if it is the token's.

    Raises:
        NotAllowed: it is another.
    """
    if named != principal.municipality:
        raise NotAllowed("The token is for another municipality.")
    return named
