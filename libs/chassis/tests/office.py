"""Two topics on a real broker, a view in a real database, and consumers as a test wants them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from chassis.clock import SystemClock
from chassis.consuming import Consumers, Message, Raw, Reaction, Subscription
from chassis.crash import NEVER, CrashPoints
from chassis.held import HeldMessages
from chassis.telemetry import Metrics, Tracing
from chassis.testing.records import Noted, Publisher, parse
from chassis.views import View
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

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


@contextlib.asynccontextmanager
async def office_on(kafka: str, mongo: str, unique: str) -> AsyncIterator[Office]:
    """An office, and nothing left of it."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo, tz_aware=True)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    await admin.start()
    await producer.start()
    held = HeldMessages(client[unique], SystemClock())
    await held.prepare()
    office = Office(
        kafka,
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
