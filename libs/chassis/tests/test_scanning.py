"""Timers are found by their index alone, whatever the log holds beside them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chassis.clock import SystemClock
from chassis.commit import Cause, Commit, StoredEvent, Timers
from chassis.scanning import Kind, MongoTimerScan, TimerScan
from chassis.store import EventStore, MongoStore
from chassis.testing.scanning import MemoryTimerScan
from chassis.testing.store import MemoryStore
from pymongo import AsyncMongoClient

NOW = datetime(2026, 3, 2, 7, 30, tzinfo=UTC)


@pytest.fixture
async def store(mongo_uri: str, unique: str) -> AsyncIterator[MongoStore]:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo_uri)
    store = MongoStore(client[unique], SystemClock())
    await store.prepare()
    yield store
    await client.drop_database(unique)
    await client.close()


@dataclass
class Log:
    store: EventStore
    scan: TimerScan


@pytest.fixture(params=["memory", pytest.param("mongo", marks=pytest.mark.mongo)])
def log(request: pytest.FixtureRequest) -> Log:
    if request.param == "memory":
        memory = MemoryStore(SystemClock())
        return Log(memory, MemoryTimerScan(memory))
    store = request.getfixturevalue("store")
    return Log(store, MongoTimerScan(store.commits))


def a_commit(stream: str, version: int, timers: Timers | None, *, events: int = 1) -> Commit:
    return Commit(
        municipality="0581",
        stream=stream,
        first_version=version,
        events=[StoredEvent(f"e{number}", "Noted", 1, {}) for number in range(events)],
        cause=Cause(f"cause-{version}", "test"),
        correlation_id="1",
        committed_at=NOW,
        timers=timers,
    )


@pytest.mark.mongo
@pytest.mark.parametrize("kind", ["next_at", "judge_at"])
async def test_what_is_due_is_read_without_looking_at_what_is_not(store: MongoStore, kind: Kind) -> None:
    for number in range(50):
        await store.append(a_commit(f"0581.other-{number}", 1, None))
        later = Timers(NOW + timedelta(days=1), NOW + timedelta(days=1))
        await store.append(a_commit(f"0581.pending-{number}", 1, later))
    await store.append(a_commit("0581.due", 1, Timers(NOW, NOW)))
    scan, database = MongoTimerScan(store.commits), store.commits.database
    await database.command("profile", 2)
    found = await scan.due(kind, NOW, 100, [])
    least = await scan.least(kind, [])
    await database.command("profile", 0)
    assert [row.stream for row in found] == ["0581.due"]
    assert least == NOW
    profiled = await database["system.profile"].find({"ns": f"{database.name}.commits"}).to_list()
    assert [query["docsExamined"] for query in profiled] == [1, 1]


async def test_an_old_commit_is_told_with_its_version_until_it_is_cleared(log: Log) -> None:
    await log.store.append(a_commit("0581.case", 1, Timers(NOW, None), events=2))
    await log.store.append(a_commit("0581.case", 3, Timers(NOW + timedelta(hours=1), None)))
    scan = log.scan
    [old] = await scan.due("next_at", NOW, 100, [])
    assert (old.stream, old.version) == ("0581.case", 2)
    await scan.clear("next_at", [old.id])
    assert await scan.due("next_at", NOW, 100, []) == []
    assert await scan.least("next_at", []) == NOW + timedelta(hours=1)


async def test_those_passed_over_are_not_seen(log: Log) -> None:
    for number in range(3):
        await log.store.append(
            a_commit(f"0581.case-{number}", 1, Timers(NOW + timedelta(hours=number), None))
        )
    scan = log.scan
    rows = await scan.due("next_at", NOW + timedelta(hours=3), 100, [])
    assert await scan.due("next_at", NOW + timedelta(hours=3), 1, [rows[0].id]) == rows[1:2]
    assert await scan.least("next_at", [rows[0].id, rows[1].id]) == rows[2].at
