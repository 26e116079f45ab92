"""The suite of the outbox, on MongoDB and on the fake."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from chassis.clock import SystemClock
from chassis.commit import Commit
from chassis.errors import Unavailable
from chassis.outbox import MongoOutbox, Outbox
from chassis.store import EventStore, MongoStore
from chassis.testing.outbox import MemoryOutbox
from chassis.testing.relaying import a_commit
from chassis.testing.store import MemoryStore
from lofte_local.ports import free_ports
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

DAY = timedelta(days=1)


class Ahead(SystemClock):
    """Domain time is a day ahead of the database's."""

    def to_domain(self, real: datetime) -> datetime:
        return real + DAY


@dataclass
class Log:
    store: EventStore
    outbox: Outbox


@pytest.fixture(params=["memory", pytest.param("mongo", marks=pytest.mark.mongo)])
async def log(request: pytest.FixtureRequest, unique: str) -> AsyncIterator[Log]:
    clock = Ahead()
    if request.param == "memory":
        memory = MemoryStore(clock)
        yield Log(memory, MemoryOutbox(memory))
        return
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(request.getfixturevalue("mongo_uri"))
    store = MongoStore(client[unique], clock)
    await store.prepare()
    yield Log(store, MongoOutbox(store.commits, clock))
    await client.drop_database(unique)
    await client.close()


async def test_outbox_gives_the_unpublished_oldest_first_without_those_passed_over(log: Log) -> None:
    for number in range(1, 8):
        await log.store.append(a_commit("case-1", number))
    found = await log.outbox.unpublished(5, [])
    assert [commit.first_version for commit in found] == [1, 2, 3, 4, 5]
    again = await log.outbox.unpublished(5, [commit.id for commit in found[1:]])
    assert [commit.first_version for commit in again] == [1, 6, 7]
    assert found[0].stored_at is not None
    assert await log.outbox.count() == 7


async def test_outbox_forgets_what_is_stamped(log: Log) -> None:
    for number in range(1, 5):
        await log.store.append(a_commit("case-1", number))
        await log.store.append(a_commit("case-2", number))
    found = await log.outbox.unpublished(500, [])
    first = [c for c in found if c.stream == "0581.case-1" and c.first_version <= 2]
    await log.outbox.stamp([commit.id for commit in first])
    streams = [("0581", "0581.case-1"), ("0581", "0581.case-2"), ("0581", "0581.case-3")]
    assert await log.outbox.behind(streams) == {streams[0]: 3, streams[1]: 1}
    assert await log.outbox.behind(streams[:1]) == {streams[0]: 3}
    assert await log.outbox.count() == 6
    assert len(await log.outbox.unpublished(500, [])) == 6
    published = [commit.id async for batch in log.outbox.published(1) for commit in batch]
    assert published == [commit.id for commit in first]


async def test_outbox_observes_the_oldest_unpublished_commit(log: Log) -> None:
    before = await log.outbox.observe()
    assert (before.least, before.slowest_insert) == (None, 0.0)
    await log.store.append(a_commit("case-1", 1))
    [commit] = await log.outbox.unpublished(1, [])
    observed = await log.outbox.observe()
    assert commit.stored_at is not None
    assert observed.least == commit.stored_at - DAY  # the database's own time
    assert observed.operation_time >= before.operation_time
    await log.outbox.stamp([commit.id])
    assert (await log.outbox.observe()).least is None


async def test_a_backlog_is_read_in_turn_per_municipality(log: Log) -> None:
    for number in range(1, 41):
        await log.store.append(a_commit("case-1", number))
    for municipality in ("0114", "0115", "2380"):
        for number in range(1, 4):
            await log.store.append(a_commit("case-2", number, municipality=municipality))
    read: list[Commit] = []
    for _ in range(2):
        found = await log.outbox.unpublished(20, [commit.id for commit in read])
        assert len(found) == 20
        read += found
    assert {commit.municipality for commit in read[:20]} == {"0114", "0115", "0581", "2380"}
    ids = [commit.id for commit in read]
    assert len(set(ids)) == 40
    rest = await log.outbox.unpublished(500, ids)
    assert len(rest) == 9
    for municipality in ("0114", "0581"):
        versions = [c.first_version for c in (*read, *rest) if c.municipality == municipality]
        assert versions == sorted(versions)
    assert (await log.outbox.observe()).least == min(c.stored_at for c in read if c.stored_at) - DAY


@pytest.mark.mongo
async def test_a_read_is_bounded_in_bytes_too(database: AsyncDatabase[dict[str, Any]]) -> None:
    """500 of the largest commits would be 125 MB."""
    store = MongoStore(database, SystemClock())
    await store.prepare()
    for number in range(100):
        large = a_commit(f"case-{number}", 1)
        large.events[0].data["text"] = "x" * 250_000  # type: ignore[index]
        await store.append(large)
    found = await MongoOutbox(store.commits, SystemClock()).unpublished(500, [])
    assert 0 < len(found) < 70


@pytest.mark.mongo
async def test_outbox_says_unavailable_when_the_database_is_away() -> None:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        f"mongodb://127.0.0.1:{free_ports(1)[0]}/?replicaSet=none", serverSelectionTimeoutMS=50
    )
    outbox = MongoOutbox(client["none"]["commits"], SystemClock())
    for asked in (
        outbox.unpublished(1, []),
        outbox.behind([("0581", "s")]),
        outbox.stamp([1]),
        outbox.count(),
        outbox.observe(),
        anext(aiter(outbox.published(1))),
    ):
        with pytest.raises(Unavailable):
            await asked
    await client.close()
