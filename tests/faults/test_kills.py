"""kill -9 under traffic: each service, the broker, the database; and a broker that is away for long."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.harness.outcome import all_is_well
from tests.harness.people import contact, person
from tests.harness.running import SERVICES, System
from tests.harness.traffic import Traffic

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

Record = Callable[[str, Any], None]


@pytest.mark.replicated
async def test_nothing_is_lost_or_doubled_when_services_are_killed(
    shaken: System, record_property: Record
) -> None:
    replicas = shaken.stack.settings.replicas
    record_property("killed", ("kill -9", "every service in turn", replicas))
    async with _traffic(shaken) as traffic:
        for service in SERVICES:
            for replica in shaken.replicas(service):
                await shaken.restart(replica)
    await all_is_well(shaken, traffic.accepted)


@pytest.mark.replicated
async def test_nothing_is_lost_or_doubled_when_all_services_are_killed_at_once(
    shaken: System, record_property: Record
) -> None:
    replicas = shaken.stack.settings.replicas
    record_property("killed", ("kill -9", "all services at once", replicas))
    async with _traffic(shaken) as traffic:
        await shaken.restart(*shaken.replicas())
    await all_is_well(shaken, traffic.accepted)


@pytest.mark.replicated
async def test_nothing_is_lost_or_doubled_when_the_broker_is_killed(
    on_own_servers: System, record_property: Record
) -> None:
    replicas = on_own_servers.stack.settings.replicas
    record_property("killed", ("kill -9", "the broker", replicas))
    kafka = on_own_servers.stack.kafka
    assert kafka is not None
    async with _traffic(on_own_servers) as traffic:
        kafka.kill()
        await traffic.contacts(12)  # accepted all the while
        kafka.launch()
        await asyncio.to_thread(kafka.wait)
    await all_is_well(on_own_servers, traffic.accepted)


@pytest.mark.replicated
async def test_nothing_is_lost_or_doubled_when_the_database_is_killed(
    on_own_servers: System, record_property: Record
) -> None:
    replicas = on_own_servers.stack.settings.replicas
    record_property("killed", ("kill -9", "the database", replicas))
    mongo = on_own_servers.stack.mongo
    assert mongo is not None
    async with _traffic(on_own_servers) as traffic:
        mongo.kill()
        mongo.launch()
        await asyncio.to_thread(mongo.wait)
    await all_is_well(on_own_servers, traffic.accepted)


@pytest.mark.replicated
async def test_contacts_are_accepted_while_the_broker_is_away_and_every_service_restarts(
    on_own_servers: System, request: pytest.FixtureRequest, record_property: Record
) -> None:
    count = 2000 if request.config.getoption("--full-matrix") else 120
    replicas = on_own_servers.stack.settings.replicas
    record_property(
        "killed", ("kill -9", f"every service while the broker is away, {count} contacts", replicas)
    )
    kafka = on_own_servers.stack.kafka
    assert kafka is not None
    traffic = Traffic(on_own_servers)
    await asyncio.to_thread(kafka.stop)
    await _accepts_at_once(on_own_servers)
    await traffic.contacts(count // 2)
    await on_own_servers.restart(*on_own_servers.replicas())  # they start, and are ready, without a broker
    await _says_degraded(on_own_servers)
    await traffic.contacts(count - count // 2)

    kafka.launch()
    await asyncio.to_thread(kafka.wait)

    await all_is_well(on_own_servers, traffic.accepted)


@asynccontextmanager
async def _traffic(system: System) -> AsyncIterator[Traffic]:
    """Cases of all kinds come in, and are worked on, before, while and after the block runs."""
    traffic, enough = Traffic(system), asyncio.Event()
    await traffic.contacts(6)
    working = asyncio.create_task(traffic.until(enough))
    try:
        yield traffic
        enough.set()
        await working
    finally:
        working.cancel()


async def _accepts_at_once(system: System) -> None:
    """201 at the first try: nobody waits for the broker."""
    answer = await person(system, "guide").post("intake", "/contacts", contact("phone"), key=uuid.uuid4().hex)
    assert answer.status_code == 201, answer.text
    assert answer.elapsed.total_seconds() < 3


async def _says_degraded(system: System) -> None:
    for service in SERVICES:
        ready = await system.http.get(f"{system.url(service)}/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
