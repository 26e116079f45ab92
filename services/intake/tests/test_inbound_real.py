"""Inbound messages on a real broker and a real database: once, across restarts and offsets that were lost."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from chassis.reacting import Raw
from chassis.runtime import Loop, Parts, Runtime, make_runtime
from chassis.serving import background_loops, make_consumers
from chassis.testing.kafka import make_topics, read_topic
from chassis.testing.waiting import eventually
from intake.main import build
from intake.settings import IntakeSettings
from lofte_events import MessageRejected
from pymongo import AsyncMongoClient

from .submitting import CODE, NAME, a_key, binary, contact_data, jwks, matter, matter_data, raw, structured

pytestmark = [pytest.mark.kafka, pytest.mark.mongo]
KEY = a_key("only")
MUNICIPALITIES = Path(__file__).parents[3] / "deploy" / "municipalities"


@pytest.fixture
async def settings(kafka_address: str, mongo_uri: str, unique: str) -> AsyncIterator[IntakeSettings]:
    await make_topics(
        kafka_address,
        *(f"{unique}.{name}" for name in ("intake", "routing", "callback")),
        *(f"{unique}.{name}.{code}" for name in ("inbound", "rejected") for code in ("0581", "2380")),
    )
    told: dict[str, Any] = {
        "kafka": kafka_address,
        "mongo": mongo_uri,
        "database": unique,
        "topic_prefix": unique,
        "replica": f"{unique}-1",
        "master_key": base64.b64encode(b"k" * 32).decode(),
        "inbound_keys": jwks(KEY),
        "municipalities": MUNICIPALITIES,
        "session_timeout_ms": 6000,
    }
    yield IntakeSettings(**told)
    async with AsyncMongoClient[dict[str, Any]](mongo_uri) as client:
        await client.drop_database(unique)


@contextlib.asynccontextmanager
async def running(settings: IntakeSettings, group: str = "intake") -> AsyncIterator[Runtime[IntakeSettings]]:
    """Intake's consumer of inbound topics and its relay, as a process has them; with a group of another name, one that
    has read nothing yet."""
    runtime = make_runtime("intake", settings)
    parts: Parts = build(runtime)
    await runtime.store.prepare()
    await runtime.held.prepare()
    [subscription] = parts.subscriptions
    consumers = make_consumers(runtime, [replace(subscription, group=group)], lasting=False)
    loops: list[Loop] = [consumers.run, background_loops(runtime, parts)["relay"]]
    tasks = [asyncio.ensure_future(loop()) for loop in loops]
    try:
        yield runtime
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await runtime.close()


async def send(settings: IntakeSettings, *raws: Raw) -> None:
    topic = f"{settings.topic_prefix}.inbound.{CODE}"
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka, acks="all") as producer:
        for told in raws:
            await producer.send_and_wait(topic, told.value, told.key, headers=list(told.headers))


async def rejected(settings: IntakeSettings) -> list[MessageRejected]:
    records = await read_topic(settings.kafka, f"{settings.topic_prefix}.rejected.{CODE}")
    return [MessageRejected.model_validate_json(record.value or b"") for record in records]


async def caught_up(runtime: Runtime[IntakeSettings], group: str) -> bool:
    """Is everything committed that is on the topic, and everything published that was decided?"""
    topic = f"{runtime.settings.topic_prefix}.inbound.{CODE}"
    ends = await runtime.broker.bounds([topic])
    committed = await runtime.broker.committed(f"{runtime.settings.topic_prefix}.{group}")
    unpublished = await runtime.store.commits.count_documents({"published_at": None})
    return unpublished == 0 and all(committed.get(place, 0) == end for place, (_, end) in ends.items())


async def test_each_message_counts_once_across_restarts_and_lost_offsets(settings: IntakeSettings) -> None:
    first = [
        *(binary("e1", contact_data(KEY)) for _ in range(3)),
        structured("e1", contact_data(KEY)),
        structured("e2", contact_data(KEY)),
        matter("m1", matter_data(KEY)),
        raw(b"\xff\x00 not an event", {}),
        binary("e3", {**contact_data(KEY), "name": NAME}),
    ]
    await send(settings, *first)
    for group, more in (("intake", []), ("intake", [binary("e4", contact_data(KEY))]), ("again", [])):
        async with running(settings, group) as runtime:
            await send(settings, *more)
            assert await eventually(lambda: caught_up(runtime, group), 30)  # noqa: B023
            nouns = [commit["stream"] async for commit in runtime.store.commits.find({}, {"stream": 1})]
            assert await runtime.held.count() == 0
    counted = {
        noun: sum(f".{noun}-" in stream for stream in nouns)
        for noun in ("contact", "matter", "citizen", "rejected")
    }
    assert counted == {"contact": 3, "matter": 1, "citizen": 1, "rejected": 2}
    told = {(one.reason, one.field, one.message_id) for one in await rejected(settings)}
    assert told == {("unreadable", "specversion", None), ("clear-personal-data", "name", "e3")}
    contacts = await read_topic(settings.kafka, f"{settings.topic_prefix}.intake")
    assert {dict(record.headers)["ce_causationid"] for record in contacts} == {b"e1", b"e2", b"e4"}
    assert len({dict(record.headers)["ce_id"] for record in contacts}) == 3


async def test_without_a_key_messages_wait_on_their_topic(settings: IntakeSettings) -> None:
    runtime = make_runtime("intake", settings.model_copy(update={"inbound_keys": None}))
    assert build(runtime).subscriptions == []
    await runtime.close()
