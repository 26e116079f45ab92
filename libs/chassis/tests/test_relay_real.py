"""The relay suite on the real broker and the real database; and the suite that their fakes pass too."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from chassis.broker import Broker, KafkaBroker, Producer, Record
from chassis.clock import SystemClock
from chassis.commit import Commit
from chassis.errors import Unavailable
from chassis.outbox import MongoOutbox, Outbox
from chassis.reacting import Raw
from chassis.relay import Relay
from chassis.store import EventStore, MongoStore
from chassis.telemetry import Metrics, Tracing, configure_logging
from chassis.testing.broker import FakeBroker
from chassis.testing.outbox import MemoryOutbox
from chassis.testing.relaying import AlwaysHeld, a_commit, contracts_of, first_seen, numbered
from chassis.testing.store import MemoryStore
from chassis.testing.waiting import eventually
from lofte_local.kafka import KafkaServer
from lofte_local.ports import free_ports
from pymongo import AsyncMongoClient

Database = Any
PARTITIONS = 3


@pytest.fixture(autouse=True, scope="module")
def _logging() -> None:
    configure_logging("test", "test-1", "ERROR")


@pytest.fixture
async def database(mongo_uri: str, unique: str) -> AsyncIterator[Database]:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo_uri)
    yield client[unique]
    await client.drop_database(unique)
    await client.close()


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[KafkaServer]:
    """A broker that a test may stop and kill; not yet started."""
    port, controller_port = free_ports(2)
    server = KafkaServer(tmp_path / "kafka", port=port, controller_port=controller_port)
    yield server
    server.resume()
    server.stop(grace=2)


async def make_topics(kafka: str, *names: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names])
    await admin.close()


async def read_topic(kafka: str, topic: str) -> Sequence[Raw]:
    """Everything that is on a topic now."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        raws: list[Raw] = []
        while [p for p in partitions if await consumer.position(p) < ends[p]]:
            for records in (await consumer.getmany(timeout_ms=100)).values():
                raws += [
                    Raw(r.topic, r.partition, r.offset, r.key, r.value, r.headers, r.timestamp)
                    for r in records
                ]
        return raws
    finally:
        await consumer.stop()


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


# The suite of the outbox, for the fake too.


@dataclass
class Log:
    store: EventStore
    outbox: Outbox


@pytest.fixture(params=["memory", pytest.param("mongo", marks=pytest.mark.mongo)])
async def log(request: pytest.FixtureRequest, unique: str) -> AsyncIterator[Log]:
    clock = SystemClock()
    if request.param == "memory":
        memory = MemoryStore(clock)
        yield Log(memory, MemoryOutbox(memory))
        return
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(request.getfixturevalue("mongo_uri"))
    store = MongoStore(client[unique], clock)
    await store.prepare()
    yield Log(store, MongoOutbox(store.commits, clock))
    await client.drop_database(unique)
    await client.close()


async def test_outbox_gives_the_unpublished_oldest_first_without_those_passed_over(log: Log) -> None:
    for number in range(1, 8):
        await log.store.append(a_commit("case-1", number))
    found = await log.outbox.unpublished(5, [])
    assert [commit.first_version for commit in found] == [1, 2, 3, 4, 5]
    again = await log.outbox.unpublished(5, [commit.id for commit in found[1:]])
    assert [commit.first_version for commit in again] == [1, 6, 7]
    assert found[0].stored_at is not None
    assert await log.outbox.count() == 7


async def test_outbox_forgets_what_is_stamped(log: Log) -> None:
    for number in range(1, 5):
        await log.store.append(a_commit("case-1", number))
        await log.store.append(a_commit("case-2", number))
    found = await log.outbox.unpublished(500, [])
    first = [c for c in found if c.stream == "0581.case-1" and c.first_version <= 2]
    await log.outbox.stamp([commit.id for commit in first])
    streams = [("0581", "0581.case-1"), ("0581", "0581.case-2"), ("0581", "0581.case-3")]
    assert await log.outbox.behind(streams) == {streams[0]: 3, streams[1]: 1}
    assert await log.outbox.behind(streams[:1]) == {streams[0]: 3}
    assert await log.outbox.count() == 6
    assert len(await log.outbox.unpublished(500, [])) == 6
    published = [commit.id async for batch in log.outbox.published(1) for commit in batch]
    assert published == [commit.id for commit in first]


async def test_outbox_observes_the_oldest_unpublished_commit(log: Log) -> None:
    before = await log.outbox.observe()
    assert (before.least, before.slowest_insert) == (None, 0.0)
    await log.store.append(a_commit("case-1", 1))
    [commit] = await log.outbox.unpublished(1, [])
    observed = await log.outbox.observe()
    assert observed.least == commit.stored_at
    assert observed.operation_time >= before.operation_time
    await log.outbox.stamp([commit.id])
    assert (await log.outbox.observe()).least is None


@pytest.mark.mongo
async def test_a_read_is_bounded_in_bytes_too(database: Database) -> None:
    """500 of the largest commits would be 125 MB."""
    store = MongoStore(database, SystemClock())
    await store.prepare()
    for number in range(100):
        large = a_commit(f"case-{number}", 1)
        large.events[0].data["text"] = "x" * 250_000  # type: ignore[index]
        await store.append(large)
    found = await MongoOutbox(store.commits, SystemClock()).unpublished(500, [])
    assert 0 < len(found) < 70


@pytest.mark.mongo
async def test_outbox_says_unavailable_when_the_database_is_away() -> None:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        f"mongodb://127.0.0.1:{free_ports(1)[0]}/?replicaSet=none", serverSelectionTimeoutMS=50
    )
    outbox = MongoOutbox(client["none"]["commits"], SystemClock())
    for asked in (
        outbox.unpublished(1, []),
        outbox.behind([("0581", "s")]),
        outbox.stamp([1]),
        outbox.count(),
        outbox.observe(),
        anext(aiter(outbox.published(1))),
    ):
        with pytest.raises(Unavailable):
            await asked
    await client.close()


# The suite of the broker, for the fake too.


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
async def broker(request: pytest.FixtureRequest, unique: str) -> AsyncIterator[Broker]:
    if request.param == "memory":
        yield FakeBroker(PARTITIONS)
        return
    kafka = request.getfixturevalue("kafka_address")
    await make_topics(kafka, f"{unique}.a", f"{unique}.b")
    broker = KafkaBroker(kafka, unique)
    yield broker
    await broker.close()


async def test_broker_takes_records_and_tells_bounds(broker: Broker, unique: str) -> None:
    producer = broker.producer()
    await producer.start()
    for number in range(6):
        key = f"case-{number}".encode()
        await (await producer.send(Record(f"{unique}.a", key, b"{}", [("ce_id", b"1")])))
    await producer.close()
    bounds = await broker.bounds([f"{unique}.a", f"{unique}.b"])
    assert set(bounds) == {(f"{unique}.{name}", number) for name in "ab" for number in range(PARTITIONS)}
    assert sum(end - begin for begin, end in bounds.values()) == 6
    assert all(bounds[f"{unique}.b", number] == (0, 0) for number in range(PARTITIONS))
    assert await broker.committed(unique) == {}


async def test_broker_follows_a_topic_from_its_beginning(broker: Broker, unique: str) -> None:
    producer = broker.producer()
    await producer.start()
    await (await producer.send(Record(f"{unique}.a", b"k", b"1", [])))
    seen: list[bytes | None] = []
    async with aclosing(broker.follow(f"{unique}.a")) as batches:
        async for batch in batches:
            seen += [value for _, value in batch]
            if seen == [b"1"]:
                await (await producer.send(Record(f"{unique}.a", b"k", b"2", [])))
            if seen == [b"1", b"2"]:
                break
    await producer.close()
    with pytest.raises(Exception, match="Kafka"):
        await producer.send(Record(f"{unique}.a", b"k", b"3", []))


@pytest.mark.kafka
async def test_broker_tells_what_a_group_committed(kafka_address: str, unique: str) -> None:
    await make_topics(kafka_address, f"{unique}.a")
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka_address, group_id=unique, enable_auto_commit=False)
    await consumer.start()
    consumer.assign([TopicPartition(f"{unique}.a", 1)])
    await consumer.commit({TopicPartition(f"{unique}.a", 1): 7})
    broker = KafkaBroker(kafka_address, unique)
    assert await broker.committed(unique) == {(f"{unique}.a", 1): 7}
    with pytest.raises(Unavailable, match="nowhere"):
        await broker.bounds([f"{unique}.nowhere"])
    await consumer.stop()
    await broker.close()


@pytest.mark.kafka
async def test_a_producer_fails_within_bounded_time_whatever_the_broker_does(
    own_kafka: KafkaServer, unique: str
) -> None:
    """By itself an idempotent producer waits for ever, at the start and for an acknowledgement."""
    away = KafkaBroker(own_kafka.address, unique, patience=1.0)
    with pytest.raises(Unavailable):
        await away.producer().start()
    with pytest.raises(Unavailable):
        await away.bounds([unique])
    with pytest.raises(Unavailable):
        await anext(away.follow(unique))
    await asyncio.to_thread(own_kafka.start)
    await make_topics(own_kafka.address, f"{unique}.a")
    record = Record(f"{unique}.a", b"k", b"{}", [])
    loop = asyncio.get_running_loop()
    for trouble, repair in ((own_kafka.pause, own_kafka.resume), (own_kafka.kill, own_kafka.start)):
        producer = away.producer()
        await producer.start()
        await (await producer.send(record))
        trouble()
        began = loop.time()
        with pytest.raises(Unavailable):
            await (await producer.send(record))
        await producer.close()
        with pytest.raises(Unavailable):
            await away.producer().start()
        assert loop.time() - began < 6
        await asyncio.to_thread(repair)
    await away.close()


# The relay.


@pytest.mark.mongo
@pytest.mark.kafka
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
            await eventually(lambda before=before: broker.producers > before)
            await asyncio.to_thread(repair)
            await appending
        await until_published(database, len(commits))
    assert_in_order(await read_topic(own_kafka.address, f"{unique}.test"), commits)


@pytest.mark.mongo
@pytest.mark.kafka
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


@pytest.mark.mongo
@pytest.mark.kafka
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


@pytest.mark.mongo
@pytest.mark.kafka
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
