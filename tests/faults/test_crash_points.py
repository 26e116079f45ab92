"""kill -9 at each crash point: after the restart nothing is lost, doubled, or fired early.

Every day each point is tried once, in a service that has it, several services in the same traffic; `--full-matrix`
tries every service that has it, one by one, with one and with two replicas.
"""

import asyncio
import signal
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

import pytest
from chassis.crash import POINTS
from chassis.testing.waiting import eventually
from standardwebhooks import Webhook

from tests.harness.outcome import all_is_well
from tests.harness.people import person
from tests.harness.poison import discard_malformed, held_messages, poison
from tests.harness.receiver import receiver
from tests.harness.running import SERVICES, Replica, System
from tests.harness.traffic import Traffic
from tests.harness.webhooks import all_told, subscribed

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

_WRITING = ("intake", "routing", "casework", "callback")
PLACES = {
    "appended": _WRITING,
    "answered": SERVICES,
    "sent": _WRITING,
    "acknowledged": _WRITING,
    "stamped": _WRITING,
    "view-written": ("intake", "casework", "callback", "metrics"),
    "offset-committed": SERVICES,
    "held": SERVICES,
    "timer-fired": ("callback",),
    "delivered": ("callback",),
}
ELSEWHERE = {"taken"}
"""Between a notice's receiver and the log: `test_notice_crashes.py`."""
EVERY_DAY: Sequence[Mapping[str, str]] = (
    {
        "intake": "answered",
        "routing": "appended",
        "casework": "sent",
        "callback": "stamped",
        "metrics": "view-written",
    },
    {
        "intake": "acknowledged",
        "casework": "offset-committed",
        "callback": "timer-fired",
        "metrics": "held",
    },
    {"callback": "delivered"},
)
"""Who dies where while the others die elsewhere: a process dies at one point."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "deaths" in metafunc.fixturenames:
        one_by_one = [{service: point} for point in PLACES for service in PLACES[point]]
        chosen = one_by_one if metafunc.config.getoption("--full-matrix") else EVERY_DAY
        metafunc.parametrize("deaths", chosen, ids=["-".join(chain(*each.items())) for each in chosen])


def test_every_point_has_its_places() -> None:
    """A new crash point is tried here too, or this fails."""
    every_day = [(service, point) for deaths in EVERY_DAY for service, point in deaths.items()]
    assert set(PLACES) == {point for _, point in every_day} == set(POINTS) - ELSEWHERE
    assert all(service in PLACES[point] for service, point in every_day)


@pytest.mark.replicated
async def test_nothing_is_lost_or_doubled_when_a_service_dies_at(
    shaken: System, deaths: Mapping[str, str], record_property: Callable[[str, Any], None]
) -> None:
    victims = {service: tuple(shaken.replicas(service)) for service in deaths}
    for service, point in deaths.items():
        record_property("killed", (point, service, len(victims[service])))
    traffic = Traffic(shaken)
    held_before = await _poisoned_before(traffic, deaths)
    for service, point in deaths.items():
        shaken.kill(*victims[service])
        for victim in victims[service]:
            shaken.launch(victim, crash_at=point)

    work = asyncio.create_task(_traffic(traffic, deaths, held_before))

    async def lives_again(service: str) -> None:
        await eventually(lambda: _died(shaken, victims[service]) or _failed(work), 180)
        if _failed(work):
            await work
        assert all(shaken.exit_code(victim) == -signal.SIGKILL for victim in _died(shaken, victims[service]))
        # Both: the other one would die at the same point a moment later.
        await shaken.restart(*victims[service])

    try:
        await asyncio.gather(*(lives_again(service) for service in deaths))
        await work
    finally:
        work.cancel()
    poisoned = "held" in deaths.values() or held_before
    await all_is_well(shaken, traffic.accepted, meanwhile=discard_malformed if poisoned else None)


async def _traffic(traffic: Traffic, deaths: Mapping[str, str], held: bool) -> None:
    """What makes the services come to their points."""
    points = deaths.values()
    if "delivered" in points:
        await _tell_by_webhook(traffic)
        return
    if "held" in points:
        await poison(traffic)
    for service in deaths:
        if deaths[service] == "answered" and service in ("routing", "callback", "metrics"):
            await _ask(traffic, service, held)
    await traffic.one_of_each()


async def _tell_by_webhook(traffic: Traffic) -> None:
    """The receiver has it, and the process dies before it is written down: it comes again, and in order."""
    async with receiver() as here, subscribed(traffic, here) as secret:
        await traffic.one_of_each()
        await eventually(lambda: all_told(traffic, here), 60)
        assert len(here.taken) > len({got.id for got in here.taken}), "what was not written down comes again"
        for got in here.taken:
            Webhook(secret).verify(got.body, dict(got.headers))


async def _ask(traffic: Traffic, service: str, held: bool) -> None:
    """A POST to a service that takes no contacts: explain; replay of what is held."""
    system = traffic.system
    if service == "routing":
        guide = person(system, "guide")
        await traffic.insist(guide, "POST", "routing", "/routes/explain", json={"channel": "phone"})
        return
    assert held
    admin = person(system, "admin")
    listed = await traffic.insist(admin, "GET", service, "/held")
    path = f"/held/{listed.json()['items'][0]['id']}/replay"
    await traffic.insist(admin, "POST", service, path, headers={"Idempotency-Key": uuid.uuid4().hex})


async def _poisoned_before(traffic: Traffic, deaths: Mapping[str, str]) -> bool:
    """callback and metrics have no POST but those about held messages: so they need one."""
    needing = [service for service in ("callback", "metrics") if deaths.get(service) == "answered"]
    if needing:
        await poison(traffic)
    for service in needing:
        await eventually(partial(held_messages, traffic.system, service), 60)
    return bool(needing)


def _died(system: System, victims: tuple[Replica, ...]) -> list[Replica]:
    return [victim for victim in victims if not system.alive(victim)]


def _failed(work: asyncio.Task[None]) -> bool:
    """Then nobody will come to the point."""
    return work.done() and work.exception() is not None
