"""A view built anew from a long history."""

import asyncio
import os
import subprocess
import sys
import time
from resource import struct_rusage

from bench import machine
from bench.house import House
from bench.probes.history import EVENTS_A_CASE, fill
from bench.tables import Row, Table, milliseconds

_SECONDS_A_MILLION = 180.0


async def measure(house: House) -> Table:
    """`python -m metrics rebuild` on topics that hold so many events; from its start to its end."""
    await house.start()
    cases = -(-house.size.rebuilt // EVENTS_A_CASE)
    house.say(f"  putting {cases * EVENTS_A_CASE} events on the topics")
    events = await fill(house.stack.kafka_address, house.stack.topic_prefix, cases)
    house.say("  rebuilding")
    servers = house.pids("mongo", "kafka")
    before, began = sum(map(machine.cpu_seconds, servers)), time.monotonic()
    usage = await asyncio.to_thread(_rebuild, house)
    took = time.monotonic() - began
    cpu = usage.ru_utime + usage.ru_stime + sum(map(machine.cpu_seconds, servers)) - before
    aim = _SECONDS_A_MILLION * events / 1_000_000
    rows = [
        Row(
            f"rebuild of {events:,} events",
            f"{took:.0f} s, {events / took:,.0f}/s",
            milliseconds(cpu / events * 1000),
            aim=f"{aim:.0f} s",
            met=took <= aim,
        ),
        Row("peak memory of the rebuild", f"{usage.ru_maxrss / 1024:.0f} MiB"),
    ]
    how = (
        "The whole command, start and switch of the pointer included: the facts of metrics from four topics of three partitions. "
        "One run; CPU an event, of the command, MongoDB and Kafka."
    )
    return Table("Rebuild", how, rows, {})


def _rebuild(house: House) -> struct_rusage:
    environment = house.stack.environment("metrics") | {"LOFTE_REPLICA": f"metrics-bench-{os.getpid()}"}
    environment.pop("LOFTE_PORT", None)
    log = house.stack.folder / "rebuild.log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "metrics", "rebuild", "facts"]
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
        _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"the rebuild failed:\n{log.read_text()[-2000:]}")
    return usage
