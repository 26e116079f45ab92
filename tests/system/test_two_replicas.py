"""Two replicas of everything: the same stories pass through both doors, and one replica is enough to go on."""

import asyncio
import inspect
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from chassis.testing.waiting import eventually

from tests.conftest import MONDAY
from tests.harness.outcome import all_is_well
from tests.harness.people import person
from tests.harness.running import System, running_system
from tests.harness.traffic import Traffic
from tests.system import test_case_life as case_life
from tests.system import test_requests as requests
from tests.system import test_waiting as waiting

pytestmark = pytest.mark.system

STORIES = [
    case_life.test_a_call_is_solved_at_once_and_owes_no_promise,
    case_life.test_a_department_keeps_its_promise_by_reaching_the_citizen_not_by_trying,
    case_life.test_forwarding_and_returning_leave_the_promised_time,
    case_life.test_a_further_contact_joins_the_open_case_and_reopens_the_resolved_one,
    case_life.test_a_promise_that_nobody_kept_is_broken_as_of_its_time_and_answered_late,
    waiting.test_the_clock_stands_until_the_citizen_contacts_us_again,
    waiting.test_another_time_is_agreed_with_the_citizen_once_however_often_it_is_sent,
    requests.test_waiting_ends_at_routed_for_a_live_contact_and_at_promised_for_a_written_one,
    requests.test_of_two_who_claim_at_once_one_wins_and_the_other_is_told_who,
    requests.test_a_repeat_gets_the_same_answer_and_happens_once,
]


@pytest_asyncio.fixture(scope="module")
async def doubled(kafka_address: str, mongo_uri: str) -> AsyncIterator[System]:
    """Two of each; every request goes to the next replica."""
    name = f"d{uuid.uuid4().hex[:10]}"
    async with running_system(
        name, kafka=kafka_address, mongo=mongo_uri, replicas=2, clock=MONDAY
    ) as running:
        yield running


@pytest.mark.parametrize("story", STORIES, ids=[story.__name__.removeprefix("test_") for story in STORIES])
async def test_the_same_story_passes(doubled: System, story: Callable[..., Awaitable[None]]) -> None:
    given = {
        "system": doubled,
        "guide": person(doubled, "guide", subject="guide-anna"),
        "builder": person(doubled, "handler", department="building", subject="handler-bo"),
    }
    wanted = inspect.signature(story).parameters
    await story(**{name: value for name, value in given.items() if name in wanted})


async def test_traffic_goes_on_through_the_other_replica(doubled: System) -> None:
    """One replica of everything dies in mid-traffic and stays dead: what it had in hand, the other one finishes."""
    traffic, enough = Traffic(doubled), asyncio.Event()
    await traffic.contacts(6)
    working = asyncio.create_task(traffic.until(enough))
    try:
        doubled.kill(*(replica for replica in doubled.replicas() if replica.number == 1))
        await traffic.contacts(12)
        enough.set()
        await working
    finally:
        working.cancel()
    assert not any(doubled.alive(replica) for replica in doubled.replicas() if replica.number == 1)
    await all_is_well(doubled, traffic.accepted)


async def test_the_timers_of_a_killed_replica_are_taken_over_within_ten_seconds(doubled: System) -> None:
    await doubled.restart(*(one for one in doubled.replicas("callback") if not doubled.alive(one)))
    leases = doubled.database("callback")["leases"]

    async def holder() -> str | None:
        """By the database's clock; None while it has run out."""
        held = await leases.find_one({"_id": "timers", "$expr": {"$gt": ["$until", "$$NOW"]}})
        return held["holder"] if held else None

    former = await eventually(holder)
    [killed] = [one for one in doubled.replicas("callback") if f"callback-{one.number}" == former]
    doubled.kill(killed)

    async def heir() -> bool:
        return await holder() not in (None, former)

    await eventually(heir, deadline=10)
    await doubled.restart(killed)


async def test_a_replica_leaves_in_order_when_told(doubled: System) -> None:
    """SIGTERM: requests under way are answered, batches finished; the exit code says so."""
    await doubled.restart(*(replica for replica in doubled.replicas() if replica.number == 1))
    traffic, enough = Traffic(doubled), asyncio.Event()
    working = asyncio.create_task(traffic.until(enough))
    try:
        await doubled.stop_orderly(*(replica for replica in doubled.replicas() if replica.number == 2))
        enough.set()
        await working
    finally:
        working.cancel()
    await all_is_well(doubled, traffic.accepted)
