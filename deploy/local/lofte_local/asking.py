"""Asking a service over HTTP, for a command."""

from typing import Any

import httpx

from lofte_local.errors import LocalError

__all__ = ["ask"]


def ask(
    service: str, url: str, token: str, method: str, path: str, body: dict[str, str] | None = None
) -> Any:
    """The answer's JSON. Raises LocalError with what the problem document says, and each of its faults."""
    try:
        with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
            answer = client.request(method, path, headers={"Authorization": f"Bearer {token}"}, json=body)
            said = answer.json() if answer.content else {}
    except (httpx.HTTPError, ValueError) as error:
        raise LocalError(f"{service} does not answer at {url}: see ./lofte status.") from error
    if answer.is_error:
        problem = said if isinstance(said, dict) else {}
        faults = [f"\n{fault['detail']}" for fault in problem.get("errors", ()) if "detail" in fault]
        told = problem.get("detail") or problem.get("title") or answer.reason_phrase
        raise LocalError("".join((f"{service}: {told}", *faults)))
    return said
