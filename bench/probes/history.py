"""Records as the services publish them: whole cases, over all four topics."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from aiokafka import AIOKafkaProducer
from lofte_events import (
    CaseResolved,
    CaseRouted,
    CitizenContacted,
    ContactReceived,
    Contract,
    Envelope,
    Headers,
    PromiseKept,
    PromiseMade,
)

from bench.load import TOPICS

EVENTS_A_CASE = 6
_SPACE = UUID("6f9619ff-8b86-5011-b42d-00c04fc964ff")
_FIRST = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
_LATER = 2000
"""So many cases come in before one is answered: its last three records lie that far behind its first three."""

Event = tuple[str, bytes, bytes, Headers]
"""Service, key, value, headers."""


def _event(service: str, noun: str, sequence: int, at: datetime, contract: Contract) -> Event:
    case_id = contract.case_id
    name = f"{contract.TYPE}/{case_id}"
    envelope = Envelope(
        id=str(uuid5(_SPACE, name)),
        type=contract.TYPE,
        source=f"/0581/{service}/0581.{noun}-{case_id}",
        subject=case_id,
        time=at,
        sequence=sequence,
        municipality="0581",
        correlation_id=case_id,
        causation_id=case_id,
        stored_at=at,
        traceparent=f"00-{UUID(case_id).hex}-{UUID(case_id).hex[:16]}-01",
    )
    return service, case_id.encode(), contract.__pydantic_serializer__.to_json(contract), envelope.headers()


def opening(number: int) -> Iterator[Event]:
    """A contact comes in, is routed, promised."""
    case_id = str(uuid5(_SPACE, str(number)))
    topic, at = TOPICS[number % len(TOPICS)], _FIRST + timedelta(seconds=number)
    yield _event(
        *("intake", "contact", 1, at),
        ContactReceived(
            case_id=case_id,
            contact_id=case_id,
            case_reference="3F4Y-F3H4",
            opens_case=True,
            channel="email",
            citizen_kind="person",
            citizen_ref=case_id,
            topic=topic,
            live=False,
            received_at=at,
            accepted_at=at,
            dataref=f"/contacts/{case_id}",
        ),
    )
    yield _event("routing", "route", 2, at, routed(case_id, topic, at))
    yield _event(
        *("callback", "promise", 3, at),
        PromiseMade(
            case_id=case_id,
            promise_number=1,
            owner="group.city",
            due_at=at + timedelta(hours=4),
            policy="city-group",
            policy_version=1,
            from_at=at,
            made_at=at,
        ),
    )


def routed(case_id: str, topic: str, at: datetime) -> CaseRouted:
    """A first route."""
    return CaseRouted(
        case_id=case_id,
        route_number=1,
        owner="group.city",
        topic=topic,
        department="department.building",
        cause="contact",
        rule="written-to-group",
        rule_version=1,
        reason="The group knows the topic.",
        asked_at=at,
        routed_at=at,
    )


def ending(number: int) -> Iterator[Event]:
    """The citizen is reached, the case resolved, the promise kept."""
    case_id = str(uuid5(_SPACE, str(number)))
    at = _FIRST + timedelta(seconds=number, hours=1)
    act = {"owner": "group.city", "by": "h1", "route_number": 1, "promise_number": 1, "occurred_at": at}
    yield _event(
        *("casework", "case", 4, at),
        CitizenContacted.model_validate({"case_id": case_id, "outcome": "reached", **act}),
    )
    yield _event(
        *("casework", "case", 5, at),
        CaseResolved.model_validate({"case_id": case_id, "minutes": 10, "dataref": "/", **act}),
    )
    yield _event(
        *("callback", "promise", 4, at),
        PromiseKept(
            case_id=case_id,
            promise_number=1,
            owner="group.city",
            due_at=at + timedelta(hours=3),
            kept_at=at,
            how="reached",
        ),
    )


def events(cases: int) -> Iterator[Event]:
    """The history of so many cases, in the order in which they happened."""
    for number in range(cases + _LATER):
        if number < cases:
            yield from opening(number)
        if number >= _LATER:
            yield from ending(number - _LATER)


async def fill(kafka: str, prefix: str, cases: int) -> int:
    """Put the history of so many cases on the topics; answers how many records."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, linger_ms=5, max_batch_size=256 * 1024)
    await producer.start()
    sent: list[asyncio.Future[object]] = []
    total = 0
    for service, key, value, headers in events(cases):
        sent.append(await producer.send(f"{prefix}.{service}", value, key, headers=headers))
        total += 1
        if len(sent) == 5000:
            await asyncio.gather(*sent)
            sent.clear()
    await asyncio.gather(*sent)
    await producer.stop()
    return total
