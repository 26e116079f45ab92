"""`make chaos`: two replicas of every service, traffic all the while, and something dies every few seconds.

What dies, and when, comes from the seed; what the processes are doing at that moment does not. Ends with 0 when nothing
accepted was lost, nothing took effect twice and nothing fired early; else with 1 and what was found.
"""

import argparse
import asyncio
import secrets
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random

from tests.chaos.tally import Tally, tally
from tests.harness.outcome import all_is_well
from tests.harness.running import Replica, System, running_system
from tests.harness.traffic import Traffic

_WORKERS = 2
_SAID_EVERY = 15.0
_SETTLING = 60.0
"""Real seconds in which something has to change, once nothing dies any more, until all that was accepted is everywhere."""


def say(line: str) -> None:
    """How far it is."""
    print(line, flush=True)


@dataclass
class Killer:
    """Kills, stalls and starts again. `rate`: how many an hour, on average."""

    system: System
    random: Random
    rate: float
    killed: Counter[str] = field(default_factory=Counter)

    async def until(self, end: float) -> None:
        """Go on until a moment of the monotonic clock; all runs again when this returns."""
        while (pause := self.random.expovariate(self.rate / 3600)) < end - time.monotonic():
            await asyncio.sleep(pause)
            await self._strike()
        await self.system.ready()

    async def _strike(self) -> None:
        replicas = sorted(self.system.replicas())
        one = self.random.choice(replicas)
        strikes: list[tuple[float, Callable[[], Awaitable[None]]]] = [
            (80, lambda: self._kill(one)),
            (6, lambda: self._kill(*(r for r in replicas if r.service == one.service))),
            (2, lambda: self._kill(*replicas)),
            (6, lambda: self._stall(one)),
            (3, self._kill_broker),
            (3, self._kill_database),
        ]
        weights, acts = zip(*strikes, strict=True)
        [strike] = self.random.choices(acts, weights)
        await strike()

    async def _kill(self, *replicas: Replica) -> None:
        self.killed["service"] += len(replicas)
        self.system.kill(*replicas)
        await asyncio.sleep(self.random.choice((0.0, 0.0, 0.5, 3.0)))
        for replica in replicas:
            self.system.launch(replica)

    async def _stall(self, replica: Replica) -> None:
        """It sleeps for longer than its leases last, and wakes up believing in them."""
        self.killed["stalled"] += 1
        self.system.stall(replica)
        await asyncio.sleep(self.random.uniform(5.0, 15.0))
        self.system.wake(replica)

    async def _kill_broker(self) -> None:
        kafka = self.system.stack.kafka
        assert kafka is not None
        self.killed["broker"] += 1
        kafka.kill()
        await asyncio.sleep(self.random.choice((0.0, 2.0)))
        kafka.launch()
        await asyncio.to_thread(kafka.wait)

    async def _kill_database(self) -> None:
        mongo = self.system.stack.mongo
        assert mongo is not None
        self.killed["database"] += 1
        mongo.kill()
        mongo.launch()
        await asyncio.to_thread(mongo.wait)


async def run(minutes: float, seed: int, rate: float, replicas: int) -> bool:
    """Whether all was well."""
    say(f"seed {seed}: {minutes:g} min, {rate:g} kills an hour, {replicas} replicas of each service")
    async with running_system("lofte", replicas=replicas) as system:
        traffic, enough = Traffic(system), asyncio.Event()
        killer = Killer(system, Random(seed), rate)
        began = time.monotonic()
        working = [asyncio.create_task(traffic.until(enough)) for _ in range(_WORKERS)]
        killing = asyncio.create_task(killer.until(began + minutes * 60))
        try:
            while not killing.done():
                await asyncio.wait(
                    {killing, *working}, timeout=_SAID_EVERY, return_when=asyncio.FIRST_EXCEPTION
                )
                for task in (killing, *working):
                    if task.done():
                        task.result()
                say(
                    f"{time.monotonic() - began:4.0f} s: {len(traffic.accepted)} cases accepted, {_told(killer)}"
                )
            enough.set()
            await asyncio.gather(*working)
        finally:
            for task in (killing, *working):
                task.cancel()
        fault = await _settled(system, traffic)
        counted = await tally(system, traffic.accepted)
    _report(seed, traffic, killer, counted, fault)
    return fault is None and counted.clean


async def _settled(system: System, traffic: Traffic) -> str | None:
    try:
        await all_is_well(system, traffic.accepted, patience=_SETTLING)
    except (AssertionError, TimeoutError) as fault:
        return str(fault)
    return None


def _report(seed: int, traffic: Traffic, killer: Killer, counted: Tally, fault: str | None) -> None:
    contacts = sum(len(case.contacts) for case in traffic.accepted)
    say(
        f"seed {seed}: accepted {contacts} contacts in {len(traffic.accepted)} cases, {_told(killer)}; "
        f"lost {counted.lost}, doubled {counted.doubled}, early {counted.early}"
    )
    for line in (*counted.found[:20], *([fault] if fault else [])):
        say(f"  {line}")


def _told(killer: Killer) -> str:
    return (
        ", ".join(f"{what} {count}" for what, count in sorted(killer.killed.items())) or "nothing killed yet"
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None, help="what dies when; a fresh one unless given")
    parser.add_argument("--kills", type=float, default=300.0, help="an hour, on average")
    parser.add_argument("--replicas", type=int, default=2)
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else secrets.randbelow(1_000_000)
    sys.exit(0 if asyncio.run(run(given.minutes, seed, given.kills, given.replicas)) else 1)


if __name__ == "__main__":
    main()
