"""The topics as anybody may read them: all records from the first to the last; and how to put in a bad one."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from lofte_events import Contract, Envelope, parse
from lofte_events.envelope import MalformedRecordError

from tests.harness.running import System

__all__ = ["PUBLISHING", "Published", "publish_poison", "read_topics"]

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


async def read_topics(system: System, *services: str) -> list[Published]:
    """All records of the services' topics that are there now, in order within each partition."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=system.kafka_address, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        found: list[Published] = []
        for service in services or PUBLISHING:
            partitions = [TopicPartition(system.topic(service), number) for number in range(_PARTITIONS)]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            await consumer.seek_to_beginning(*partitions)
            while [tp for tp, end in ends.items() if await consumer.position(tp) < end]:
                batches = await consumer.getmany(timeout_ms=200)
                found += [_published(service, record) for records in batches.values() for record in records]
        return found
    finally:
        await consumer.stop()


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
