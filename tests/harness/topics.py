"""The topics as anybody may read them: all records from the first to the last; and how to put in a bad one."""

import uuid
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from weakref import WeakKeyDictionary

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from lofte_events import Contract, Envelope, parse
from lofte_events.envelope import MalformedRecordError

from tests.harness.running import System

__all__ = ["PUBLISHING", "Published", "groups_behind", "publish_poison", "read_topics"]

PUBLISHING = ("intake", "routing", "casework", "callback")
_PARTITIONS = 3  # of every topic of a local stack


@dataclass(frozen=True)
class Published:
    """A record of a topic; `envelope` and `contract` are None where it cannot be read, or is about no case."""

    service: str
    key: bytes | None
    value: bytes
    headers: Sequence[tuple[str, bytes]]
    envelope: Envelope | None
    contract: Contract | None


# What was read before is not read again: the topics only grow. By topic; positions by partition.
_records: WeakKeyDictionary[System, defaultdict[str, list[Published]]] = WeakKeyDictionary()
_positions: WeakKeyDictionary[System, dict[TopicPartition, int]] = WeakKeyDictionary()


async def read_topics(system: System, *services: str) -> list[Published]:
    """All records of the services' topics that are there now, in order within each partition."""
    services = services or PUBLISHING
    records = _records.setdefault(system, defaultdict(list))
    positions = _positions.setdefault(system, {})
    consumer = AIOKafkaConsumer(bootstrap_servers=system.kafka_address, enable_auto_commit=False)
    await consumer.start()
    try:
        topics = {system.topic(service): service for service in services}
        partitions = [TopicPartition(topic, number) for topic in topics for number in range(_PARTITIONS)]
        ends = await consumer.end_offsets(partitions)
        consumer.assign([tp for tp in partitions if positions.get(tp, 0) < ends[tp]])
        for tp in consumer.assignment():
            consumer.seek(tp, positions.get(tp, 0))
        while [tp for tp in consumer.assignment() if positions.get(tp, 0) < ends[tp]]:
            for tp, batch in (await consumer.getmany(timeout_ms=200)).items():
                records[tp.topic] += [_published(topics[tp.topic], record) for record in batch]
                positions[tp] = batch[-1].offset + 1
    finally:
        await consumer.stop()
    return [record for topic in topics for record in records[topic]]


async def groups_behind(system: System) -> dict[str, int]:
    """Consumer groups that have not handled, and committed, all that is on their topics; and how many records.

    Raises:
        AssertionError: a broker that has just started does not know its groups yet.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=system.kafka_address)
    consumer = AIOKafkaConsumer(bootstrap_servers=system.kafka_address)
    await admin.start()
    await consumer.start()
    try:
        partitions = [
            TopicPartition(system.topic(service), number)
            for service in PUBLISHING
            for number in range(_PARTITIONS)
        ]
        ends = await consumer.end_offsets(partitions)
        behind: Counter[str] = Counter()
        for group, _ in await admin.list_consumer_groups():
            if not group.startswith(f"{system.stack.topic_prefix}."):
                continue
            committed = await admin.list_consumer_group_offsets(group)
            read = {partition.topic for partition in committed}
            for partition, end in ends.items():
                if partition.topic in read:
                    at = committed.get(partition)
                    behind[group] += end - (max(at.offset, 0) if at else 0)
        return {group: records for group, records in behind.items() if records}
    except KafkaError as error:
        raise AssertionError(f"Kafka: {type(error).__name__}") from error
    finally:
        await consumer.stop()
        await admin.close()


async def publish_poison(system: System, service: str, type_: str, case_id: str) -> str:
    """A malformed record of a known type, under the key of a case, in the topic of a service; its event id."""
    event_id = str(uuid.uuid4())
    headers = {
        "ce_specversion": "1.0",
        "ce_id": event_id,
        "ce_type": type_,
        "ce_source": f"/0581/{service}/0581.poison-{case_id}",
        "ce_subject": case_id,
        "ce_time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "ce_sequence": "1",
        "ce_municipality": "0581",
    }
    producer = AIOKafkaProducer(bootstrap_servers=system.kafka_address, acks="all")
    await producer.start()
    try:
        await producer.send_and_wait(
            system.topic(service),
            key=case_id.encode(),
            value=b'{"case_id": 7}',
            headers=[(name, value.encode()) for name, value in headers.items()],
        )
    finally:
        await producer.stop()
    return event_id


def _published(service: str, record: Any) -> Published:
    try:
        read = parse(record.headers, record.value)
    except MalformedRecordError:
        read = None
    envelope, contract = read or (None, None)
    about = contract if isinstance(contract, Contract) else None
    return Published(service, record.key, record.value or b"", list(record.headers), envelope, about)
