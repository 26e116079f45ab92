"""A lease is held by one at a time, on the database's clock."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from chassis.clock import Clock, SystemClock
from chassis.errors import Unavailable
from chassis.lease import Lease, MongoLeases
from chassis.lease import Leases as KeptLeases
from chassis.testing.leases import MemoryLeases
from chassis.testing.waiting import eventually
from pymongo import AsyncMongoClient

TTL = 1.5


@pytest.fixture
async def client(mongo_uri: str, unique: str) -> AsyncIterator[AsyncMongoClient[dict[str, Any]]]:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo_uri, appname=unique)
    yield client
    await client.drop_database(unique)
    await client.close()


class Leases:
    """Makes leases of one name."""

    def __init__(self, kept: KeptLeases) -> None:
        self.kept = kept

    def of(self, holder: str, clock: Clock | None = None) -> Lease:
        return Lease(self.kept, "relay", holder, clock or SystemClock(), ttl=TTL, renewal=0.1)


@pytest.fixture(params=["memory", pytest.param("mongo", marks=pytest.mark.mongo)])
def leases(request: pytest.FixtureRequest, unique: str) -> Leases:
    if request.param == "memory":
        return Leases(MemoryLeases(SystemClock()))
    return Leases(MongoLeases(request.getfixturevalue("client")[unique]))


@pytest.fixture
def mongo_leases(client: AsyncMongoClient[dict[str, Any]], unique: str) -> Leases:
    return Leases(MongoLeases(client[unique]))


async def test_one_of_many_has_it(leases: Leases) -> None:
    contenders = [leases.of(f"replica-{number}") for number in range(20)]
    outcomes = await asyncio.gather(*(lease.renew() for lease in contenders))
    assert sum(outcomes) == 1
    assert [lease.held() for lease in contenders] == list(outcomes)
    again = await asyncio.gather(*(lease.renew() for lease in contenders))
    assert again == outcomes


async def test_it_runs_out_for_its_holder_before_another_one_can_have_it(leases: Leases) -> None:
    first, second = leases.of("first"), leases.of("second")
    assert await first.renew()
    held = []

    async def taken() -> bool:
        held.append(first.held())
        return await second.renew()

    await eventually(taken, deadline=5)
    assert held[0] is True
    assert held[-1] is False
    assert second.held()
    assert not await first.renew()


async def test_released_it_is_free_at_once(leases: Leases) -> None:
    first, second = leases.of("first"), leases.of("second")
    await first.renew()
    await second.release()
    assert not await second.renew(), "only its holder can release it"
    await first.release()
    assert not first.held()
    assert await second.renew()


async def test_a_process_that_restarts_goes_on_at_once(leases: Leases) -> None:
    assert await leases.of("first").renew()
    assert await leases.of("first").renew()


@pytest.mark.mongo
async def test_run_renews_it_and_releases_it_at_the_end(
    mongo_leases: Leases, client: AsyncMongoClient[dict[str, Any]], unique: str
) -> None:
    first, second = mongo_leases.of("first"), mongo_leases.of("second")
    running = asyncio.create_task(first.run())
    await eventually(first.held)
    documents = client[unique].leases
    until = (await documents.find_one({}) or {})["until"]

    async def renewed() -> bool:
        assert not await second.renew()
        return bool((await documents.find_one({}) or {})["until"] > until)

    await eventually(renewed)
    running.cancel()
    await asyncio.wait({running})
    assert await second.renew()


@pytest.mark.mongo
async def test_with_the_database_away_it_is_held_until_it_runs_out(
    mongo_leases: Leases, mongo_uri: str, unique: str
) -> None:
    lease = mongo_leases.of("first")
    running = asyncio.create_task(lease.run())
    await eventually(lease.held)
    plain: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo_uri)
    point = {"configureFailPoint": "failCommand"}
    fault = {"failCommands": ["findAndModify"], "appName": unique, "closeConnection": True}
    await plain.admin.command({**point, "mode": "alwaysOn", "data": fault})
    with pytest.raises(Unavailable):
        await mongo_leases.of("second").renew()
    await eventually(lambda: not lease.held())
    await plain.admin.command({**point, "mode": "off"})
    await eventually(lease.held)
    running.cancel()
    await asyncio.wait({running})
    await plain.close()
