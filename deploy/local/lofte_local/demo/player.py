"""Plays a planned day against the real clock: each errand by itself, each act at its time, however fast the services are."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chassis.clock import Clock

from lofte_local.demo.client import Client, Refused
from lofte_local.demo.day import Act, Day, Errand

__all__ = ["Played", "play"]

_ON_ITS_WAY = timedelta(minutes=2)
"""Domain time; asking for a case sooner after its contact only makes the services say: not yet."""


_IN_CONVERSATION = "*"
"""Whatever version: while the citizen is on the line nobody else has the case."""


@dataclass
class Played:
    """What came of it. `latest`: by how much domain time the slowest step ended after its time."""

    cases: dict[int, str] = field(default_factory=dict)
    references: dict[int, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    steps: int = 0
    latest: timedelta = timedelta(0)
    slowest: str = ""


async def play(day: Day, client: Client, clock: Clock, stepped: Callable[[], None]) -> Played:
    """Play the whole day; returns when its last act is done. `stepped` is called after each step."""
    played = Played()
    async with asyncio.TaskGroup() as group:
        for errand in day.errands:
            group.create_task(_Part(day, client, clock, played, stepped).errand(errand))
    return played


@dataclass(frozen=True)
class _Part:
    day: Day
    client: Client
    clock: Clock
    played: Played
    stepped: Callable[[], None]

    async def errand(self, errand: Errand) -> None:
        try:
            await self._until(errand.taken_at)
            case_id = await self._open(errand)
            version: str | None = None
            for place, act in enumerate(errand.acts, start=1):
                await self._until(act.at)
                key = f"{self._key(errand)}-{place}"
                if act.kind == "ask-again":
                    await self.client.new_contact(act.by, {**act.body, "case_id": case_id}, key=key)
                else:
                    known = (
                        version if act.with_previous else _IN_CONVERSATION if _talking(errand, act) else None
                    )
                    version = await self.client.act(
                        case_id, act.kind, act.by, act.body, key=key, version=known
                    )
                self._done(act.at, errand, act)
        except Refused as refused:
            self.played.refused.append(str(refused))

    async def _open(self, errand: Errand) -> str:
        # Only for the case whose story is told does somebody wait to hear where it went.
        wait = 5 if errand.number == self.day.hero else 0
        opened = await self.client.new_contact(errand.by, errand.body, key=self._key(errand), wait=wait)
        case_id = str(opened["case_id"])
        self.played.cases[errand.number] = case_id
        self.played.references[errand.number] = opened["case_reference"]
        self._done(errand.taken_at, errand, None)
        if errand.acts and errand.acts[0].at - errand.taken_at < _ON_ITS_WAY:
            await self.clock.sleep(self.clock.real_seconds(_ON_ITS_WAY))
        return case_id

    def _done(self, at: datetime, errand: Errand, act: Act | None) -> None:
        late = self.clock.now() - at
        if late > self.played.latest:
            self.played.latest = late
            self.played.slowest = (
                f"{act.kind if act else 'contact'} of {errand.body['channel']} {errand.number}"
            )
        self.played.steps += 1
        self.stepped()

    async def _until(self, moment: datetime) -> None:
        ahead = self.clock.real_seconds(moment - self.clock.now())
        if ahead > 0:
            await self.clock.sleep(ahead)

    def _key(self, errand: Errand) -> str:
        return f"demo-{self.day.seed}-{errand.number}"


def _talking(errand: Errand, act: Act) -> bool:
    return errand.live and act.at == errand.received_at and act.by.role == "guide"
