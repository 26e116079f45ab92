"""What the topics tell about cases: one case's story across services, and the newest cases."""

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from lofte_events.envelope import MalformedRecordError, read_envelope

__all__ = ["CaseEvent", "NewCase", "cases_with_reference", "newest_cases", "story"]

_PUBLISHERS = ("intake", "routing", "casework", "callback")
_OPENED = "intake.contact-received.v1"
# Shown beside an event, in this order; ids, times already shown and links say nothing to a reader.
_TELLING = (
    *(
        "owner",
        "previous_owner",
        "channel",
        "citizen_kind",
        "topic",
        "menu_choice",
        "asked_for",
        "to_topic",
        "to_owner",
    ),
    *(
        "outcome",
        "stage",
        "step",
        "to",
        "skipped",
        "due_at",
        "how",
        "reason_code",
        "reason",
        "rule",
        "minutes",
        "by",
    ),
)


@dataclass(frozen=True)
class CaseEvent:
    """One published fact about a case. `at` is domain time, aware UTC."""

    at: datetime
    service: str
    name: str
    sequence: int
    facts: tuple[tuple[str, str], ...]

    def facts_in(self, zone: tzinfo, form: str = "%a %Y-%m-%d %H:%M:%S") -> tuple[tuple[str, str], ...]:
        """The facts, with times as a clock on the wall of `zone` shows them, like that of the event beside them."""
        return tuple(
            (name, datetime.fromisoformat(value).astimezone(zone).strftime(form))
            if name.endswith("_at")
            else (name, value)
            for name, value in self.facts
        )


@dataclass(frozen=True)
class NewCase:
    """A case as its first contact tells it."""

    case_id: str
    reference: str
    municipality: str
    channel: str
    topic: str
    received_at: datetime


async def story(address: str, prefix: str, case_id: str) -> list[CaseEvent]:
    """Every fact about a case from all services, in time order."""
    found: dict[str, CaseEvent] = {}  # by event id: a relay may send a fact twice
    async for record in _records(address, [f"{prefix}.{service}" for service in _PUBLISHERS], key=case_id):
        try:
            envelope = read_envelope(record.headers)
        except MalformedRecordError:
            continue  # held by those who need it; not part of the story
        if envelope.subject == case_id:
            service, _, kind = envelope.type.partition(".")
            found[envelope.source + envelope.id] = CaseEvent(
                at=envelope.time,
                service=service,
                name="".join(word.capitalize() for word in kind.partition(".")[0].split("-")),
                sequence=envelope.sequence,
                facts=_facts(_data(record)),
            )
    return sorted(
        found.values(), key=lambda event: (event.at, _PUBLISHERS.index(event.service), event.sequence)
    )


async def newest_cases(address: str, prefix: str, *, limit: int = 20) -> list[NewCase]:
    """The cases opened last, newest first."""
    cases = {
        case.case_id: case async for case in _opened(address, prefix, last=limit * 3)
    }  # a relay may repeat
    return sorted(cases.values(), key=lambda case: case.received_at, reverse=True)[:limit]


async def cases_with_reference(address: str, prefix: str, reference: str) -> list[NewCase]:
    """The cases that bear this reference: it is unique within a municipality only."""
    wanted = _plain(reference)
    found = {
        case.case_id: case async for case in _opened(address, prefix) if _plain(case.reference) == wanted
    }
    return list(found.values())


async def _opened(address: str, prefix: str, *, last: int | None = None) -> AsyncIterator[NewCase]:
    async for record in _records(address, [f"{prefix}.intake"], last=last):
        try:
            envelope = read_envelope(record.headers)
        except MalformedRecordError:
            continue
        data = _data(record)
        if envelope.type == _OPENED and data.get("opens_case") and envelope.subject:
            yield NewCase(
                case_id=envelope.subject,
                reference=str(data.get("case_reference", "")),
                municipality=envelope.municipality,
                channel=str(data.get("channel", "")),
                topic=str(data.get("topic") or data.get("menu_choice") or ""),
                received_at=envelope.time,
            )


async def _records(
    address: str, topics: Iterable[str], *, key: str | None = None, last: int | None = None
) -> AsyncIterator[ConsumerRecord[bytes, bytes]]:
    """All records that the topics hold now, or those with one key, or only the last of each partition.

    No consumer group: reading for a person leaves no trace on the broker.
    """
    partitions = await _partitions(address, topics)
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
            for partition, records in (await consumer.getmany(timeout_ms=500)).items():
                for record in records:
                    if record.offset < end[partition] and (wanted is None or record.key == wanted):
                        yield record
            left = {partition for partition in left if await consumer.position(partition) < end[partition]}
    finally:
        await consumer.stop()


async def _partitions(address: str, topics: Iterable[str]) -> list[TopicPartition]:
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


def _data(record: ConsumerRecord[bytes, bytes]) -> dict[str, Any]:
    try:
        data = json.loads(record.value or b"{}")
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _facts(data: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(data[name])) for name in _TELLING if data.get(name) not in (None, "", [], 0))


def _plain(reference: str) -> str:
    return "".join(letter for letter in reference.upper() if letter.isalnum())
