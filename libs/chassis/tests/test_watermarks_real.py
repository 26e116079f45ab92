"""Watermarks on the database, whose time stamps all of it rests on."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from chassis.clock import SystemClock
from chassis.outbox import MongoOutbox, Observation
from chassis.store import MongoStore
from chassis.testing.broker import FakeBroker
from chassis.testing.relaying import AlwaysHeld, a_commit
from chassis.testing.waiting import eventually
from chassis.watermarks import WatermarkPublisher
from pymongo import AsyncMongoClient

pytestmark = [pytest.mark.usefixtures("quiet_logging"), pytest.mark.mongo]


@pytest.fixture
async def client(mongo_uri: str, unique: str) -> AsyncIterator[AsyncMongoClient[dict[str, Any]]]:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo_uri, tz_aware=True)
    yield client
    await client.drop_database(unique)
    await client.close()


class Looks:
    """Looks at the log as the publisher does, and notes when each watermark was told, on the database's clock."""

    def __init__(self, client: AsyncMongoClient[dict[str, Any]], unique: str) -> None:
        self._client = client
        clock = SystemClock()
        self.store = MongoStore(client[unique], clock, patience=60)
        self.outbox = MongoOutbox(self.store.commits, clock)
        self._publisher = WatermarkPublisher(
            self.outbox, FakeBroker(), AlwaysHeld(), clock, prefix="lofte", service="test"
        )
        self._others = client[unique]["others"]
        self.told: list[tuple[datetime, datetime]] = []

    async def run(self, every: float) -> None:
        while True:
            # As a lease's renewal does, so that the operation time moves on.
            await self._others.insert_one({})
            at = await self._publisher.advance()
            if at is not None:
                now: datetime = (await self._client.admin.command("hello"))["localTime"]
                self.told.append((at, now.replace(tzinfo=UTC)))
            await asyncio.sleep(every)

    async def assert_none_was_passed(self) -> None:
        """No commit at or below a watermark was unpublished when that was told; nor came later."""
        async for commit in self.store.commits.find({}, {"stored_at": 1, "published_at": 1}):
            stored_at = datetime.fromtimestamp(commit["stored_at"].time, UTC)
            for at, told_at in self.told:
                if stored_at <= at:
                    assert commit["published_at"] is not None
                    assert commit["published_at"] <= told_at, (stored_at, at)


async def test_no_commit_below_a_watermark_is_unpublished_while_others_append(
    client: AsyncMongoClient[dict[str, Any]], unique: str
) -> None:
    looks = Looks(client, unique)
    await looks.store.prepare()
    stopped = asyncio.Event()

    async def append(writer: int) -> None:
        chance = random.Random(writer)
        store = MongoStore(client[unique], SystemClock())
        version = 0
        while not stopped.is_set():
            version += 1
            await store.append(a_commit(f"case-{writer}", version))
            await asyncio.sleep(chance.uniform(0, 0.05))

    async def publish() -> None:
        chance = random.Random(0)
        while True:
            for commit in await looks.outbox.unpublished(50, []):
                if chance.random() < 0.7:
                    await looks.outbox.stamp([commit.id])
            await asyncio.sleep(chance.uniform(0, 0.1))

    tasks = [asyncio.create_task(work) for work in (publish(), looks.run(0.31))]
    writers = [asyncio.create_task(append(writer)) for writer in range(16)]
    await eventually(lambda: len(looks.told) >= 6, deadline=60)
    stopped.set()
    await asyncio.gather(*writers)
    told = len(looks.told)
    await eventually(lambda: len(looks.told) >= told + 3, deadline=60)
    for task in tasks:
        task.cancel()
    assert [at for at, _ in looks.told] == sorted(at for at, _ in looks.told)
    assert looks.told[-1][0] > looks.told[0][0], "it advances"
    await looks.assert_none_was_passed()


async def test_an_insert_that_hangs_with_its_time_stamp_taken_is_not_passed(
    client: AsyncMongoClient[dict[str, Any]], unique: str
) -> None:
    """The database stands still between filling `stored_at` and writing, for longer than any margin."""
    looks = Looks(client, unique)
    await looks.store.prepare()
    watching = asyncio.create_task(looks.run(0.31))
    await eventually(lambda: looks.told)
    point = {"configureFailPoint": "hangDuringBatchInsert"}
    await client.admin.command({**point, "mode": "alwaysOn", "data": {"nss": f"{unique}.commits"}})
    try:
        appending = asyncio.create_task(looks.store.append(a_commit("case-1", 1)))

        async def hanging() -> bool:
            observed: Observation = await MongoOutbox(looks.store.commits, SystemClock()).observe()
            assert observed.least is None
            return observed.slowest_insert > 4

        await eventually(hanging, deadline=20, every=0.2)
    finally:
        await client.admin.command({**point, "mode": "off"})
    await appending
    told = len(looks.told)
    [commit] = await looks.outbox.unpublished(1, [])
    await eventually(lambda: len(looks.told) > told)
    await looks.outbox.stamp([commit.id])
    await eventually(lambda: commit.stored_at is not None and looks.told[-1][0] > commit.stored_at)
    watching.cancel()
    await looks.assert_none_was_passed()
