"""The stack under measurement: its servers, its services when a figure wants them, and the load on its front."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lofte_local.settings import SERVICES
from lofte_local.stack import Stack

from bench import machine
from bench.peers.postgres import Postgres
from bench.probing import ROOT, Sample

CONNECTIONS = 64


@dataclass(frozen=True)
class Size:
    """How much of each, and how often. `cases` make six events each; `rebuilt` events are rebuilt; `timers` fall due at
    once, `pending` promises are not due yet, `steady` seconds is how long others fall due one by one."""

    runs: int = 3
    contacts: int = 3000
    commands: int = 12_000
    records: int = 12_000
    cases: int = 6000
    rebuilt: int = 1_000_000
    timers: int = 10_000
    pending: int = 1_000_000
    steady: float = 5.0


QUICK = Size(
    runs=1,
    contacts=400,
    commands=1200,
    records=1200,
    cases=600,
    rebuilt=12_000,
    timers=800,
    pending=5000,
    steady=2.0,
)


@dataclass(frozen=True)
class House:
    """What every figure is given. `postgres`: None where it is not installed."""

    stack: Stack
    size: Size
    postgres: Postgres | None
    say: Callable[[str], None]

    @property
    def servers(self) -> dict[str, int]:
        """The process ids of MongoDB and Kafka."""
        named = (self.stack.mongo, self.stack.kafka)
        return {s.process.name: s.process.pid for s in named if s is not None and s.process.pid is not None}

    def pids(self, *names: str) -> list[int]:
        """Of the servers named `mongo` and `kafka`."""
        return [self.servers[name] for name in names]

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far of each process of the stack that runs."""
        running = [(process.name, process.pid) for process in self.stack.processes()]
        return {name: machine.cpu_seconds(pid) for name, pid in running if pid}

    async def start(self, *services: str, roles: str = "all") -> None:
        """Have these services run, and no others."""
        for service in SERVICES:
            if service not in services or self.stack.service(service).environment.get("LOFTE_ROLES") != roles:
                await asyncio.to_thread(self.stack.service(service).stop)
        for service in services:
            # In this thread: the processes are bound to the one that starts them.
            self.stack.start_service(service, extra={"LOFTE_ROLES": roles})

    async def contacts(self, count: int, *, rate: float = 0, url: str | None = None) -> "Load":
        """So many contacts to intake, or to `url`. Raises SystemExit when one is not accepted."""
        url = url or f"{self.stack.service_url('intake')}/contacts"
        words = ["--count", count, "--connections", CONNECTIONS, "--rate", rate, "--prefix", time.time_ns()]
        generator = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.load", url, self.stack.token("guide", "0581"), *map(str, words)),
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        out, _ = await generator.communicate()
        if generator.returncode != 0:
            raise SystemExit("the load generator failed")
        answer: dict[str, Any] = json.loads(out)
        if answer["refused"]:
            raise SystemExit(f"contacts were not accepted: status {answer['refused']}")
        return Load(answer["rate"], answer["sent"])


@dataclass(frozen=True)
class Load:
    """What the generator saw: answers a second, and scheduled, done, case of each contact."""

    rate: float
    sent: Sequence[tuple[float, float, str]]

    @property
    def latencies(self) -> list[float]:
        """Seconds, from the scheduled moment."""
        return [done - scheduled for scheduled, done, _ in self.sent]

    def sample(self, cpu_seconds: float) -> Sample:
        """With the CPU that the servers used meanwhile."""
        return Sample(self.rate, cpu_seconds / len(self.sent) * 1000, self.latencies)
