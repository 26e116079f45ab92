"""What goes wrong: a table. The seed says what, when and how long."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from .moves import must
from .services import SERVICES
from .world import Replica, World

if TYPE_CHECKING:
    from .scenario import Scenario

_DECIDERS = ("routing", "casework", "callback")


class Weather:
    """Faults of one seed, until it is told to `clear`. `only`: the one that is to come, and nothing else."""

    def __init__(self, scenario: "Scenario", only: str | None = None) -> None:
        self.scenario = scenario
        self.only = only
        self.world: World = scenario.world
        self.chance = scenario.world.chance
        self.number = 0

    async def blow(self) -> None:
        """Begin, and end after a while."""
        world, chance = self.world, self.chance
        if self.only is not None:
            await self.scenario.until(world.time.domain() + timedelta(hours=chance.uniform(1, 30)))
            await FAULTS[self.only](self)
            return
        world.wire.lost = chance.choice([0.0, 0.005, 0.02])
        world.wire.slow = chance.choice([0.0, 0.01, 0.03])
        world.slow_inserts = chance.choice([0.0, 0.03])
        world.small_batches = chance.choice([0.0, 0.3])
        world.fault_of_records(chance.choice([0.0, 0.01, 0.05]))
        faults = [name for name in FAULTS if name != "taken over"]  # that needs a calm day
        async with asyncio.TaskGroup() as group:
            for _ in range(chance.choice([0, 1, 2, 3, 4, 6])):
                await world.wire.wait(chance.uniform(0.1, 2.0))
                group.create_task(FAULTS[chance.choice(faults)](self))

    def clear(self) -> None:
        """Mend everything: whatever was broken has to heal now."""
        world = self.world
        world.tell("the weather clears")
        world.wire.lost = world.wire.slow = world.slow_inserts = world.small_batches = 0.0
        for server in sorted(world.wire.away):
            world.bring_back(server)
        world.broker.fault = lambda _: None
        world.stalls.clear()
        world.wake_readers()
        world.poison.clear()
        for replica in list(world.replicas.values()):
            if replica.dead:
                world.start(replica.service, replica.number)
            elif replica.frozen:
                world.loop.thaw(replica)

    def some_time(self, longest: float) -> float:
        """Real seconds: mostly short, now and then longer than leases and sessions last."""
        return self.chance.uniform(0.2, longest if self.chance.random() < 0.3 else 2.0)

    def replica(self) -> Replica:
        return self.chance.choice(list(self.world.replicas.values()))


async def _kill(weather: Weather) -> None:
    world, replica = weather.world, weather.replica()
    if not replica.dead:
        world.kill(replica)
        await world.wire.wait(weather.some_time(8))
        world.start(replica.service, replica.number)


async def _stop(weather: Weather) -> None:
    world, replica = weather.world, weather.replica()
    if not replica.dead:
        await world.stop(replica)
        await world.wire.wait(weather.chance.uniform(0, 2))
        world.start(replica.service, replica.number)


async def _freeze(weather: Weather) -> None:
    replica = weather.replica()
    if not replica.dead and not replica.frozen:
        await weather.world.freeze(replica, weather.some_time(9))


async def _outage(weather: Weather) -> None:
    """All replicas of a service are down, for up to a day and a half of domain time."""
    world, chance = weather.world, weather.chance
    service = chance.choice(SERVICES)
    down = [replica for replica in world.replicas.values() if replica.service == service]
    for replica in down:
        if not replica.dead:
            world.kill(replica)
    await world.wire.wait(chance.uniform(0.2, 2))
    if chance.random() < 0.5:
        weather.scenario.leap(timedelta(hours=chance.uniform(1, 36)))
    for replica in down:
        world.start(replica.service, replica.number)


async def _lose_lease(weather: Weather) -> None:
    """A lease is gone from the database: another replica may have it while its holder believes in it."""
    world = weather.world
    service = weather.chance.choice(SERVICES)
    world.tell(f"{service} loses its leases")
    world.databases[service].leases.drop()


async def _rebalance(weather: Weather) -> None:
    groups = weather.world.groups
    if groups:
        group = groups[weather.chance.choice(list(groups))]
        weather.world.tell(f"rebalance {group.name}")
        group.rebalance()


async def _stall(weather: Weather) -> None:
    """A topic's records are long in coming: all that is on others comes before."""
    world, chance = weather.world, weather.chance
    topic = chance.choice(list(world.broker.topics))
    world.stall(topic, weather.some_time(6))


async def _database_away(weather: Weather) -> None:
    await _away(weather, weather.chance.choice(SERVICES))


async def _kafka_away(weather: Weather) -> None:
    await _away(weather, "kafka")


async def _away(weather: Weather, server: str) -> None:
    weather.world.take_away(server)
    await weather.world.wire.wait(weather.some_time(5))
    weather.world.bring_back(server)


async def _day_without_callback(weather: Weather) -> None:
    world = weather.world
    down = [replica for replica in world.replicas.values() if replica.service == "callback"]
    for replica in down:
        if not replica.dead:
            world.kill(replica)
    await _a_day(weather)
    for replica in down:
        world.start(replica.service, replica.number)


async def _day_without_kafka(weather: Weather) -> None:
    weather.world.take_away("kafka")
    await _a_day(weather)
    weather.world.bring_back("kafka")


async def _day_without_mongodb(weather: Weather) -> None:
    for service in SERVICES:
        weather.world.take_away(service)
    await _a_day(weather)
    for service in SERVICES:
        weather.world.bring_back(service)


async def _a_day(weather: Weather) -> None:
    """What is under way fails, a day goes by, and those who still try fail once more."""
    await weather.world.wire.wait(weather.chance.uniform(0.2, 3))
    weather.scenario.leap(timedelta(hours=24))
    await weather.world.wire.wait(weather.chance.uniform(0.2, 3))


async def _clock_an_hour_off(weather: Weather) -> None:
    """A replica comes up on a machine whose clock is an hour fast, or slow."""
    world, replica = weather.world, weather.replica()
    world.start(replica.service, replica.number, wrong_by=timedelta(hours=weather.chance.choice([-1, 1])))
    await world.wire.wait(weather.some_time(5))


async def _take_over(weather: Weather) -> None:
    """Whoever fires is killed and stays dead: another replica fires within 10 s."""
    world = weather.world
    leases = world.databases["callback"].leases
    for number in (0, 1):
        world.start("callback", number)
    await world.wire.wait(9)
    holder = leases.holder("timers")
    must(holder is not None, "nobody holds the lease of the timers")
    world.kill(world.replicas[str(holder)])
    await world.wire.wait(10)
    heir = leases.holder("timers")
    must(heir is not None and heir != holder, "nobody took over within 10 s")
    world.start("callback", world.replicas[str(holder)].number)


async def _poison(weather: Weather) -> None:
    """A handler fails on one case, until it is mended: what comes meanwhile is held."""
    world, chance = weather.world, weather.chance
    cases = sorted(set(weather.scenario.accepted.contacts.values()))
    if cases:
        place = (chance.choice(_DECIDERS), chance.choice(cases))
        world.tell(f"poison {place[0]}")
        world.poison[place] = None
        await world.wire.wait(chance.uniform(0.5, 4))
        world.poison.pop(place, None)
        await weather.scenario.replay_held()


async def _malformed(weather: Weather) -> None:
    """Somebody writes a record of a known type, and not of its form, about a case."""
    world, chance = weather.world, weather.chance
    cases = sorted(set(weather.scenario.accepted.contacts.values()))
    if cases:
        topic = f"lofte.{chance.choice(SERVICES)}"
        world.tell(f"malformed on {topic}")
        headers = [("ce_type", b"casework.case-resolved.v1")]
        world.broker.append(topic, chance.choice(cases).encode(), b"{", headers)
        await world.wire.wait(chance.uniform(1, 5))
        await weather.scenario.replay_held()


FAULTS: Mapping[str, Callable[[Weather], Coroutine[Any, Any, None]]] = {
    "kill": _kill,
    "kill again": _kill,
    "stop": _stop,
    "freeze": _freeze,
    "outage": _outage,
    "lose lease": _lose_lease,
    "rebalance": _rebalance,
    "stall": _stall,
    "database away": _database_away,
    "kafka away": _kafka_away,
    "poison": _poison,
    "malformed": _malformed,
    "a day without callback": _day_without_callback,
    "a day without Kafka": _day_without_kafka,
    "a day without MongoDB": _day_without_mongodb,
    "a clock an hour off": _clock_an_hour_off,
    "taken over": _take_over,
}
