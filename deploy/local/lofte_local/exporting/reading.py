"""A municipality's events from the topics: each once, a partition at a time, so that memory is bounded by it."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from chassis.reacting import Message
from lofte_events import Contract, MalformedRecordError, parse, read_envelope

from lofte_local.records import PUBLISHERS, held_in, partitions_of, reader

__all__ = ["Told", "told_by"]


@dataclass(frozen=True)
class Told:
    """One event: as a CloudEvent in structured mode, and as a message of a type that we know (else None)."""

    event: dict[str, Any]
    message: Message | None


async def told_by(address: str, prefix: str, municipality: str) -> AsyncIterator[AsyncIterator[Told]]:
    """What the topics hold of a municipality: a part, with whole cases, after the other; in order within a source.

    A case is in the same partition of each topic, where all have as many; else all is one part.
    """
    topics = [f"{prefix}.{service}" for service in PUBLISHERS]
    partitions = await partitions_of(address, topics)
    numbers = [{p.partition for p in partitions if p.topic == topic} for topic in topics]
    alike = all(found == numbers[0] for found in numbers)
    parts = [{number} for number in sorted(numbers[0])] if alike else [set().union(*numbers)]
    async with reader(address) as consumer:
        for part in parts:
            yield _told_in(consumer, [p for p in partitions if p.partition in part], topics, municipality)


async def _told_in(
    consumer: "AIOKafkaConsumer[bytes, bytes]",
    partitions: Sequence[TopicPartition],
    topics: Sequence[str],
    municipality: str,
) -> AsyncIterator[Told]:
    """Topic by topic."""
    wanted = municipality.encode()
    for topic in topics:
        last: dict[str, int] = {}
        async for record in held_in(consumer, [p for p in partitions if p.topic == topic]):
            if dict(record.headers).get("ce_municipality") != wanted:
                continue
            try:
                envelope = read_envelope(record.headers)
                known = parse(record.headers, record.value)
            except MalformedRecordError:
                continue  # no event of ours: held by those who need it
            if envelope.sequence <= last.get(envelope.source, 0):
                continue  # a relay may send an event again
            last[envelope.source] = envelope.sequence
            yield Told(
                _structured(record),
                Message(known.envelope, known.contract, traceparent=None)
                if known and isinstance(known.contract, Contract)
                else None,
            )


def _structured(record: ConsumerRecord[bytes, bytes]) -> dict[str, Any]:
    attributes = {
        name[3:]: value.decode()
        for name, value in record.headers
        if name.startswith("ce_") and value is not None
    }
    data = json.loads(record.value) if record.value else None
    return {**attributes, "datacontenttype": "application/json", "data": data}
