"""A real broker in tests: topics made, and read as a whole."""

from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from chassis.reacting import Raw

PARTITIONS = 3


async def make_topics(kafka: str, *names: str) -> None:
    """Each with three partitions."""
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
