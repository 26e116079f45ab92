"""The relay on the real broker and the real database: outages, two at once, one that slept, a long backlog."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from chassis.broker import KafkaBroker, Producer
from chassis.clock import SystemClock
from chassis.commit import Commit
from chassis.outbox import MongoOutbox
from chassis.reacting import Raw
from chassis.relay import Relay
from chassis.store import EventStore, MongoStore
from chassis.telemetry import Metrics, Tracing
from chassis.testing.kafka import make_topics, read_topic
from chassis.testing.relaying import AlwaysHeld, a_commit, contracts_of, first_seen, numbered
from chassis.testing.waiting import eventually
from lofte_local.kafka import KafkaServer
from pymongo.asynchronous.database import AsyncDatabase

pytestmark = [pytest.mark.usefixtures("quiet_logging"), pytest.mark.mongo, pytest.mark.kafka]

Database = AsyncDatabase[dict[str, Any]]


class Watched:
    """A broker whose producers are counted."""

    def __init__(self, broker: KafkaBroker) -> None:
        self._broker = broker
        self.producers = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)

    def producer(self) -> Producer:
        self.producers += 1
        return self._broker.producer()


def make_relay(database: Database, broker: Any, unique: str) -> Relay:
    clock = SystemClock()
    return Relay(
        MongoOutbox(MongoStore(database, clock).commits, clock),
        broker,
        AlwaysHeld(),
        clock,
        prefix=unique,
        service="test",
        to_contracts=contracts_of,
        tracing=Tracing("test", None),
        metrics=Metrics(),
        wake=asyncio.Event(),
    )


@asynccontextmanager
async def running(*relays: Relay) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(relay.run()) for relay in relays]
    yield
    for task in tasks:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes), outcomes


async def append_all(store: EventStore, commits: Sequence[Commit]) -> None:
    """Streams concurrently, each in its order."""
    streams: dict[str, list[Commit]] = {}
    for commit in commits:
        streams.setdefault(commit.stream, []).append(commit)

    async def append(stream: Sequence[Commit]) -> None:
        for commit in stream:
            await store.append(commit)

    await asyncio.gather(*(append(stream) for stream in streams.values()))


def commits_of(cases: int, versions: range, events: int = 2) -> Sequence[Commit]:
    return [
        a_commit(f"case-{case}", (version - 1) * events + 1, events)
        for version in versions
        for case in range(cases)
    ]


async def until_published(database: Database, count: int, deadline: float = 60) -> None:
    async def published() -> bool:
        return bool(await database.commits.count_documents({"published_at": {"$ne": None}}) == count)

    await eventually(published, deadline=deadline, every=0.05)


def assert_in_order(raws: Sequence[Raw], commits: Sequence[Commit]) -> None:
    assert first_seen(raws) == numbered(commits)


async def test_order_holds_when_the_broker_stands_still_and_is_killed(
    own_kafka: KafkaServer, database: Database, unique: str
) -> None:
    store = MongoStore(database, SystemClock())
    await store.prepare()
    broker = Watched(KafkaBroker(own_kafka.address, unique, patience=1.0))
    commits: list[Commit] = []

    async def append(versions: range) -> None:
        more = commits_of(40, versions)
        commits.extend(more)
        await append_all(store, more)

    async with running(make_relay(database, broker, unique)):
        await append(range(1, 3))
        await eventually(lambda: broker.producers >= 2)
        await asyncio.to_thread(own_kafka.start)
        await make_topics(own_kafka.address, f"{unique}.test", f"{unique}.watermarks")
        await until_published(database, len(commits))
        for version, trouble, repair in (
            (3, own_kafka.pause, own_kafka.resume),
            (6, own_kafka.kill, own_kafka.start),
        ):
            appending = asyncio.create_task(append(range(version, version + 3)))
            trouble()
            before = broker.producers
            await eventually(lambda: broker.producers > before)  # noqa: B023
            await asyncio.to_thread(repair)
            await appending
        await until_published(database, len(commits))
    assert_in_order(await read_topic(own_kafka.address, f"{unique}.test"), commits)


async def test_two_relays_at_once_merely_repeat(kafka_address: str, database: Database, unique: str) -> None:
    await make_topics(kafka_address, f"{unique}.test", f"{unique}.watermarks")
    store = MongoStore(database, SystemClock())
    await store.prepare()
    commits = commits_of(50, range(1, 7))
    first, second = (make_relay(database, KafkaBroker(kafka_address, name), unique) for name in "ab")
    async with running(first, second):
        await append_all(store, commits)
        await until_published(database, len(commits))
    assert_in_order(await read_topic(kafka_address, f"{unique}.test"), commits)


class Child:
    """A relay in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.told: dict[str, float] = {"published": 0.0, "mb": 0.0}
        self.first_told: dict[str, float] | None = None
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, *arguments: str) -> "Child":
        script = str(Path(__file__).parent / "relay_process.py")
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable, script, *arguments, stdout=asyncio.subprocess.PIPE
            )
        )

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            with suppress(ValueError, KeyError):
                told = json.loads(line)
                self.told = {"published": told["published"], "mb": told["mb"]}
                self.first_told = self.first_told or self.told

    def signal(self, number: signal.Signals) -> None:
        os.kill(self._process.pid, number)

    async def end(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await self._reading


async def test_a_relay_that_slept_through_its_lease_does_no_harm(
    mongo_uri: str, kafka_address: str, database: Database, unique: str
) -> None:
    await make_topics(kafka_address, f"{unique}.test", f"{unique}.watermarks")
    store = MongoStore(database, SystemClock())
    await store.prepare()
    commits = list(commits_of(1000, range(1, 4)))
    await append_all(store, commits)
    sleeper = await Child.start(kafka_address, mongo_uri, unique, "sleeper")
    try:
        await eventually(lambda: sleeper.told["published"] > 0, deadline=60, every=0.001)
        sleeper.signal(signal.SIGSTOP)
        asleep_at = sleeper.told["published"]
        assert asleep_at < len(commits), "stopped in the middle of its work"
        other = await Child.start(kafka_address, mongo_uri, unique, "other")
        try:
            await until_published(database, len(commits))
            sleeper.signal(signal.SIGCONT)
            more = commits_of(100, range(4, 8))
            commits += more
            await append_all(store, more)
            await until_published(database, len(commits))
            # Those that slept under way are finished, what came later is the other's.
            assert sleeper.told["published"] <= asleep_at + 3 * 500
            assert other.told["published"] >= len(more)
            # And when the other is gone, the first one leads again.
            await other.end()
            last = commits_of(100, range(8, 9))
            commits += last
            await append_all(store, last)
            await until_published(database, len(commits))
        finally:
            await other.end()
    finally:
        await sleeper.end()
    assert_in_order(await read_topic(kafka_address, f"{unique}.test"), commits)


async def test_a_backlog_of_10000_commits_leaves_in_bounded_memory(
    mongo_uri: str, kafka_address: str, database: Database, unique: str
) -> None:
    await make_topics(kafka_address, f"{unique}.test", f"{unique}.watermarks")
    store = MongoStore(database, SystemClock())
    await store.prepare()
    for start in range(0, 10_000, 1000):
        batch = [a_commit(f"case-{start + number}", 1) for number in range(1000)]
        for commit in batch:
            # All of them at once would be 100 MB; three waves are 15.
            commit.events[0].data["text"] = os.urandom(5000).hex()  # type: ignore[index]
        await append_all(store, batch)
    child = await Child.start(kafka_address, mongo_uri, unique, "child")
    try:
        await eventually(lambda: child.told["published"] == 10_000, deadline=120)
    finally:
        await child.end()
    assert child.first_told is not None
    assert child.told["mb"] - child.first_told["mb"] < 50
    assert len(await read_topic(kafka_address, f"{unique}.test")) == 10_000
