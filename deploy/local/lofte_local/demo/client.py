"""Talks to the services as any caller would: tokens, repeatable requests, versions, waiting for what is on its way."""

import asyncio
import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import httpx

from lofte_local.demo.day import Actor
from lofte_local.settings import SERVICES
from lofte_local.stack import Stack

__all__ = ["Client", "Refused"]

_PATIENCE = 20.0
"""Real seconds after which a request that gets no good answer is given up."""

_LOOK_AGAIN, _LONGEST_PAUSE = 0.25, 1.0
"""Real seconds; a case is usually visible well before the Retry-After that the services send has passed."""

_AT_ONCE = 5
_PASSING = frozenset({"case-handed-over", "case-resolved"})


class Refused(Exception):
    """A request that was not granted within the patience; says what was asked and what was answered."""


class Client:
    """Few connections to each of the five services. Use as an async context manager."""

    def __init__(self, stack: Stack, municipality: str) -> None:
        self.requests = 0
        self._municipality = municipality
        self._urls = {name: stack.service_url(name) for name in SERVICES}
        self._tokens: dict[Actor, str] = {}
        self._issuer = stack.issuer()
        # A small pool for each service: a pool looks at all its connections for every request.
        limits = httpx.Limits(max_connections=_AT_ONCE, max_keepalive_connections=_AT_ONCE)
        self._http = {
            name: httpx.AsyncClient(limits=limits, timeout=10, trust_env=False) for name in SERVICES
        }
        self._turn = {name: asyncio.Semaphore(_AT_ONCE) for name in SERVICES}

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._http.values():
            await client.aclose()

    async def get(
        self, service: str, path: str, by: Actor, *, parameters: Mapping[str, str] | None = None
    ) -> Any:
        """Read something. Raises Refused."""
        answer = await self._until_granted("GET", service, path, by, parameters=parameters)
        return answer.json()

    async def new_contact(self, by: Actor, body: Mapping[str, Any], *, key: str, wait: int = 0) -> Any:
        """Take a contact down; the answer names the case. `wait`: seconds to wait for its route. Raises Refused."""
        headers = {"Idempotency-Key": key}
        if wait:
            headers["Prefer"] = f"wait={wait}"
        return (
            await self._until_granted("POST", "intake", "/contacts", by, body=body, headers=headers)
        ).json()

    async def act(
        self, case_id: str, kind: str, by: Actor, body: Mapping[str, Any], *, key: str, version: str | None
    ) -> str:
        """Do something with a case as it is now; the case's new ETag. `version`: the ETag known, else it is read first.

        Raises:
            Refused: not granted within the patience.
        """
        path = f"/cases/{case_id}"
        until = asyncio.get_running_loop().time() + _PATIENCE
        while True:
            if version is None:
                version = (await self._until_granted("GET", "casework", path, by)).headers["ETag"]
            headers = {"Idempotency-Key": key, "If-Match": version}
            answer = await self._until_granted(
                "POST", "casework", f"{path}/{kind}", by, body=body, headers=headers, stale_until=until
            )
            if answer.status_code == httpx.codes.OK:
                return answer.headers["ETag"]
            version = None  # somebody, or a fact of another service, was first: look at the case again

    async def _until_granted(
        self,
        method: str,
        service: str,
        path: str,
        by: Actor,
        *,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        parameters: Mapping[str, str] | None = None,
        stale_until: float | None = None,
    ) -> httpx.Response:
        """Repeat until it is granted; a repeat is safe by its key. A stale version is handed back until its own deadline."""
        loop = asyncio.get_running_loop()
        until, pause, last = loop.time() + _PATIENCE, _LOOK_AGAIN, "no answer"
        content = None if body is None else json.dumps(body)
        sent = {
            "Authorization": f"Bearer {self._token(by)}",
            "Content-Type": "application/json",
            **(headers or {}),
        }
        while True:
            try:
                async with self._turn[service]:
                    self.requests += 1
                    answer = await self._http[service].request(
                        method,
                        f"{self._urls[service]}{path}",
                        content=content,
                        headers=sent,
                        params=parameters,
                    )
            except httpx.TransportError as error:
                last = type(error).__name__
            else:
                if answer.is_success:
                    return answer
                last = f"{answer.status_code} {_detail(answer)}"
                stale = answer.status_code == httpx.codes.PRECONDITION_FAILED
                if stale and stale_until is not None and loop.time() < stale_until:
                    return answer
                if not _passes(answer):
                    raise Refused(f"{method} {service} {path}: {last}")
            if loop.time() > until:
                raise Refused(f"{method} {service} {path}: {last} (after {_PATIENCE:.0f} s)")
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def _token(self, by: Actor) -> str:
        if by not in self._tokens:
            self._tokens[by] = self._issuer.token(
                by.role, self._municipality, department=by.department, subject=by.subject
            )
        return self._tokens[by]


def _passes(answer: httpx.Response) -> bool:
    """Whether the same request may be granted a moment later."""
    # 403: a case that is handed over still has its old owner until routing's answer comes.
    if answer.status_code >= 500 or answer.status_code == httpx.codes.FORBIDDEN:
        return True
    problem = _problem(answer)
    if answer.status_code == httpx.codes.NOT_FOUND:
        return str(problem.get("type", "")).endswith("not-yet-visible")
    # Routing's answer to a hand-over, or the further contact that reopens the case, is still on its way.
    return answer.status_code == httpx.codes.CONFLICT and problem.get("code") in (None, *_PASSING)


def _detail(answer: httpx.Response) -> str:
    problem = _problem(answer)
    return str(problem.get("detail") or problem.get("title") or "")


def _problem(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
