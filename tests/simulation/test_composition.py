"""The simulation is made of what the services are made of: what a `build` gains, the simulation must gain too."""

import asyncio
import base64
from datetime import timedelta
from pathlib import Path
from typing import Any

import callback.main
import callback.settings
import casework.main
import casework.settings
import intake.main
import intake.settings
import pytest
import routing.main
import routing.settings
from chassis.correction import ClockCorrection
from chassis.service import Parts, make_runtime

from .clocks import ReplicaClock
from .planted import Planted
from .services import SERVICES, Surrounded, Working, compose
from .world import Replica, World

_BUILDS: dict[str, tuple[Any, Any]] = {
    "intake": (intake.main.build, intake.settings.IntakeSettings),
    "routing": (routing.main.build, routing.settings.RoutingSettings),
    "casework": (casework.main.build, casework.settings.CaseworkSettings),
    "callback": (callback.main.build, callback.settings.CallbackSettings),
}

_KEY = base64.b64encode(b"k" * 32).decode()

# Views that nobody decides on, and webhooks; casework's view stands for all. Gauges are for people.
_LEFT_OUT = {"intake.outcomes.v1", "callback.promises.v1", "callback.webhooks"}
_FOR_PEOPLE = {"build.<locals>.count_open"}


@pytest.mark.parametrize("service", SERVICES)
async def test_it_reads_and_runs_what_the_service_does(service: str) -> None:
    build, settings = _BUILDS[service]
    municipalities = Path(__file__).parents[2] / "deploy" / "municipalities"
    runtime = make_runtime(
        service, settings(municipalities=municipalities, master_key=_KEY, database=service, replica="r")
    )
    parts: Parts = build(runtime)
    await runtime.close()
    told = [*parts.subscriptions, *(view.subscription for view in parts.views)]
    reads = {(s.group, tuple(s.services)) for s in told if s.role == "consumer" and s.group not in _LEFT_OUT}
    working = _simulated(service)
    assert {(s.group, tuple(s.services)) for s in working.subscriptions} == reads
    runs = {_name(loop) for loop in parts.loops.get("timers", ())} - _FOR_PEOPLE
    assert {_name(loop) for name, loop in working.loops.items() if name.startswith("timers")} == runs


def _simulated(service: str) -> Working:
    world = World(0, Planted())
    clock, database = ReplicaClock(world.time, timedelta(0)), world.databases[service]
    correction = ClockCorrection(clock, database.time)
    return compose(Surrounded(world, Replica(service, 0), database, clock, correction, asyncio.Event()))


def _name(loop: Any) -> str:
    name: str = loop.__qualname__
    return name
