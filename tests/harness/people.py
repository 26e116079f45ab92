"""Whoever calls the services: a guide, a handler of a department, an admin; and what they do with a case."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from chassis.testing.waiting import eventually

from tests.harness.running import System

Body = Mapping[str, Any]

__all__ = ["Body", "CaseSeen", "Person", "contact", "person"]


@dataclass(frozen=True)
class CaseSeen:
    """A case as it was read, with the ETag that its next act needs."""

    id: str
    etag: str
    body: Body


@dataclass(frozen=True)
class Person:
    """Somebody with a token."""

    system: System
    token: str = field(repr=False)
    municipality: str = "0581"

    async def get(
        self, service: str, path: str, *, replica: int | None = None, **parameters: Any
    ) -> httpx.Response:
        return await self.ask("GET", service, path, replica=replica, params=parameters)

    async def post(
        self,
        service: str,
        path: str,
        body: Body,
        *,
        key: str | None = None,
        if_match: str | None = None,
        wait: int | None = None,
        replica: int | None = None,
    ) -> httpx.Response:
        given = {"Idempotency-Key": key, "If-Match": if_match, "Prefer": f"wait={wait}" if wait else None}
        headers = {name: value for name, value in given.items() if value is not None}
        return await self.ask("POST", service, path, replica=replica, json=body, headers=headers)

    async def ask(
        self,
        method: str,
        service: str,
        path: str,
        *,
        replica: int | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> httpx.Response:
        """One request, as it is; without a replica named, to the next one."""
        url = f"{self.system.url(service, replica or next(self.system.doors))}{path}"
        told = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        return await self.system.http.request(method, url, headers=told, **more)

    async def report(self, body: Body, *, wait: int | None = None, key: str | None = None) -> Body:
        """Take a contact down; it has to be accepted."""
        answer = await self.post("intake", "/contacts", body, wait=wait, key=key)
        assert answer.status_code == 201, answer.text
        return _object(answer)

    async def see(self, case_id: str) -> CaseSeen:
        """A case, as soon as casework shows it."""

        async def shown() -> CaseSeen | None:
            answer = await self.get("casework", f"/cases/{case_id}")
            assert answer.status_code in (200, 404), answer.text
            return (
                CaseSeen(case_id, answer.headers["ETag"], _object(answer))
                if answer.status_code == 200
                else None
            )

        found = await eventually(shown, 30)
        assert found is not None
        return found

    async def see_owned(self, case_id: str, owner: str) -> CaseSeen:
        """A case, as soon as it is in the hands of `owner`."""

        async def owned() -> CaseSeen | None:
            answer = await self.get("casework", f"/cases/{case_id}")
            if answer.status_code != 200:  # 403: it is somebody else's yet
                return None
            body = _object(answer)
            arrived = body["owner"] == owner and body["status"] == "open"
            return CaseSeen(case_id, answer.headers["ETag"], body) if arrived else None

        found = await eventually(owned, 30)
        assert found is not None
        return found

    async def act(self, case: CaseSeen, verb: str, body: Body, *, key: str | None = None) -> CaseSeen:
        """Do something with a case that was read; it has to be allowed. Gives the case as it is then."""
        answer = await self.post("casework", f"/cases/{case.id}/{verb}", body, if_match=case.etag, key=key)
        assert answer.status_code == 200, answer.text
        return CaseSeen(case.id, answer.headers["ETag"], _object(answer))

    async def resolve(self, case: CaseSeen, answer: str = "Det är klart.", minutes: int = 5) -> CaseSeen:
        return await self.act(case, "resolve", {"answer": answer, "minutes": minutes})

    async def rows(self, owner: str, *, limit: int = 200) -> Sequence[Body]:
        """An owner's whole list, page by page."""
        found: list[Body] = []
        parameters: dict[str, Any] = {"limit": limit}
        while True:
            answer = await self.get("casework", f"/owners/{owner}/cases", **parameters)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            found += page["items"]
            if page["next"] is None:
                return found
            parameters["cursor"] = page["next"]

    async def row(self, owner: str, case_id: str) -> Body | None:
        """A case in its owner's list."""
        return next((row for row in await self.rows(owner) if row["case_id"] == case_id), None)

    async def as_of(self, case_id: str, at: str) -> Body | None:
        """The promise of a case as it was known at a moment, by whatever page it is on; None: it is on none."""
        parameters: dict[str, Any] = {"at": at, "limit": 200}
        while True:
            answer = await self.get("callback", "/promises/as-of", **parameters)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            found = next((row for row in page["items"] if row["case_id"] == case_id), None)
            if found is not None or page["next"] is None:
                return found
            parameters["cursor"] = page["next"]

    async def promises(self, case_id: str) -> Sequence[Body]:
        """What callback says about a case; empty also while it does not know it."""
        answer = await self.get("callback", f"/promises/{case_id}")
        if answer.status_code == 404:
            return []
        assert answer.status_code == 200, answer.text
        found: Sequence[Body] = answer.json()["promises"]
        return found

    async def promise(self, case_id: str, state: str, *, deadline: float = 30) -> Body:
        """The first promise of a case, as soon as it is in a state."""

        async def reached() -> Body | None:
            promises = await self.promises(case_id)
            return promises[0] if promises and promises[0]["state"] == state else None

        found = await eventually(reached, deadline)
        assert found is not None
        return found

    async def history(self, case_id: str) -> Sequence[Body]:
        answer = await self.get("casework", f"/cases/{case_id}/history")
        assert answer.status_code == 200, answer.text
        found: Sequence[Body] = answer.json()
        return found


def person(
    system: System,
    role: str,
    *,
    department: str | None = None,
    subject: str | None = None,
    municipality: str = "0581",
) -> Person:
    """Somebody with a role; `department` is a slug such as building."""
    token = system.stack.token(role, municipality, department=department, subject=subject)
    return Person(system, token, municipality)


def contact(channel: str, topic: str | None = None, **more: Any) -> dict[str, Any]:
    """What a person tells. `more` replaces or adds fields."""
    told: dict[str, Any] = {
        "municipality": "0581",
        "channel": channel,
        "citizen": {"kind": "person", "name": "Maja Lind", "phone": "+46 70 174 06 12"},
        "subject": "En fråga",
    }
    if topic is not None:
        told["topic"] = topic
    return told | more


def _object(answer: httpx.Response) -> Body:
    body: Body = answer.json()
    return body
