"""Rebuilding a view on real servers: beside the live one, switched when it has passed it, refused when facts are gone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from chassis.broker import KafkaBroker
from chassis.clock import SystemClock
from chassis.consuming import Consumers, Message, Subscription
from chassis.errors import RuleViolation
from chassis.held import HeldMessages
from chassis.rebuild import LiveView, rebuild
from chassis.telemetry import Metrics, Tracing
from chassis.testing.records import Noted, Publisher, parse
from chassis.testing.waiting import eventually
from pymongo import AsyncMongoClient, IndexModel
from pymongo.asynchronous.database import AsyncDatabase

pytestmark = [pytest.mark.kafka, pytest.mark.mongo]


def project(document: dict[str, Any] | None, message: Message) -> dict[str, Any]:
    assert isinstance(message.contract, Noted)
    return {"words": [*(document["words"] if document else []), message.contract.word]}


def shout(document: dict[str, Any] | None, message: Message) -> dict[str, Any]:
    """Tomorrow's projection."""
    assert isinstance(message.contract, Noted)
    return {"words": [*(document["words"] if document else []), message.contract.word.upper()]}


@dataclass
class House:
    kafka: str
    prefix: str
    database: AsyncDatabase[dict[str, Any]]
    admin: AIOKafkaAdminClient
    producer: AIOKafkaProducer
    broker: KafkaBroker
    held: HeldMessages
    publisher: Publisher
    told: list[str] = field(default_factory=list)
    running: list[asyncio.Task[None]] = field(default_factory=list)

    def view(self, projection: Any = project) -> LiveView:
        return LiveView(
            self.database,
            self.prefix,
            "words",
            ("casework",),
            projection,
            indexes=[IndexModel("words", name="words")],
        )

    def consumers(self, subscriptions: Sequence[Subscription], lasting: bool = False) -> Consumers:
        return Consumers(
            subscriptions,
            kafka=self.kafka,
            prefix=self.prefix,
            replica=f"{self.prefix}-1",
            session_timeout_ms=6000,
            parse=parse,
            held=self.held,
            clock=SystemClock(),
            tracing=Tracing("test", None),
            metrics=Metrics(),
            lasting=lasting,
        )

    async def serve(self, view: LiveView) -> None:
        """As a service process does."""
        await view.prepare()
        self.running.append(asyncio.create_task(self.consumers([view.subscription], lasting=True).run()))
        self.running.append(asyncio.create_task(view.follow(SystemClock())))

    async def rebuild(self, view: LiveView, *, republished: bool = False) -> int:
        return await rebuild(
            view,
            broker=self.broker,
            consumers=self.consumers,
            held=self.held,
            prefix=self.prefix,
            clock=SystemClock(),
            tell=self.told.append,
            republished=republished,
        )

    async def note(self, *words: str) -> None:
        for word in words:
            raw = self.publisher.noted("a", word)
            await self.producer.send_and_wait(raw.topic, raw.value, raw.key, headers=list(raw.headers))

    async def live(self) -> Any:
        view = self.view()
        await view.refresh()
        return view.rows

    async def words(self) -> list[str]:
        """By the live collection."""
        document = await (await self.live()).find_one({"_id": "0581.a"})
        return document["words"] if document else []

    async def says(self, *words: str) -> bool:
        return await self.words() == list(words)


@pytest.fixture
async def house(kafka_address: str, mongo_uri: str, unique: str) -> AsyncIterator[House]:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo_uri, tz_aware=True)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_address)
    producer = AIOKafkaProducer(bootstrap_servers=kafka_address, acks="all")
    await admin.start()
    await producer.start()
    held = HeldMessages(client[unique], SystemClock())
    await held.prepare()
    house = House(
        kafka_address,
        unique,
        client[unique],
        admin,
        producer,
        KafkaBroker(kafka_address, "test"),
        held,
        Publisher("casework", unique),
    )
    await admin.create_topics([NewTopic(f"{unique}.casework", 3, 1)])
    yield house
    for task in house.running:
        task.cancel()
    await asyncio.gather(*house.running, return_exceptions=True)
    await house.broker.close()
    await producer.stop()
    await admin.delete_topics([f"{unique}.casework"])
    await admin.close()
    await client.drop_database(unique)
    await client.close()


async def test_a_view_is_built_anew_and_the_running_service_moves_to_it(house: House) -> None:
    served = house.view()
    await house.serve(served)
    await house.note("one", "two")
    await eventually(lambda: house.says("one", "two"))

    anew = house.view(shout)
    assert await house.rebuild(anew) == 2
    assert (await house.live()).name == "words_v2"
    assert await house.words() == ["ONE", "TWO"]
    indexes = await house.database["words_v2"].index_information()
    assert "words" in indexes
    await eventually(lambda: served.rows.name == "words_v2")
    await house.note("three")
    await eventually(lambda: house.says("ONE", "TWO", "three"), 20)  # by the service's own projection
    old = await house.database["words_v1"].find_one()
    assert old is not None
    assert old["words"][:2] == ["one", "two"]  # and what came before the service noticed
    assert house.told[-1] == "words: v2 is live; 0 of its messages are held"


async def test_the_version_before_is_dropped_by_the_next_rebuild(house: House) -> None:
    await house.note("one")
    for version in (2, 3):
        assert await house.rebuild(house.view()) == version
    names = await house.database.list_collection_names(filter={"name": {"$regex": "^words_v"}})
    assert sorted(names) == ["words_v2", "words_v3"]
    started = house.view()
    await started.prepare()
    assert started.subscription.group == f"{house.prefix}.words.v3"


async def test_a_rebuild_that_was_interrupted_leaves_nothing_behind(house: House) -> None:
    await house.note("one")
    view = house.view()
    interrupted = asyncio.create_task(house.rebuild(view))
    await eventually(lambda: house.told)
    interrupted.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await interrupted
    assert await house.rebuild(house.view(shout)) == 3
    assert await house.words() == ["ONE"]


async def test_of_two_rebuilds_at_once_the_later_wins(house: House) -> None:
    await house.note("one")
    first, second = house.view(), house.view()
    version = await first.begin()
    assert await house.rebuild(second) == version + 1
    with pytest.raises(RuleViolation):
        await first.switch(version)
    assert await house.words() == ["one"]


async def test_refused_when_facts_are_gone_until_they_were_sent_again(house: House) -> None:
    await house.note("one", "two", "three")
    bounds: Mapping[Any, tuple[int, int]] = await house.broker.bounds([f"{house.prefix}.casework"])
    (full,) = [partition for partition, (_, end) in bounds.items() if end]
    await house.admin.delete_records({_topic_partition(full): RecordsToDelete(before_offset=2)})
    view = house.view()
    with pytest.raises(RuleViolation, match="lofte republish casework"):
        await house.rebuild(view)
    assert (await house.live()).name == "words_v1"
    # As the runbook says: what is left would be read first, and what is older come too late.
    await house.admin.delete_records({_topic_partition(full): RecordsToDelete(before_offset=3)})
    house.publisher = Publisher("casework", house.prefix)
    await house.note("one", "two", "three")
    assert await house.rebuild(view, republished=True) == 2
    assert await house.words() == ["one", "two", "three"]


async def test_a_partition_that_lost_all_its_records_is_not_waited_for(house: House) -> None:
    await house.note("one")
    bounds: Mapping[Any, tuple[int, int]] = await house.broker.bounds([f"{house.prefix}.casework"])
    (full,) = [partition for partition, (_, end) in bounds.items() if end]
    await house.admin.delete_records({_topic_partition(full): RecordsToDelete(before_offset=1)})
    assert await asyncio.wait_for(house.rebuild(house.view(), republished=True), 30) == 2


def _topic_partition(partition: tuple[str, int]) -> Any:
    from aiokafka import TopicPartition

    return TopicPartition(*partition)


async def test_what_cannot_be_handled_is_held_by_the_new_version(house: House) -> None:
    raw = house.publisher.malformed("a")
    await house.producer.send_and_wait(raw.topic, raw.value, raw.key, headers=list(raw.headers))
    await house.note("one")
    assert await house.rebuild(house.view()) == 2
    assert house.told[-1] == "words: v2 is live; 2 of its messages are held"
    assert await house.words() == []
    assert await house.rebuild(house.view()) == 3
    assert await house.rebuild(house.view()) == 4
    assert await house.held.count() == 2  # of the live version alone: nobody would replay the others
