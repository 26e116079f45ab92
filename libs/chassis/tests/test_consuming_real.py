"""Consuming on a real broker and a real database: what fakes cannot show."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from chassis.clock import SystemClock
from chassis.consuming import Consumers, Message, Raw, Reaction, Subscription
from chassis.crash import NEVER, CrashPoints
from chassis.errors import Unavailable
from chassis.fetching import Fetched, make_subscriber
from chassis.held import HeldMessages
from chassis.telemetry import Metrics, Tracing
from chassis.testing.records import Noted, Publisher, parse
from chassis.testing.waiting import eventually
from chassis.views import View
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

pytestmark = [pytest.mark.kafka, pytest.mark.mongo]
PARTITIONS = 3


@dataclass
class Office:
    """Two topics, a database, a view of the words of each case, and consumers as they are wanted."""

    kafka: str
    prefix: str
    database: AsyncDatabase[dict[str, Any]]
    producer: AIOKafkaProducer
    admin: AIOKafkaAdminClient
    held: HeldMessages
    casework: Publisher
    routing: Publisher
    metrics: Metrics = field(default_factory=Metrics)
    running: list[asyncio.Task[None]] = field(default_factory=list)
    crash: CrashPoints = NEVER

    @property
    def group(self) -> str:
        return f"{self.prefix}.words.v1"

    @property
    def view(self) -> View:
        return View(self.database["words_v1"], collect, crash=self.crash)

    async def send(self, *raws: Raw) -> None:
        for raw in raws:
            await self.producer.send_and_wait(raw.topic, raw.value, raw.key, headers=list(raw.headers))

    def start(
        self, reaction: Reaction | None = None, replica: str = "one", kafka: str | None = None, **options: Any
    ) -> tuple[Consumers, asyncio.Task[None]]:
        subscription = Subscription(
            self.group, ("casework", "routing"), reaction or self.view.reaction, **options
        )
        consumers = Consumers(
            [subscription],
            kafka=kafka or self.kafka,
            prefix=self.prefix,
            replica=f"{self.prefix}-{replica}",
            session_timeout_ms=6000,
            parse=parse,
            held=self.held,
            clock=SystemClock(),
            tracing=Tracing("test", None),
            metrics=self.metrics,
            crash=self.crash,
        )
        task = asyncio.create_task(consumers.run())
        self.running.append(task)
        return consumers, task

    async def words(self, case_id: str) -> list[str]:
        document = await self.database["words_v1"].find_one({"_id": f"0581.{case_id}"})
        return document["words"] if document else []

    async def committed(self, group: str | None = None) -> Mapping[TopicPartition, int]:
        offsets = await self.admin.list_consumer_group_offsets(f"{self.prefix}.{group or self.group}")
        return {partition: told.offset for partition, told in offsets.items()}

    async def caught_up(self, group: str | None = None) -> bool:
        """Is everything committed that is in the topics?"""
        partitions = [TopicPartition(t, p) for t in self.topics for p in range(PARTITIONS)]
        async with reading(self.kafka) as consumer:
            ends = await consumer.end_offsets(partitions)
        committed = await self.committed(group)
        return all(committed.get(partition, 0) == end for partition, end in ends.items())

    @property
    def topics(self) -> tuple[str, str]:
        return f"{self.prefix}.casework", f"{self.prefix}.routing"


def collect(document: dict[str, Any] | None, message: Message) -> dict[str, Any]:
    assert isinstance(message.contract, Noted)
    service = message.envelope.source.split("/")[2]
    words = [*(document["words"] if document else []), f"{service}:{message.contract.word}"]
    # Sorted by publisher: what comes of two topics in either order is the same.
    return {"words": sorted(words, key=lambda word: word.split(":")[0])}


@contextlib.asynccontextmanager
async def reading(kafka: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


@pytest.fixture
async def office(kafka_address: str, mongo_uri: str, unique: str) -> AsyncIterator[Office]:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo_uri, tz_aware=True)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_address)
    producer = AIOKafkaProducer(bootstrap_servers=kafka_address, acks="all")
    await admin.start()
    await producer.start()
    held = HeldMessages(client[unique], SystemClock())
    await held.prepare()
    office = Office(
        kafka_address,
        unique,
        client[unique],
        producer,
        admin,
        held,
        Publisher("casework", unique),
        Publisher("routing", unique),
    )
    await admin.create_topics([NewTopic(topic, PARTITIONS, 1) for topic in office.topics])
    yield office
    for task in office.running:
        task.cancel()
    await asyncio.gather(*office.running, return_exceptions=True)
    await producer.stop()
    await admin.delete_topics(list(office.topics))
    await admin.close()
    await client.drop_database(unique)
    await client.close()


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_the_policy_is_the_same_for_every_subscriber() -> None:
    broker = KafkaBroker("127.0.0.1:1", consumer_only=True)
    for group, services in (("routing", ["intake"]), ("casework.cases.v1", ["intake", "routing"])):
        subscription = Subscription(group, services, lambda batch: asyncio.sleep(0, {}))
        subscriber = make_subscriber(
            broker, subscription, prefix="lofte", replica="casework-1", session_timeout_ms=20_000
        )
        assert subscriber.ack_policy is AckPolicy.NACK_ON_ERROR
        assert subscriber.group_id == f"lofte.{group}"
        assert subscriber.topic_names == [f"lofte.{service}" for service in services]
        assert (subscriber.max_records, subscriber.batch_timeout_ms) == (500, 20)
        wanted = {
            "auto_offset_reset": "earliest",
            "enable_auto_commit": False,
            "group_instance_id": f"casework-1.{group}",
            "session_timeout_ms": 20_000,
            "heartbeat_interval_ms": 1000,
        }
        assert wanted.items() <= subscriber._connection_args.items()


async def test_a_failed_batch_rewinds_what_is_left_of_it() -> None:
    """FastStream's own nack stops at the partition that was taken away; the other would be passed."""

    @dataclass
    class Kafka:
        sought: dict[TopicPartition, int] = field(default_factory=dict)

        def assignment(self) -> set[TopicPartition]:
            return {TopicPartition("t", 1)}

        def seek(self, partition: TopicPartition, offset: int) -> None:
            if partition not in self.assignment():
                raise RuntimeError("not assigned")
            self.sought[partition] = offset

    kafka = Kafka()
    records = tuple(Raw("t", p, o, None, None, (), 0) for p, o in ((0, 4), (0, 5), (1, 7), (1, 8)))
    await Fetched(body=b"", raw_message=records, consumer=kafka).nack()
    assert kafka.sought == {TopicPartition("t", 1): 7}


async def test_repeats_change_nothing_and_offsets_are_committed(office: Office) -> None:
    records = [office.casework.noted("a", word) for word in ("one", "two")]
    await office.send(*records, *records)
    _, task = office.start()
    await eventually(office.caught_up)
    await office.send(*records, office.casework.noted("a", "three"))
    await eventually(office.caught_up)

    assert await office.words("a") == ["casework:one", "casework:two", "casework:three"]
    await stop(task)

    async def unwanted(batch: Mapping[bytes, Sequence[Message]]) -> Mapping[bytes, Exception]:
        raise AssertionError(f"consumed again: {batch}")

    consumers, _ = office.start(unwanted)
    await eventually(consumers.connected)
    assert await office.caught_up()
    assert await office.held.count() == 0


async def test_topics_in_either_order_give_the_same(office: Office) -> None:
    first = [office.casework.noted("a", "c1"), office.casework.noted("a", "c2")]
    second = [office.routing.noted("a", "r1"), office.routing.noted("a", "r2")]
    mirrored = [office.routing.noted("b", "r1"), office.routing.noted("b", "r2")]
    others = [office.casework.noted("b", "c1"), office.casework.noted("b", "c2")]
    office.start()
    for records in (first, second, mirrored, others):
        await office.send(*records)
        await eventually(office.caught_up)
    words = ["casework:c1", "casework:c2", "routing:r1", "routing:r2"]
    assert (await office.words("a"), await office.words("b")) == (words, words)


async def test_null_headers_wrong_bytes_tombstones_and_types_from_the_future(office: Office) -> None:
    """One batch with everything that ever killed a parser; the good record in its midst arrives."""
    good = office.casework.noted("good", "fine")
    odd = [*good.headers, ("x-null", None), ("x-bytes", b"\xff\xfe"), ("x-null", b"again")]
    await office.send(
        office.casework.raw(b"a", b"x", [("h", None), ("ce_type", b"\xff")]),
        office.casework.raw(b"b", None),
        office.casework.raw(None, b"", [("ce_type", None)]),
        office.casework.raw(b"c", b"{}", [("ce_type", b"casework.case-sung.v7"), ("n", None)]),
        Raw(good.topic, 0, good.offset, good.key, good.value, odd, 0),
    )
    office.start()
    await eventually(office.caught_up)
    assert await office.words("good") == ["casework:fine"]
    assert await office.held.count() == 0
    labels = {"group": office.group, "topic": office.topics[0]}
    assert office.metrics.registry.get_sample_value("lofte_unknown_types_total", labels) == 4


async def test_malformed_is_held_with_those_behind_it_then_discarded(office: Office) -> None:
    await office.send(
        office.casework.noted("a", "before"),
        office.casework.malformed("a"),
        office.casework.noted("b", "other"),
        office.routing.noted("a", "another topic"),
        office.casework.noted("a", "behind"),
    )
    _, task = office.start()
    await eventually(office.caught_up)
    await stop(task)
    office.start()  # a held key stays held for whoever comes next
    await office.send(office.casework.noted("a", "later"))
    await eventually(office.caught_up)
    assert await office.words("a") == ["casework:before", "routing:another topic"]
    assert await office.words("b") == ["casework:other"]
    poison, *behind = await office.held.list()
    assert [m["reason"] for m in behind] == ["behind a held message"] * 2
    assert await office.held.held_keys(office.group, [b"a", b"b"]) == {b"a"}

    await office.held.replay(str(poison["_id"]))
    await eventually(lambda: tried_again(office, poison["_id"]))
    assert await office.held.count() == 3

    await office.held.discard(str(poison["_id"]), reason="sent by mistake", by="admin")
    await eventually(lambda: released(office, b"a"))
    assert await office.words("a") == [
        "casework:before",
        "casework:behind",
        "casework:later",
        "routing:another topic",
    ]
    await office.send(office.casework.noted("a", "last"))
    await eventually(office.caught_up)
    assert (await office.words("a"))[3] == "casework:last"
    assert [m["state"] for m in await office.held.list(state=None)] == ["discarded", "replayed", "replayed"]


async def tried_again(office: Office, message_id: object) -> bool:
    return (await office.held.show(str(message_id)))["attempts"] == 2


async def released(office: Office, key: bytes) -> bool:
    return not await office.held.held_keys(office.group, [key])


async def test_replay_after_the_fault_is_mended(office: Office) -> None:
    broken = True

    async def react(batch: Mapping[bytes, Sequence[Message]]) -> Mapping[bytes, Exception]:
        if broken and b"a" in batch:
            return {b"a": ValueError("a bug")} | dict(
                await office.view.reaction({k: v for k, v in batch.items() if k != b"a"})
            )
        return await office.view.reaction(batch)

    await office.send(*(office.casework.noted(case, word) for word in ("1", "2", "3") for case in ("a", "b")))
    office.start(react)
    await eventually(office.caught_up)
    assert await office.words("b") == ["casework:1", "casework:2", "casework:3"]
    assert await office.held.count() == 3
    broken = False
    await office.held.replay(str((await office.held.list())[1]["_id"]))
    await eventually(lambda: released(office, b"a"))
    assert await office.words("a") == ["casework:1", "casework:2", "casework:3"]


async def test_rebalance_in_mid_batch_loses_nothing_and_doubles_nothing(office: Office) -> None:
    """The first consumer is in the middle of a batch, longer than any grace, when the second joins."""
    let_go, began = asyncio.Event(), asyncio.Event()

    async def slow(batch: Mapping[bytes, Sequence[Message]]) -> Mapping[bytes, Exception]:
        began.set()
        await let_go.wait()
        return await office.view.reaction(batch)

    cases = [f"case-{number}" for number in range(30)]
    await office.send(*(office.casework.noted(case, "one") for case in cases))
    _, first = office.start(slow)
    await asyncio.wait_for(began.wait(), 10)
    consumers, _ = office.start(replica="two")
    await eventually(consumers.connected, 20)
    await office.send(*(office.casework.noted(case, "two") for case in cases))
    await eventually(lambda: all_words(office, cases[:1], 1), 20)  # the second is at work on its share
    let_go.set()
    await eventually(lambda: all_words(office, cases, 2), 20)
    await eventually(office.caught_up, 20)
    await stop(first)
    for case in cases:
        assert await office.words(case) == ["casework:one", "casework:two"]


async def all_words(office: Office, cases: Sequence[str], at_least: int) -> bool:
    query = {"_id": {"$in": [f"0581.{case}" for case in cases]}, f"words.{at_least - 1}": {"$exists": True}}
    found = await office.database["words_v1"].count_documents(query)
    return found == len(cases) if len(cases) > 1 else await some_words(office)


async def some_words(office: Office) -> bool:
    return await office.database["words_v1"].count_documents({}) > 0


async def test_starts_from_an_expired_offset(office: Office) -> None:
    """The committed offset is no more in the topic: the consumer goes on at the earliest there is."""
    await office.send(*(office.casework.noted("a", str(number)) for number in range(3)))
    _, task = office.start()
    await eventually(office.caught_up)
    await stop(task)
    before = await office.committed()
    await office.send(*(office.casework.noted("a", str(number)) for number in range(3, 8)))
    partition = next(tp for tp, offset in before.items() if offset == 3)
    await office.admin.delete_records({partition: RecordsToDelete(before_offset=6)})
    office.start()
    await eventually(office.caught_up)
    assert await office.words("a") == [f"casework:{number}" for number in (0, 1, 2, 6, 7)]


async def test_nothing_is_committed_while_the_database_is_away(office: Office) -> None:
    away = True
    attempts: list[int] = []

    async def react(batch: Mapping[bytes, Sequence[Message]]) -> Mapping[bytes, Exception]:
        attempts.append(len(batch))
        if away:
            raise Unavailable("the database is away")
        return await office.view.reaction(batch)

    cases = [f"case-{number}" for number in range(10)]
    await office.send(*(office.casework.noted(case, "one") for case in cases))
    office.start(react)
    await eventually(lambda: len(attempts) > 8, 20)  # two batches with their retries
    assert sum((await office.committed()).values()) == 0
    assert await office.held.count() == 0
    away = False
    await eventually(office.caught_up, 20)
    assert [await office.words(case) for case in cases] == [["casework:one"]] * 10


async def test_starts_while_kafka_is_away(office: Office) -> None:
    """Nobody listens at first; then a door to the real broker opens."""
    await office.send(office.casework.noted("a", "one"))
    probe = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    port = probe.sockets[0].getsockname()[1]
    probe.close()
    await probe.wait_closed()
    consumers, task = office.start(kafka=f"127.0.0.1:{port}")
    assert not consumers.connected()
    host, _, real = office.kafka.partition(":")
    door = await asyncio.start_server(lambda r, w: forward(r, w, host, int(real)), "127.0.0.1", port)
    await eventually(office.caught_up, 20)
    assert consumers.connected()
    assert consumers.last_poll_age() < 5
    assert await office.words("a") == ["casework:one"]
    await stop(task)
    door.close()


async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int) -> None:
    there, out = await asyncio.open_connection(host, port)

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        sink.close()

    await asyncio.gather(pump(reader, out), pump(there, writer))


async def test_a_view_that_was_rebuilt_moves_its_consumer(office: Office) -> None:
    group = office.group
    reaction = office.view.reaction

    async def now() -> Subscription:
        return Subscription(group, ("casework", "routing"), reaction, now)

    await office.send(office.casework.noted("a", "one"))
    office.start(now=now)
    await eventually(office.caught_up)
    group = f"{office.prefix}.words.v2"
    reaction = View(office.database["words_v2"], collect).reaction
    await eventually(lambda: office.caught_up(group), 20)
    await office.send(office.casework.noted("a", "two"))
    await eventually(lambda: office.caught_up(group), 20)
    assert await office.words("a") == ["casework:one"]
    document = await office.database["words_v2"].find_one({"_id": "0581.a"})
    assert document is not None
    assert document["words"] == ["casework:one", "casework:two"]


async def test_lag_is_measured(office: Office) -> None:
    away = True

    async def react(batch: Mapping[bytes, Sequence[Message]]) -> Mapping[bytes, Exception]:
        if away:
            raise Unavailable("the database is away")
        return {}

    def lag() -> float:
        return sum(
            sample.value
            for metric in office.metrics.registry.collect()
            for sample in metric.samples
            if sample.name == "lofte_consumer_lag" and sample.labels["group"] == office.group
        )

    await office.send(*(office.casework.noted(f"case-{number}", "one") for number in range(7)))
    office.start(react)
    await eventually(lambda: lag() == 7)
    away = False
    await eventually(lambda: lag() == 0)


async def test_crash_points_lie_after_what_they_are_named_for(office: Office) -> None:
    passed: list[str] = []

    class Recorded(CrashPoints):
        def passed(self, point: str) -> None:
            passed.append(point)

    office.crash = Recorded()
    await office.send(office.casework.noted("a", "one"))
    office.start()
    await eventually(lambda: len(passed) == 2)
    await office.send(office.casework.malformed("a"))
    await eventually(lambda: len(passed) == 4)
    assert passed == ["view-written", "offset-committed", "held", "offset-committed"]
