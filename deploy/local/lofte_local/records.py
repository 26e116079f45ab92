"""The records that the topics hold now, read for a person and not for a service."""

from collections.abc import AsyncIterator, Iterable

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

__all__ = ["PUBLISHERS", "partitions_of", "records"]

PUBLISHERS = ("intake", "routing", "casework", "callback")


async def records(
    address: str,
    topics: Iterable[str],
    *,
    key: str | None = None,
    last: int | None = None,
    only: int | None = None,
) -> AsyncIterator[ConsumerRecord[bytes, bytes]]:
    """All records that the topics hold now, or those with one key, only the last of each partition, or `only` those
    of one partition of each topic.

    No consumer group: reading for a person leaves no trace on the broker.
    """
    partitions = [p for p in await partitions_of(address, topics) if only in (None, p.partition)]
    if not partitions:
        return
    consumer: AIOKafkaConsumer[bytes, bytes] = AIOKafkaConsumer(
        bootstrap_servers=address, client_id="lofte-local"
    )
    await consumer.start()
    try:
        consumer.assign(partitions)
        first = await consumer.beginning_offsets(partitions)
        end = await consumer.end_offsets(partitions)
        left = {partition for partition in partitions if first[partition] < end[partition]}
        for partition in partitions:
            consumer.seek(
                partition, first[partition] if last is None else max(first[partition], end[partition] - last)
            )
        wanted = None if key is None else key.encode()
        while left:
            for partition, fetched in (await consumer.getmany(timeout_ms=500)).items():
                for record in fetched:
                    if record.offset < end[partition] and (wanted is None or record.key == wanted):
                        yield record
            left = {partition for partition in left if await consumer.position(partition) < end[partition]}
    finally:
        await consumer.stop()


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
