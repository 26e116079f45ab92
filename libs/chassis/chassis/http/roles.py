"""Who may call a route, and for which municipality."""

from collections.abc import Mapping, Sequence
from typing import Any

from chassis.auth import Principal
from chassis.errors import Conflict, NotAllowed, OutcomeUnknown

APPENDING = (Conflict, OutcomeUnknown)
"""What any route can end in that appends to a log: `allow(refuses=(*APPENDING, ...))`."""


def allow(
    *roles: str,
    headers: Sequence[str] = (),
    tells: Sequence[str] = (),
    refuses: Sequence[type[Exception]] = (),
    keyed: bool = True,
    shows: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Who may call a route: `@post("/contacts", **allow("guide", "robot"))`. A route without roles starts no service.

    The rest goes into the API document; the tests hold it against what the running service answers.

    Args:
        headers: request headers beside Idempotency-Key: "If-Match", "Prefer".
        tells: response headers: "ETag", "Location".
        refuses: the errors that are not every such route's own: NotFound, RuleViolation, those of APPENDING; with
            VersionRequired, If-Match is not only heeded but needed.
        keyed: whether a request that changes something takes an Idempotency-Key; not one that writes nothing, or is safe to repeat as it is.
        shows: what its problem documents tell beside their own fields, as JSON Schemas by name.
    """
    if not roles:
        raise ValueError("allow: name at least one role")
    told = {"headers": tuple(headers), "tells": tuple(tells), "refuses": tuple(refuses), "keyed": keyed}
    return {"opt": {"roles": frozenset(roles), **told, "shows": shows or {}}}


def municipality_of(principal: Principal, named: str) -> str:
    """The municipality that a request names, if it is the token's.

    Raises:
        NotAllowed: it is another.
    """
    if named != principal.municipality:
        raise NotAllowed("The token is for another municipality.")
    return named
