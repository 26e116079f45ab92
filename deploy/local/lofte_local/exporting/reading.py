"""A municipality's events from the topics: each once, a partition at a time, so that memory is bounded by it."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import ConsumerRecord
from chassis.reacting import Message
from lofte_events import Contract, MalformedRecordError, parse, read_envelope

from lofte_local.records import PUBLISHERS, partitions_of, records

__all__ = ["Told", "partition_numbers", "told_in"]


@dataclass(frozen=True)
class Told:
    """One event: as a CloudEvent in structured mode, and as a message of a type that we know (else None)."""

    event: dict[str, Any]
    message: Message | None


async def partition_numbers(address: str, prefix: str) -> Sequence[int | None]:
    """What is read in turn. A case is in the same partition of each topic, where all have as many."""
    found: dict[str, int] = {}
    for partition in await partitions_of(address, _topics(prefix)):
        found[partition.topic] = found.get(partition.topic, 0) + 1
    return range(max(found.values(), default=0)) if len(set(found.values())) == 1 else [None]


async def told_in(address: str, prefix: str, number: int | None, municipality: str) -> AsyncIterator[Told]:
    """What the partition holds of a municipality; topic by topic, in order within a source."""
    wanted = municipality.encode()
    for topic in _topics(prefix):
        last: dict[str, int] = {}
        async for record in records(address, [topic], only=number):
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


def _topics(prefix: str) -> list[str]:
    return [f"{prefix}.{service}" for service in PUBLISHERS]
