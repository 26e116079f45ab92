"""The story of a case is read from the topics, whatever else lies there."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from lofte_events.envelope import Envelope
from lofte_local.timeline import cases_with_reference, newest_cases, story

pytestmark = pytest.mark.kafka
START = datetime(2026, 3, 2, 7, 30, tzinfo=UTC)


async def publish(
    producer: AIOKafkaProducer,
    topic: str,
    case: str,
    kind: str,
    minute: int,
    data: dict[str, Any],
    municipality: str = "0581",
) -> None:
    service = topic.rpartition(".")[2]
    envelope = Envelope(
        id=f"{kind}-{minute}",
        type=f"{service}.{kind}.v1",
        source=f"/{municipality}/{service}/{municipality}.case-{case}",
        subject=case,
        time=START + timedelta(minutes=minute),
        sequence=minute,
        municipality=municipality,
    )
    await producer.send_and_wait(
        topic, json.dumps(data).encode(), key=case.encode(), headers=envelope.headers()
    )


async def test_a_story_is_in_time_order_and_tells_each_fact_once(kafka_address: str, unique: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_address)
    await admin.start()
    await admin.create_topics(
        [NewTopic(f"{unique}.{name}", 3, 1) for name in ("intake", "routing", "casework", "callback")]
    )
    await admin.close()
    intake, routing, casework = (f"{unique}.{name}" for name in ("intake", "routing", "casework"))
    first = {
        "opens_case": True,
        "case_reference": "K7M4-HR92",
        "channel": "phone",
        "topic": "building.permit",
    }
    async with AIOKafkaProducer(bootstrap_servers=kafka_address) as producer:
        await publish(producer, casework, "a", "case-resolved", 30, {"minutes": 12, "by": "anna"})
        for _ in range(2):  # a relay may repeat
            await publish(producer, intake, "a", "contact-received", 0, first)
        await publish(producer, intake, "b", "contact-received", 5, first, municipality="2380")
        await publish(producer, intake, "a", "contact-received", 9, {"opens_case": False, "channel": "email"})
        await publish(
            producer, routing, "a", "case-routed", 1, {"owner": "department.building", "rule": "r1"}
        )
        await producer.send_and_wait(intake, None, key=b"a")
        await producer.send_and_wait(intake, b"\xff", key=b"a", headers=[("ce_type", b"\xff")])

    events = await story(kafka_address, unique, "a")
    assert [(event.service, event.name) for event in events] == [
        ("intake", "ContactReceived"),
        ("routing", "CaseRouted"),
        ("intake", "ContactReceived"),
        ("casework", "CaseResolved"),
    ]
    assert events[1].facts == (("owner", "department.building"), ("rule", "r1"))
    assert [case.case_id for case in await newest_cases(kafka_address, unique)] == ["b", "a"]
    found = await cases_with_reference(kafka_address, unique, "k7m4 hr92")
    assert {case.municipality for case in found} == {"0581", "2380"}


async def test_topics_that_are_not_there_tell_nothing(kafka_address: str, unique: str) -> None:
    assert await story(kafka_address, unique, "a") == []
    assert await newest_cases(kafka_address, unique) == []
