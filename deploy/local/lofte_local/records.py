"""The records that the topics hold now, read for a person and not for a service."""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable
from contextlib import aclosing, asynccontextmanager

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

__all__ = ["PUBLISHERS", "held_in", "partitions_of", "reader", "records"]

PUBLISHERS = ("intake", "routing", "casework", "callback")


async def records(
    address: str, topics: Iterable[str], *, key: str | None = None, last: int | None = None
) -> AsyncIterator["ConsumerRecord[bytes, bytes]"]:
    """All records that the topics hold now, or those with one key, or only the last of each partition."""
    partitions = await partitions_of(address, topics)
    if not partitions:
        return
    async with reader(address) as consumer, aclosing(held_in(consumer, partitions, last=last)) as found:
        async for record in found:
            if key is None or record.key == key.encode():
                yield record


@asynccontextmanager
async def reader(address: str) -> AsyncIterator["AIOKafkaConsumer[bytes, bytes]"]:
    """A consumer in no group: reading for a person leaves no trace on the broker."""
    consumer: AIOKafkaConsumer[bytes, bytes] = AIOKafkaConsumer(
        bootstrap_servers=address, client_id="lofte-local"
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def held_in(
    consumer: "AIOKafkaConsumer[bytes, bytes]",
    partitions: Collection[TopicPartition],
    *,
    last: int | None = None,
) -> AsyncGenerator["ConsumerRecord[bytes, bytes]"]:
    """All records that the partitions hold now, or the last of each."""
    if not partitions:
        return
    consumer.assign(partitions)
    first = await consumer.beginning_offsets(partitions)
    end = await consumer.end_offsets(partitions)
    left = {partition for partition in partitions if first[partition] < end[partition]}
    for partition in partitions:
        begin = first[partition] if last is None else max(first[partition], end[partition] - last)
        consumer.seek(partition, begin)
    while left:
        for partition, fetched in (await consumer.getmany(timeout_ms=500)).items():
            for record in fetched:
                if record.offset < end[partition]:
                    yield record
        left = {partition for partition in left if await consumer.position(partition) < end[partition]}


async def partitions_of(address: str, topics: Iterable[str]) -> list[TopicPartition]:
    """The partitions of some topics."""
    admin = AIOKafkaAdminClient(bootstrap_servers=address, client_id="lofte-local")
    await admin.start()
    try:
        described = await admin.describe_topics(list(topics))
    finally:
        await admin.close()
    return [
        TopicPartition(topic["topic"], partition["partition"])
        for topic in described
        for partition in topic["partitions"]
    ]
