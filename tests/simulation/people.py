"""Citizens and staff: each asks until there is an answer, always with the same key, whatever happens meanwhile."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from callback.domain import Renew
from callback.handlers import change
from casework.handlers import Loaded, do_act, load_case, seal
from chassis.commit import Cause, caused_by_request
from chassis.errors import Conflict, NotYetVisible, Refusal, Unavailable, VersionMismatch
from intake.handlers import Told, receive_contact

from .acts import ACTS, BY, TRY, Act, Moment
from .services import Working, municipalities
from .world import Broken, Gone, World

if TYPE_CHECKING:
    from .scenario import Scenario

T = TypeVar("T")
_CHANNELS = ("phone", "phone", "chat", "visit", "web", "email", "letter")
_MOST_TRIES = 300
_ALERTED_AFTER = 30  # tries in vain; a case that does not become known may have a message held


@dataclass
class Accepted:
    """What was answered with yes: contacts by their case, acts; each by the key that it was asked with."""

    contacts: dict[str, str] = field(default_factory=dict)
    acts: dict[str, str] = field(default_factory=dict)
    renewals: dict[str, str] = field(default_factory=dict)
    refused: int = 0


class Person:
    """Lives with one case of one municipality."""

    def __init__(self, scenario: "Scenario", municipality: str, name: str) -> None:
        self.scenario = scenario
        self.world: World = scenario.world
        self.chance = scenario.world.chance
        self.municipality = municipality
        self.name = name
        self.case_id: str | None = None
        self._asked = 0

    async def live(self) -> None:
        """Contact the municipality; then staff act on the case, and the citizen may contact it again."""
        chance = self.chance
        await self.scenario.until(self.world.time.domain() + timedelta(hours=chance.uniform(0, 20)))
        self.case_id = await self.contact()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._work(chance.choice([0, 1, 1, 2, 3, 4])))
            group.create_task(self._come_back(chance.choice([0, 0, 0, 1, 2])))

    async def _work(self, times: int) -> None:
        kind = self.chance.random()
        if kind < 0.12:
            await self._try()
        for _ in range(times):
            await self.scenario.until(self._next())
            await self.act(self.chance.choices(ACTS, [act.weight for act in ACTS])[0])
        if kind > 0.8:
            await self.renew()

    async def _try(self) -> None:
        """Call again and again, some hours apart: it ends as tried, unless something else happens."""
        for _ in range(4):
            await self.scenario.until(self.world.time.domain() + timedelta(hours=self.chance.uniform(2, 14)))
            await self.act(TRY)

    async def _come_back(self, times: int) -> None:
        for _ in range(times):
            await self.scenario.until(self._next())
            await self.contact()

    def _next(self) -> datetime:
        """Soon, some time later, or just before or after the time that was promised; now and then much later."""
        chance, now = self.chance, self.world.time.domain()
        kind = chance.random()
        due_at = self.scenario.truth.next_due_at(self.case_id or "")
        if kind < 0.5 and due_at is not None and due_at > now:
            return max(now, due_at + timedelta(minutes=chance.uniform(-25, 15)))
        if kind < 0.7:
            return now + timedelta(minutes=chance.expovariate(1 / 15))
        if kind < 0.97:
            return now + timedelta(hours=chance.uniform(1, 40))
        return now + timedelta(days=chance.uniform(25, 40))

    async def contact(self) -> str:
        """The citizen contacts us; answers the case."""
        chance, town = self.chance, municipalities()[self.municipality]
        topics, owners = sorted(town.topics), sorted(town.owners)
        back = timedelta(hours=chance.uniform(0, 3)) if chance.random() < 0.2 else None
        told = Told(
            channel=chance.choice(_CHANNELS),
            citizen_kind=chance.choice(["person", "person", "business"]),
            name=None,
            phone=chance.choice([None, "+46701740605", "+46701740606"]),
            email=None,
            subject="Fråga",
            text=None,
            topic=chance.choice([None, *chance.sample(topics, 3)]),
            menu_choice=chance.choice([None, 1, 3]),
            asked_for=chance.choice(owners) if chance.random() < 0.1 else None,
            occurred_at=self.world.time.domain() - back if back else None,
            live=chance.choice([None, None, True, False]),
            case_id=self.case_id,
        )
        cause = self._cause()

        async def receive(working: Working) -> Any:
            desk = working.desk
            assert desk is not None
            # Asked again after a month of outages, an older time would be refused.
            oldest = desk.clock.now() - timedelta(days=29)
            corrected = replace(told, occurred_at=max(told.occurred_at, oldest)) if told.occurred_at else told
            return await receive_contact(desk, self.municipality, corrected, cause)

        answer = await self._persist("intake", receive)
        case_id: str = answer["case_id"]
        self.scenario.accepted.contacts[cause.body_hash or ""] = case_id
        self.world.tell(f"{self.name} contacted: {told.channel} {told.topic} live={told.live}")
        return case_id

    async def act(self, act: Act) -> None:
        """Do it, if the case allows it by then."""
        luck, pick = self.chance.random(), self.chance.random()
        case_id, cause = self.case_id or "", self._cause()
        town = municipalities()[self.municipality]

        async def load(working: Working) -> Loaded:
            assert working.cases is not None
            return await load_case(working.cases, self.municipality, case_id)

        for _ in range(_MOST_TRIES):
            loaded = await self._persist("casework", load)
            if not act.possible(loaded.case):
                return

            async def do(working: Working, loaded: Loaded = loaded) -> None:
                cases = working.cases
                assert cases is not None
                words = b""
                if act.field is not None:
                    words = await seal(cases, self.municipality, case_id, act.field, "ord")
                moment = Moment(loaded.case, cases.clock.now(), luck, pick, town, words)
                await do_act(
                    cases,
                    self.municipality,
                    case_id,
                    act.command(moment),
                    cause,
                    may=lambda _: None,
                    if_match=loaded.version,
                )

            try:
                await self._persist("casework", do)
            except VersionMismatch:
                continue
            except Refusal as refusal:
                self.world.tell(f"{self.name} {act.name}: refused, {type(refusal).__name__}")
                self.scenario.accepted.refused += 1
                return
            self.world.tell(f"{self.name} did: {act.name}")
            self.scenario.accepted.acts[cause.body_hash or ""] = act.name
            return

    async def renew(self) -> None:
        """Agree on another time, if the promise allows it."""
        case_id, cause, agreed_at = self.case_id or "", self._cause(), self.world.time.domain()
        due_at = agreed_at + timedelta(hours=self.chance.uniform(2, 60))
        command = Renew(due_at, None, agreed_at, "phone", "agreed", BY)

        async def ask(working: Working) -> None:
            assert working.promises is not None
            await change(working.promises, self.municipality, case_id, command, cause, may=lambda _: None)

        try:
            await self._persist("callback", ask)
        except Refusal as refusal:
            self.world.tell(f"{self.name} renew: refused, {type(refusal).__name__}")
            self.scenario.accepted.refused += 1
            return
        self.world.tell(f"{self.name} renewed until {due_at:%m-%d %H:%M}")
        self.scenario.accepted.renewals[cause.body_hash or ""] = "renew"

    def _cause(self) -> Cause:
        self._asked += 1
        key = f"{self.name}-{self._asked}"
        return Cause(caused_by_request("simulation", key), "simulation", body_hash=key)

    async def _persist(self, service: str, work: Callable[[Working], Coroutine[Any, Any, T]]) -> T:
        """Ask one replica, or another, until one answers."""
        for tried in range(1, _MOST_TRIES):
            if tried % _ALERTED_AFTER == 0:
                await self.scenario.replay_held()
            living = self.world.living(service)
            if living:
                try:
                    return await self.world.ask(self.chance.choice(living), work)
                except (Gone, Unavailable, Conflict, NotYetVisible) as error:
                    self.world.tell(f"{self.name} asks again: {type(error).__name__}")
            await self.world.wire.wait(0.1 + self.chance.random() * 0.5)
        raise Broken(f"{self.name}: {service} did not answer, {_MOST_TRIES} times")
