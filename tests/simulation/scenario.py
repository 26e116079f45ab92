"""One seed from beginning to end: people live, the weather blows, then everything heals and must be well."""

import asyncio
import gc
import heapq
import itertools
import random
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from structlog.testing import capture_logs

from .people import Accepted, Person
from .planted import Planted
from .services import SERVICES, municipalities
from .truth import Truth
from .weather import Weather
from .world import Broken, World

_TICK = 0.05
_FIRST_SLACK, _LARGEST_SLACK = 0.1, 0.9
_HEALS_WITHIN = 150.0
"""Real seconds after the last fault, until all is published, read, fired and judged."""


@dataclass(frozen=True)
class Outcome:
    """`failure`: what did not hold; None: all is well. `lines`: the whole trace."""

    seed: int
    failure: str | None
    hash: str
    lines: Sequence[str]
    virtual_seconds: float
    steps: int
    cpu_seconds: float

    def without_lines(self) -> "Outcome":
        return replace(self, lines=[])


class Scenario:
    """A seed's people, weather and time."""

    def __init__(self, world: World, only: str | None = None) -> None:
        self.world = world
        self.only = only
        self.accepted = Accepted()
        self.truth = Truth(world, self.accepted)
        self._waiting: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._told = 0
        chance = world.chance
        # Some seeds do not wait for a judgement before time leaps on; some leap over many stages at once at the end.
        self._waits_for_judgement = chance.random() < 0.5
        self._leaps_far = chance.random() < 0.7

    async def play(self) -> None:
        """Raises Broken when something does not hold."""
        world, chance = self.world, self.world.chance
        for service in SERVICES:
            for number in range(chance.choice([1, 2])):
                world.start(service, number)
        codes = sorted(municipalities())
        people = [Person(self, chance.choice(codes), f"p{n}") for n in range(chance.choice([1, 2, 2, 3]))]
        weather = Weather(self, self.only)
        async with asyncio.TaskGroup() as group:
            living = [group.create_task(person.live()) for person in people]
            blowing = group.create_task(weather.blow())
            await self._direct(lambda: all(task.done() for task in (*living, blowing)))
        weather.clear()
        await self._settle()
        self.truth.check_end()

    async def until(self, moment: datetime) -> None:
        """Wait for a moment of domain time."""
        future = self.world.loop.create_future()
        heapq.heappush(self._waiting, (moment, next(self._numbers), future))
        await future

    def leap(self, by: timedelta) -> None:
        """Nobody acts for so long."""
        self.world.time.leap(by)
        self.world.tell(f"time leaps by {by}")

    async def replay_held(self) -> None:
        """Somebody looks through all held messages: what is of no form is given up, all else is asked for again."""
        for database in self.world.databases.values():
            for message in await database.held.list():
                if message["value"] == b"{":
                    await database.held.discard(message["_id"], reason="of no form", by="anna")
                elif not message["replay_at"]:
                    await database.held.replay(message["_id"])

    async def _direct(self, done: Callable[[], bool]) -> None:
        """Let time pass: as it does while anything is going on, in leaps where nothing is."""
        while not done():
            self._wake()
            if not self._busy() and (target := self._next_moment()) is not None:
                self._leap_to(target)
            self._hurry()
            await self.world.wire.wait(_TICK)

    async def _settle(self) -> None:
        """Until everything is published, read, fired and judged, and no timer is set any more."""
        world = self.world
        until = world.loop.time() + _HEALS_WITHIN
        quiet = 0
        while quiet < 3:
            if world.loop.time() > until:
                raise Broken(f"not settled {_HEALS_WITHIN:.0f} s after all was mended: {self._standing()}")
            busy = self._busy()
            if not busy and self._held():
                await self.replay_held()
            moments = self.truth.timers()
            if busy or self._held():
                quiet = 0
            elif moments:
                quiet = 0
                if min(moments) > world.time.domain():
                    self._leap_to(max(moments) if self._leaps_far else min(moments))
            else:
                quiet += 1
            self._hurry()
            await world.wire.wait(_TICK)

    def _hurry(self) -> None:
        """The longer nothing has happened, the later all timers may ring: polls in vain cost more than they find."""
        world = self.world
        if len(world.lines) != self._told:
            self._told, world.loop.slack = len(world.lines), 0.0
        else:
            world.loop.slack = min(3 * world.loop.slack or _FIRST_SLACK, _LARGEST_SLACK)

    def _wake(self) -> None:
        now = self.world.time.domain()
        while self._waiting and self._waiting[0][0] <= now:
            future = heapq.heappop(self._waiting)[2]
            if not future.done():
                future.set_result(None)

    def _busy(self) -> bool:
        """Whether anything is going on that time should not leap over."""
        world = self.world
        if self._waiting and self._waiting[0][0] <= world.time.domain():
            return True
        if self.acting() or world.unpublished() or world.unread():
            return True
        now, judging = world.time.domain(), self._waits_for_judgement and not self._held()
        return bool(world.living("callback")) and any(
            at <= now for at in (self.truth.timers() if judging else self.truth.firings())
        )

    def acting(self) -> bool:
        """Whether anybody has asked something and waits for the answer."""
        return any(replica.waiting for replica in self.world.replicas.values())

    def _held(self) -> bool:
        return any(database.held.anything() for database in self.world.databases.values())

    def _next_moment(self) -> datetime | None:
        now = self.world.time.domain()
        moments = [at for at in self.truth.firings() if at > now]
        if self._waiting:
            moments.append(self._waiting[0][0])
        return min(moments, default=None)

    def _leap_to(self, target: datetime) -> None:
        """To a little before it."""
        now, rate = self.world.time.domain(), self.world.time.rate
        by = target - now - timedelta(seconds=self.world.chance.random() * 0.3 * rate)
        if by > timedelta(seconds=rate):
            self.leap(by)

    def _standing(self) -> str:
        world = self.world
        return (
            f"{world.unpublished()} commits unpublished, {world.unread()} records unread, "
            f"held {self._held()}, timers {[f'{at:%m-%d %H:%M}' for at in self.truth.timers()]}"
        )


def simulate(seed: int, plant: Callable[[], Planted] = Planted, only: str | None = None) -> Outcome:
    """Play one seed; the same seed plays the same, in any process. `only`: the one fault that is to come."""
    began, drawn = time.process_time(), random.getstate()
    world = World(seed, plant())
    scenario = Scenario(world, only)
    failure: str | None = None
    with capture_logs() as logs:
        try:
            world.loop.run(scenario.play())
        except Exception as error:
            failure = _told(error)
    with capture_logs():
        world.loop.abandon()
    random.setstate(drawn)  # others' draws are none of ours
    errors = [entry for entry in logs if entry["log_level"] in ("error", "critical")]
    if failure is None and errors:
        failure = f"logged as an error: {errors[0]}"
    if failure is None and world.loop.failures:
        failure = f"a callback failed: {world.loop.failures[0]!r}"
    return Outcome(
        seed,
        failure,
        world.trace_hash(),
        world.lines,
        world.loop.time(),
        world.loop.steps,
        time.process_time() - began,
    )


def simulate_all(
    seeds: Iterable[int], plant: Callable[[], Planted] = Planted, only: str | None = None
) -> Iterator[Outcome]:
    """One seed after the other; garbage is collected between them, not amid."""
    simulate(0)  # what is made once
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        for number, seed in enumerate(seeds):
            yield simulate(seed, plant, only)
            if number % 20 == 19:
                gc.collect()
    finally:
        gc.enable()
        gc.unfreeze()


def _told(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, Broken) and str(error):
        return str(error)
    return "".join(traceback.format_exception(error)[-3:])
