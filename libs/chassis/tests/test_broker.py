"""The suite of the broker, on Kafka and on the fake; and how a producer fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from chassis.broker import Broker, KafkaBroker, Record, to_record
from chassis.errors import Unavailable
from chassis.testing.broker import FakeBroker
from chassis.testing.kafka import PARTITIONS, make_topics
from chassis.testing.relaying import Numbered, a_commit
from chassis.testing.waiting import eventually
from lofte_local.kafka import KafkaServer

pytestmark = pytest.mark.usefixtures("quiet_logging")


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

    async def knows_no_offsets() -> bool:
        try:
            return await broker.committed(unique) == {}
        except Unavailable:
            # A broker that has just started has no coordinator yet.
            return False

    assert await eventually(knows_no_offsets, 30)


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


def test_a_value_that_kafka_would_not_take_is_refused_before_it_is_sent() -> None:
    commit = a_commit("case-1", 1)
    with pytest.raises(ValueError, match="bytes"):
        to_record("lofte", "test", commit, 0, Numbered(case_id="x" * 1_000_000, number=1))
