"""The world of one seed: servers, replicas and their clocks, and what can be done to them."""

import asyncio
import hashlib
import random
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any, TypeVar

from chassis.commit import Commit
from chassis.correction import ClockCorrection
from chassis.reacting import Handler, Message, Raw, Subscription
from chassis.serving import kept_running, until_done
from chassis.testing.broker import FakeBroker, Fault
from chassis.testing.collection import MemoryCollection
from chassis.testing.held import MemoryHeld
from chassis.testing.leases import MemoryLeases
from chassis.testing.outbox import MemoryOutbox
from chassis.testing.scanning import MemoryTimerScan
from chassis.testing.store import MemoryStore

from .clocks import DatabaseClock, ReplicaClock, Time
from .groups import PREFIX, SESSION, Group
from .loop import Process, SimulatedLoop
from .planted import Planted
from .services import SERVICES, Surrounded, Working, compose
from .wire import Remote, Wire, process_name

T = TypeVar("T")
Broken = AssertionError
"""Something that must hold does not."""

_START = datetime(2026, 3, 2, 7, 30, tzinfo=UTC)
_PATIENCE = 3.0
_GRACE = 8.0
_TOPICS = [f"{PREFIX}.{service}" for service in SERVICES]


class Gone(Exception):
    """The process that was asked is no more, or does not answer."""


class Database:
    """A service's database; its replicas share it."""

    def __init__(self, world: "World") -> None:
        clock = DatabaseClock(world.time)
        self.store = MemoryStore(clock)
        self.outbox = MemoryOutbox(self.store)
        self.scan = MemoryTimerScan(self.store)
        self.held = MemoryHeld()
        self.leases = MemoryLeases(clock)
        self.collections: dict[str, MemoryCollection] = {}
        self.clock = clock

    def collection(self, name: str) -> MemoryCollection:
        return self.collections.setdefault(name, MemoryCollection())

    async def time(self) -> datetime:
        return self.clock.now()


class Replica(Process):
    """One replica of a service, over all its lives: killed, it is another process with the same name."""

    def __init__(self, service: str, number: int) -> None:
        super().__init__(f"{service}-{number}")
        self.service = service
        self.number = number
        self.working: Working | None = None
        self.main: asyncio.Task[None] | None = None
        self.waiting: dict[asyncio.Future[Any], None] = {}

    @property
    def ready(self) -> bool:
        return self.working is not None and not self.dead and not self.frozen


class World:
    """Everything of one seed. `trace` says what happened, in words that are the same in every run of the seed."""

    def __init__(self, seed: int, planted: Planted) -> None:
        self.seed = seed
        self.planted = planted
        self.chance = Random(seed)
        # What the services draw for themselves (back-off, trace ids) is drawn from here too.
        random.seed(seed)
        self.loop = SimulatedLoop(Random(seed + 1))  # type: ignore[abstract]  # no sockets, no signals
        self.time = Time(self.loop, _START, self.chance.choice([300.0, 900.0, 1800.0]))
        self.wire = Wire(self.loop, self.chance)
        self.lines: list[str] = []
        self.broker = FakeBroker(partitions=2)
        for topic in _TOPICS:
            self.broker.topics[topic]  # made before anybody reads, as the job does that makes the topics
        self.broker.written = self._record_written
        self.broker.soon = lambda done, *args: self.loop.call_later(self.chance.random() * 0.004, done, *args)
        self.databases = {service: Database(self) for service in SERVICES}
        self.on_commit: list[Callable[[str, Commit], None]] = []
        for service, database in self.databases.items():
            database.store.written = partial(self._commit_written, service)
            database.store.inserting = self._inserting
        self.groups: dict[str, Group] = {}
        self.replicas: dict[str, Replica] = {}
        self.stalls: dict[str, float] = {}
        self.small_batches = 0.0
        self.poison: dict[tuple[str, str], None] = {}
        self.slow_inserts = 0.0

    # --- what is told

    def tell(self, what: str) -> None:
        """Note something in the trace."""
        line = f"{self.loop.time():9.3f} {str(self.time.domain())[5:19]} {process_name():10} {what}"
        self.lines.append(line)

    def trace_hash(self) -> str:
        return hashlib.blake2b("\n".join(self.lines).encode(), digest_size=16).hexdigest()

    def _commit_written(self, service: str, commit: Commit) -> None:
        events = " ".join(event.type for event in commit.events)
        self.tell(f"{service} wrote {commit.stream}@{commit.first_version} {events}")
        try:
            for told in self.on_commit:
                told(service, commit)
        except Broken as broken:
            # Not raised here: whoever wrote the commit would handle it as an error of the store.
            self.loop.broken = broken

    def _record_written(self, raw: Raw) -> None:
        headers = dict(raw.headers)
        source, sequence = headers.get("ce_source") or b"", headers.get("ce_sequence") or b""
        if source:
            self.tell(f"topic {raw.topic}/{raw.partition}@{raw.offset} {source.decode()}#{sequence.decode()}")
        for group in self.groups.values():
            if raw.topic in group.topics:
                for reader in group.members.values():
                    reader.wake()

    async def _inserting(self) -> None:
        if self.chance.random() < self.slow_inserts:
            await self.wire.wait(self.chance.random() * 3.0)

    # --- what replicas ask of it

    def group(self, subscription: Subscription) -> Group:
        found = self.groups.get(subscription.group)
        if found is None:
            topics = [f"{PREFIX}.{service}" for service in subscription.services]
            found = self.groups[subscription.group] = Group(self, subscription.group, topics)
        return found

    def stall(self, topic: str, seconds: float) -> None:
        """Let a topic's records be long in coming."""
        self.tell(f"stall {topic}")
        self.stalls[topic] = self.loop.time() + seconds
        self.loop.call_later(seconds, self.wake_readers)

    def take_away(self, server: str) -> None:
        """Let nobody reach a server, until it is brought `back`."""
        self.tell(f"away {server}")
        self.wire.away.add(server)
        self.broker.away = "kafka" in self.wire.away

    def bring_back(self, server: str) -> None:
        self.tell(f"back {server}")
        self.wire.away.discard(server)
        self.broker.away = "kafka" in self.wire.away
        self.wake_readers()

    def wake_readers(self) -> None:
        """Let all look for records: no reader polls in vain."""
        for group in self.groups.values():
            for reader in group.members.values():
                reader.wake()

    def stalled(self, topic: str) -> bool:
        return self.stalls.get(topic, 0.0) > self.loop.time()

    def poisoned(self, group: str, handle: Handler) -> Handler:
        """A handler that has a bug: it fails on some cases until somebody mends it."""

        async def handle_or_fail(message: Message) -> None:
            if (group, message.contract.case_id) in self.poison:
                raise ZeroDivisionError("a bug in a handler, until it is mended")
            await handle(message)

        return handle_or_fail

    # --- replicas

    def start(self, service: str, number: int, *, wrong_by: timedelta | None = None) -> None:
        """Start a replica; one of the same name that is still there is killed first. `wrong_by`: real time by which its
        machine's clock is fast; None: as the seed says."""
        replica = Replica(service, number)
        former = self.replicas.get(replica.name)
        if former is not None and not former.dead:
            self.kill(former)
        self.replicas[replica.name] = replica
        self.tell(f"start {replica.name}")
        replica.main = self.loop.spawn(replica, lambda: self._serve(replica, wrong_by))

    def kill(self, replica: Replica) -> None:
        """As kill -9: nothing of it is ever run again; what it has sent is on its way."""
        self.tell(f"kill {replica.name}")
        replica.dead = True
        self._hang_up(replica)
        self.loop.call_later(SESSION, self._expire, replica)

    async def stop(self, replica: Replica) -> None:
        """As SIGTERM: it finishes what is in hand, as far as its time allows."""
        self.tell(f"stop {replica.name}")
        working, replica.working = replica.working, None
        if replica.main is not None and working is not None:
            replica.main.cancel()
            await asyncio.wait({replica.main}, timeout=_GRACE)
        if not replica.dead:
            self.kill(replica)

    async def freeze(self, replica: Replica, seconds: float) -> None:
        """As SIGSTOP, and SIGCONT after a while."""
        self.tell(f"freeze {replica.name} for {seconds:.1f} s")
        replica.frozen = True
        if seconds > SESSION:
            self.loop.call_later(SESSION, self._expire, replica)
        await self.wire.wait(seconds)
        if not replica.dead:
            self.tell(f"thaw {replica.name}")
            self.loop.thaw(replica)

    def _expire(self, replica: Replica) -> None:
        """The group is told that a member is not heard of any more."""
        if replica.dead or replica.frozen:
            for group in self.groups.values():
                for reader in list(group.members.values()):
                    if reader.replica is replica:
                        group.leave(reader)

    def _hang_up(self, replica: Replica) -> None:
        for answer in replica.waiting:
            if not answer.done():
                answer.set_exception(Gone())
        replica.waiting.clear()

    async def _serve(self, replica: Replica, skew: timedelta | None) -> None:
        chance = self.chance
        if skew is None:
            hours = chance.uniform(-1, 1) if chance.random() < 0.5 else 0.0
            skew = timedelta(hours=hours / self.time.rate)
        clock = ReplicaClock(self.time, skew)
        database = self.databases[replica.service]
        ask = Remote(database, replica.service, self.wire)
        correction = ClockCorrection(clock, ask.time)
        await until_done("prepare", correction.correct, clock)
        surrounded = Surrounded(self, replica, database, clock, correction, asyncio.Event())
        working = replica.working = compose(surrounded)
        try:
            async with asyncio.TaskGroup() as group:
                for name, loop in working.loops.items():
                    group.create_task(kept_running(name, loop, clock))
        finally:
            replica.working = None

    async def ask(self, replica: Replica, work: Callable[[Working], Coroutine[Any, Any, T]]) -> T:
        """Let a replica's API do something. Raises Gone when it dies, or does not answer for some real seconds."""
        working = replica.working
        if working is None or replica.dead:
            raise Gone
        answer: asyncio.Future[T] = self.loop.create_future()
        replica.waiting[answer] = None

        async def serve() -> None:
            try:
                result = await work(working)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                if not answer.done():
                    answer.set_exception(error)
            else:
                if not answer.done():
                    answer.set_result(result)

        self.loop.spawn(replica, serve)
        timer = self.loop.call_later(_PATIENCE, _give_up, answer)
        try:
            return await answer
        finally:
            timer.cancel()
            replica.waiting.pop(answer, None)

    def living(self, service: str) -> list[Replica]:
        """The replicas that can be asked now."""
        return [replica for replica in self.replicas.values() if replica.service == service and replica.ready]

    # --- how things stand

    def unpublished(self) -> int:
        return sum([database.outbox.waiting() for database in self.databases.values()])

    def unread(self) -> int:
        return sum([group.behind() for group in self.groups.values()])

    def fault_of_records(self, share: float) -> None:
        """Let a share of what is sent go wrong, in every way there is."""

        def fault(_: Any) -> Fault | None:
            if self.chance.random() >= share:
                return None
            kind = self.chance.choice(list(Fault))
            if kind is Fault.LATE:
                self.loop.call_later(self.chance.random() * 3.0, self.broker.deliver_late)
            return kind

        self.broker.fault = fault


def _give_up(answer: asyncio.Future[Any]) -> None:
    if not answer.done():
        answer.set_exception(Gone())
