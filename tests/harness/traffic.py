"""Traffic while things die: every request is repeated with its key until it is answered, by any replica."""

import asyncio
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import cycle, islice
from typing import Any, Literal

import httpx
from chassis.testing.waiting import eventually

from tests.harness.people import Body, Person, contact, person
from tests.harness.running import System

__all__ = ["KINDS", "Accepted", "Kind", "Traffic"]

Kind = Literal["live", "live-long-ago", "written", "to-department", "long-ago", "falls-due"]

KINDS: dict[Kind, tuple[str, str, timedelta, str, bool]] = {
    # channel, topic, how long ago, first owner, whether a promise is due
    "live": ("phone", "culture.library", timedelta(0), "group.culture", False),
    "live-long-ago": ("visit", "social.elderly-care", timedelta(minutes=80), "group.social", True),
    "written": ("email", "school.start", timedelta(0), "group.school", True),
    "to-department": ("letter", "city.building-permit", timedelta(0), "department.building", True),
    "long-ago": ("email", "city.building-permit", timedelta(days=9), "department.building", True),
    # 24 hours are promised: its time comes in a few seconds.
    "falls-due": (
        "web",
        "social.economic-aid-application",
        timedelta(hours=23, minutes=59, seconds=57),
        "department.social",
        True,
    ),
}
_DEADLINE = 180.0
_BREATH = 0.5


@dataclass
class Accepted:
    """A case whose contacts were answered 201, and what has to be true of it in the end."""

    case_id: str
    kind: Kind
    owner: str
    promise: bool
    contacts: list[str] = field(default_factory=list)
    routes: int = 1
    claims: int = 0
    resolved: bool = False


class Traffic:
    """Contacts and acts through the public APIs; `accepted` is what the services said yes to."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.accepted: list[Accepted] = []
        self._guide = person(system, "guide", subject="guide-anna")
        self._departments: dict[str, Person] = {}

    async def some(self, kind: Kind) -> Accepted:
        """A new case of a kind."""
        channel, topic, ago, owner, promise = KINDS[kind]
        more: dict[str, Any] = {"occurred_at": (self.system.now() - ago).isoformat()} if ago else {}
        told = await self._taken_down(contact(channel, topic, **more))
        found = Accepted(told["case_id"], kind, owner, promise, [told["contact_id"]])
        self.accepted.append(found)
        return found

    async def one_of_each(self) -> None:
        """A case of every kind; a further contact about one; two answered, one of them passed on before."""
        live, _, written, to_department, *_ = [await self.some(kind) for kind in KINDS]
        await self.follow_up(written)
        await self.claim(to_department)
        await self.resolve(to_department)
        await self.forward(live, "culture.library", "department.culture")
        await self.resolve(live)

    async def contacts(self, count: int, *, at_once: int = 16) -> None:
        """So many new cases of all kinds."""
        kinds = islice(cycle(KINDS), count)
        turns = asyncio.Semaphore(at_once)

        async def one(kind: Kind) -> None:
            async with turns:
                await self.some(kind)

        await asyncio.gather(*(one(kind) for kind in kinds))

    async def until(self, told: asyncio.Event) -> None:
        """Goes on until told to stop; with a breath after each round, so that who starts meanwhile gets the machine too."""
        while not told.is_set():
            await self.one_of_each()
            with suppress(TimeoutError):
                await asyncio.wait_for(told.wait(), _BREATH)

    async def follow_up(self, case: Accepted) -> None:
        """A further contact about an open case."""
        told = await self._taken_down(contact("phone", case_id=case.case_id))
        assert told["case_id"] == case.case_id
        case.contacts.append(told["contact_id"])

    async def claim(self, case: Accepted) -> None:
        await self._act(case, "claim", {})
        case.claims += 1

    async def promised(self, case: Accepted) -> None:
        """Wait until callback says that it made the promise of a case."""

        async def made() -> bool:
            answer = await self.insist(self._guide, "GET", "callback", f"/promises/{case.case_id}")
            return answer.status_code == httpx.codes.OK and bool(answer.json()["promises"])

        await eventually(made, _DEADLINE, every=0.1)

    async def forward(self, case: Accepted, topic: str, owner: str) -> None:
        """Pass a case on to the department of its topic, which then makes the promise."""
        await self._act(case, "forward", {"to_topic": topic, "reason": "Kräver handläggning."})
        case.owner, case.promise = owner, True
        case.routes += 1

    async def resolve(self, case: Accepted) -> None:
        await self._act(case, "resolve", {"answer": "Klart.", "minutes": 3})
        case.resolved = True

    async def insist(
        self, somebody: Person, method: str, service: str, path: str, **more: Any
    ) -> httpx.Response:
        """Ask one replica after the other until one answers with anything but 503."""

        async def answered() -> httpx.Response | None:
            try:
                answer = await somebody.ask(method, service, path, **more)
            except httpx.TransportError:
                return None
            return None if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE else answer

        found = await eventually(answered, _DEADLINE, every=0.1)
        assert found is not None
        return found

    async def _taken_down(self, body: Body) -> Body:
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        answer = await self.insist(self._guide, "POST", "intake", "/contacts", json=body, headers=headers)
        assert answer.status_code == httpx.codes.CREATED, answer.text
        told: Body = answer.json()
        return told

    async def _act(self, case: Accepted, verb: str, body: Body) -> None:
        """Read the case as its owner and act on it; again when somebody or something was faster."""
        path, key = f"/cases/{case.case_id}", uuid.uuid4().hex

        async def acted() -> bool:
            owner = self._owner(case.owner)
            seen = await self.insist(owner, "GET", "casework", path)
            if seen.status_code != httpx.codes.OK or seen.json()["owner"] != case.owner:
                return False
            headers = {"Idempotency-Key": key, "If-Match": seen.headers["ETag"]}
            answer = await self.insist(
                owner, "POST", "casework", f"{path}/{verb}", json=body, headers=headers
            )
            if answer.status_code == httpx.codes.PRECONDITION_FAILED:
                return False
            assert answer.status_code == httpx.codes.OK, answer.text
            return True

        await eventually(acted, _DEADLINE, every=0.1)

    def _owner(self, owner: str) -> Person:
        kind, _, slug = owner.partition(".")
        if kind == "group":
            return self._guide
        if slug not in self._departments:
            self._departments[slug] = person(
                self.system, "handler", department=slug, subject=f"handler-{slug}"
            )
        return self._departments[slug]
