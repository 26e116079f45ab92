"""The services as their `main.build` wires them, on simulated servers. `test_composition` compares the two."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import callback.books
import callback.consumers
import callback.handlers
import callback.main
import callback.publisher
import casework.consumers
import casework.handlers
import casework.publisher
import casework.views
import intake.handlers
import intake.publisher
import routing.consumers
import routing.handlers
import routing.main
import routing.publisher
from callback.domain import PolicyBooks
from callback.timers import TimerLoop
from chassis.broker import Broker
from chassis.commit import Commit
from chassis.correction import ClockCorrection
from chassis.crash import NEVER
from chassis.lease import Lease
from chassis.member import Surroundings
from chassis.reacting import Handler, Subscription, deciding
from chassis.relay import Relay, ToContracts
from chassis.sealing import KeyRing
from chassis.serving import parse_fact
from chassis.store import EventStore
from chassis.telemetry import Metrics, Tracing
from chassis.testing.store import MemoryStore
from chassis.views import Project, View
from chassis.watermarks import Barrier, WatermarkReader
from municipality import Municipality, WrittenBook, read_folder
from routing.domain import RuleBook

from .clocks import ReplicaClock
from .groups import PREFIX, Reader
from .wire import Remote, Wire, driver_failed, unavailable, unknown

if TYPE_CHECKING:
    from .world import Database, Replica, World

Loop = Callable[[], Awaitable[None]]
SERVICES = ("intake", "routing", "casework", "callback")


@cache
def municipalities() -> Mapping[str, Municipality]:
    """Those that ship with Löfte."""
    return read_folder(Path(__file__).parents[2] / "deploy" / "municipalities")


@cache
def rule_books() -> Mapping[str, RuleBook]:
    return {code: routing.main.rule_book(one) for code, one in municipalities().items()}


@cache
def policy_books() -> Mapping[str, PolicyBooks]:
    books = {code: callback.books.policy_book(WrittenBook.of(one)) for code, one in municipalities().items()}
    return {code: PolicyBooks(book) for code, book in books.items()}


# Codecs are dear to make and keep nothing: each service's is made once.
contact_rules = cache(intake.handlers.decider)
route_rules = cache(routing.handlers.decider)
case_rules = cache(casework.handlers.decider)
promise_rules = cache(callback.handlers.decider)
_metrics = cache(Metrics)
_tracing = cache(lambda: Tracing("simulation", None))

PUBLISH: Mapping[str, ToContracts] = {
    "intake": lambda commit: intake.publisher.to_contracts(contact_rules(), commit),
    "routing": lambda commit: routing.publisher.to_contracts(route_rules(), commit),
    "casework": lambda commit: casework.publisher.to_contracts(case_rules(), commit),
    "callback": lambda commit: callback.publisher.to_contracts(promise_rules(), commit),
}


@dataclass
class Working:
    """What a replica is made of: its loops, what it reads, and what its API calls."""

    loops: dict[str, Loop]
    subscriptions: list[Subscription] = field(default_factory=list)
    desk: intake.handlers.Desk | None = None
    cases: casework.handlers.Cases | None = None
    promises: callback.handlers.Promises | None = None


class ReplicaStore(EventStore):
    """The service's store as one replica has it: behind the wire, and its own relay is woken by its own commits."""

    def __init__(self, inner: MemoryStore, service: str, wire: Wire, wake: Callable[[], None]) -> None:
        self.inner = inner
        self._service = service
        self._wire = wire
        self._wake = wake

    async def load(self, municipality: str, stream: str) -> Sequence[Commit]:
        await self._wire.pass_on(self._service, unavailable)
        found = await self.inner.load(municipality, stream)
        await self._wire.pass_on(self._service, unavailable)
        return found

    async def append(self, commit: Commit) -> None:
        await self._wire.pass_on(self._service, unknown)
        # What has reached the server is done there, whatever becomes of the process.
        await asyncio.shield(self._wire.on_server(self.inner.append(commit)))
        self._wake()
        await self._wire.pass_on(self._service, unknown)


@dataclass
class Surrounded:
    """What a replica stands on: as `chassis.runtime.Runtime`, on simulated servers."""

    world: "World"
    replica: "Replica"
    database: "Database"
    clock: ReplicaClock
    correction: ClockCorrection
    wake: asyncio.Event

    def __post_init__(self) -> None:
        wire, service = self.world.wire, self.replica.service
        planted = self.world.planted
        self.service = service
        self.store = planted.store(
            service, ReplicaStore(self.database.store, service, wire, self.wake.set), self.world
        )
        self.held = planted.held(service, self._remote(self.database.held))
        self.broker: Broker = Remote(self.world.broker, "kafka", wire)  # type: ignore[assignment]
        self.keys = KeyRing(self, b"k" * 32, self.clock)  # type: ignore[arg-type]
        self.around = Surroundings(parse_fact, self.held, self.clock, _tracing(), _metrics())

    def get_collection(self, name: str, **_: Any) -> Any:
        return Remote(self.database.collection(name), self.service, self.world.wire, driver_failed)

    def lease(self, name: str) -> Lease:
        return Lease(self._remote(self.database.leases), name, self.replica.name, self.clock)

    def relay(self) -> Relay:
        outbox = self.world.planted.outbox(self.service, self._remote(self.database.outbox))
        return Relay(
            outbox,
            self.broker,
            self.lease("relay"),
            self.clock,
            prefix=PREFIX,
            service=self.service,
            to_contracts=PUBLISH[self.service],
            tracing=_tracing(),
            metrics=_metrics(),
            wake=self.wake,
        )

    def deciding(self, group: str, services: Sequence[str], handle: Handler) -> Subscription:
        return Subscription(group, services, deciding(self.world.poisoned(group, handle)))

    def view(self, name: str, services: Sequence[str], project: Project) -> Subscription:
        view = View(self.get_collection(f"{name}_v1"), project)
        return Subscription(f"{self.service}.{name}.v1", services, view.reaction)

    def scan(self) -> Any:
        return self._remote(self.database.scan)

    def _remote(self, inner: Any) -> Any:
        return Remote(inner, self.service, self.world.wire)


def compose(on: Surrounded) -> Working:
    """The loops of a replica, those of `chassis.serving.background_loops` and the service's own."""
    working = _BUILDS[on.service](on)
    working.loops |= {"clock": on.correction.run, "relay": on.relay().run}
    for subscription in working.subscriptions:
        working.loops[f"consumer-{subscription.group}"] = Reader(on.world, subscription, on.around).run
    return working


def _intake(on: Surrounded) -> Working:
    return Working({}, desk=intake.handlers.Desk(on.store, on.clock, on.keys, contact_rules()))


def _routing(on: Surrounded) -> Working:
    router = routing.handlers.Router(on.store, on.clock, rule_books(), route_rules())
    react = on.deciding(
        "routing", ("intake", "casework"), lambda message: routing.consumers.react(router, message)
    )
    return Working({}, [react])


def _casework(on: Surrounded) -> Working:
    cases = casework.handlers.Cases(on.store, on.clock, on.keys, case_rules())
    react = on.deciding(
        "casework", ("intake", "routing"), lambda message: casework.consumers.react(cases, message)
    )
    rows = on.view(casework.views.NAME, casework.views.SERVICES, casework.views.project)
    return Working({}, [react, rows], cases=cases)


def _callback(on: Surrounded) -> Working:
    planted, group = on.world.planted, callback.main.GROUP
    clock = planted.timer_clock(on.clock)
    promises = callback.handlers.Promises(
        on.store, clock, dict(policy_books()), planted.promise_rules(promise_rules())
    )
    lease = on.lease("timers")
    watermarks = WatermarkReader(on.broker, PREFIX, on.clock)
    barrier = Barrier(
        watermarks,
        on.broker,
        on.clock,
        prefix=PREFIX,
        services=callback.main.DECIDES_ON,
        group=group,
    )

    async def held_cases(cases: Collection[str]) -> Collection[str]:
        return {key.decode() for key in await on.held.held_keys(group, [case.encode() for case in cases])}

    timers = TimerLoop(
        promises=promises,
        scan=on.scan(),
        lead=lease,
        clock=clock,
        sure=lambda: on.correction.sure,
        safe=planted.safe(barrier.safe, on.clock),
        held_cases=held_cases,
        late=_metrics().timer_fired,
        crash=NEVER,
    )
    react = on.deciding(
        group, callback.main.DECIDES_ON, lambda message: callback.consumers.react(promises, message)
    )
    loops: dict[str, Loop] = {
        "timers-0": timers.run,
        "timers-1": lease.run,
        "timers-2": watermarks.run,
        "timers-3": barrier.run,
    }
    return Working(loops, [react], promises=promises)


_BUILDS: Mapping[str, Callable[[Surrounded], Working]] = {
    "intake": _intake,
    "routing": _routing,
    "casework": _casework,
    "callback": _callback,
}
