"""What a service process takes before it does anything: time to be ready, and memory."""

import asyncio
import time

from lofte_local.settings import SERVICES

from bench import machine
from bench.house import House
from bench.tables import Row, Table, spread

_MEMORY, _START = 120.0, 2.0
_IDLE = 5.0


async def measure(house: House) -> Table:
    """Each service alone, with nothing to do, from its start until it says that it is ready."""
    took: dict[str, list[float]] = {service: [] for service in SERVICES}
    memory: dict[str, list[float]] = {service: [] for service in SERVICES}
    for run in range(house.size.runs):
        house.say(f"  starting each ({run + 1} of {house.size.runs})")
        await house.start()
        for service in SERVICES:
            began = time.monotonic()
            await house.start(service)
            took[service].append(time.monotonic() - began)
            await asyncio.sleep(_IDLE)
            pid = house.stack.service(service).pid
            memory[service].append(machine.memory_mib(pid) if pid else 0.0)
    rows = []
    for service in SERVICES:
        start, size = sorted(took[service])[len(took[service]) // 2], max(memory[service])
        rows += [
            Row(
                f"start of {service}",
                f"{spread(took[service], lambda seconds: f'{seconds:.2f}')} s",
                aim=f"{_START:g} s",
                met=start < _START,
            ),
            Row(
                f"memory of {service}",
                f"{size:.0f} MiB",
                aim=f"{_MEMORY:.0f} MB",
                met=size * 1.048576 < _MEMORY,
            ),
        ]
    how = f"From exec to ready, bytecode compiled before; resident memory after {_IDLE:.0f} s with nothing to do, the most of the runs."
    return Table("Memory and start", how, rows, {})
