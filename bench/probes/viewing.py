"""From a topic to a view: the consumers and the facts of metrics; and a bare `insert_many` of such documents."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from chassis.clock import SystemClock
from chassis.consuming import Consumers
from chassis.held import HeldMessages
from chassis.rebuild import LiveView
from chassis.serving import parse_fact
from chassis.telemetry import Metrics, Tracing
from chassis.topics import create_topics
from metrics import views
from pymongo import AsyncMongoClient

from bench.probes.history import EVENTS_A_CASE, fill
from bench.probing import Sample, timed

_PARTITIONS = 3


class _Counted(Metrics):
    """`begun` at the first batch that is in the view, `done` when so many records are."""

    def __init__(self, wanted: int) -> None:
        super().__init__()
        self.left = wanted
        self.begun, self.done = asyncio.Event(), asyncio.Event()

    def records_processed(self, group: str, topic: str, count: int) -> None:
        super().records_processed(group, topic, count)
        self.left -= count
        self.begun.set()
        if self.left <= 0:
            self.done.set()


async def topics(kafka: str, cases: int) -> str:
    """The history of so many cases on topics of its own; answers their prefix."""
    prefix = f"bench-{time.time_ns()}"
    await create_topics(kafka, prefix, _PARTITIONS)
    await fill(kafka, prefix, cases)
    return prefix


async def ours(mongo: str, kafka: str, pids: Sequence[int], cases: int) -> Sample:
    """Records from four topics folded into one document a case. The clock starts when the group has its first batch."""
    prefix = await topics(kafka, cases)
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        mongo, maxPoolSize=100, w="majority", tz_aware=True
    )
    database, clock = client[prefix], SystemClock()
    facts = LiveView(database, "metrics", views.NAME, views.SERVICES, views.project, indexes=views.INDEXES)
    held = HeldMessages(database, clock)
    await held.prepare()
    await facts.prepare()
    counted = _Counted(cases * EVENTS_A_CASE)
    consumers = Consumers(
        [facts.subscription_of(1)],
        kafka=kafka,
        prefix=prefix,
        replica="bench",
        session_timeout_ms=6000,
        parse=parse_fact,
        held=held,
        clock=clock,
        tracing=Tracing("bench", None),
        metrics=counted,
        lasting=False,
    )
    running = asyncio.create_task(consumers.run())
    await asyncio.wait_for(counted.begun.wait(), 60)
    with timed(counted.left, pids) as sample:
        await asyncio.wait_for(counted.done.wait(), 600)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    complete = {"promises.1.kept_at": {"$exists": True}, "route_number": 1, "received_at": {"$ne": None}}
    assert await facts.rows.count_documents(complete) == cases
    await client.drop_database(prefix)
    await client.close()
    return sample


async def inserts(mongo: str, pids: Sequence[int], count: int) -> Sample:
    """`insert_many(500)` of documents of such a size, majority write concern."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo, w="majority")
    name = f"bench_{time.time_ns()}"
    rows = client[name]["rows"]
    documents = [{"_id": f"0581.{number}", "rev": 1, "text": "x" * 900} for number in range(count)]
    with timed(count, pids) as sample:
        for start in range(0, count, 500):
            await rows.insert_many(documents[start : start + 500], ordered=False)
    await client.drop_database(name)
    await client.close()
    return sample
