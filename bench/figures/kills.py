"""What is due while its replica lies dead: after a restart, and when another one takes over."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from typing import Any

from bench.firing import Log
from bench.house import CONNECTIONS, House
from bench.peers import temporal
from bench.probing import Sample, in_turns, middle, probe
from bench.tables import Row, Table, spread

_TAKEOVER, _OF_TEMPORAL = 10.0, 0.5
_BEFORE = 0.5
"""Seconds before they are due."""
_FEWEST = 20


async def measure(house: House) -> Table:
    """Beside Temporal, whose server is killed and started in the same way; it gets fewer."""
    count = house.size.timers
    await house.start("callback")
    log = Log(house)
    probes: dict[str, Any] = {
        "kill -9 and start": partial(_restarted, house, log, count),
        "kill -9, two replicas": partial(_taken_over, house, log, count),
    }
    with ExitStack() as peers:
        server = peers.enter_context(temporal.running(house.postgres))
        if server is not None:
            probes["Temporal"] = partial(_temporal, server, count // _FEWEST)
        taken = await in_turns(1, probes, house.say)
    await log.close()
    restarted, takeover = taken["kill -9 and start"], taken["kill -9, two replicas"]
    last = [max(sample.latencies) for sample in restarted]
    theirs = [max(sample.latencies) for sample in taken.get("Temporal", ())]
    rows = [
        Row(
            f"kill -9 with {count} pending: last fired after",
            f"{_seconds(last)} s",
            beside=f"Temporal {temporal.VERSION}, {count // _FEWEST} pending",
            peer=f"{_seconds(theirs)} s" if theirs else temporal.MISSING,
            ratio=f"{middle(last) / middle(theirs):.2f}" if theirs else "",
            aim=f"{_OF_TEMPORAL:g} of it",
            met=middle(last) <= _OF_TEMPORAL * middle(theirs) if theirs else None,
        ),
        *(
            Row(
                f"the same, another replica takes over: {name} fired after",
                f"{_seconds([pick(sample.latencies) for sample in takeover])} s",
                aim=f"{_TAKEOVER:g} s" if pick is min else "",
                met=middle([pick(sample.latencies) for sample in takeover]) <= _TAKEOVER
                if pick is min
                else None,
            )
            for name, pick in (("first", min), ("last", max))
        ),
    ]
    how = (
        f"Killed {_BEFORE:g} s before all are due at one time, and started again at once, or left dead with a second replica beside it. "
        "Seconds from the time at which they were due. One run."
    )
    return Table("Killed with promises pending", how, rows, {})


async def _restarted(house: House, log: Log, count: int) -> Sample:
    first, last = await log.fill_ahead(count)
    watching = asyncio.create_task(log.fired(first, last, count))
    await _until(first.timestamp() - _BEFORE)
    house.stack.service("callback").kill()
    house.stack.start_service("callback")
    return Sample(latencies=[one.committed for one in await watching])


async def _taken_over(house: House, log: Log, count: int) -> Sample:
    house.stack.start_service("callback", 2)
    first, last = await log.fill_ahead(count)
    watching = asyncio.create_task(log.fired(first, last, count))
    await _until(first.timestamp() - _BEFORE)
    leader = int((await log.holder()).rpartition("-")[2])
    house.stack.service("callback", leader).kill()
    fired = await watching
    house.stack.start_service("callback", 1)
    house.stack.service("callback", 2).stop()
    return Sample(latencies=[one.committed for one in fired])


async def _temporal(server: temporal.Temporal, count: int) -> Sample:
    at = time.time() + max(20.0, 0.04 * count)
    work = {"address": server.address, "pids": [], "at_once": CONNECTIONS, "pace": 0.0, "patience": 300.0}
    watching = asyncio.create_task(probe("peers.sleeping", "due", count=count, at=at, **work))
    await _until(at - _BEFORE)
    server.kill()
    server.start()
    return await watching


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - datetime.now(UTC).timestamp()))


def _seconds(values: Sequence[float]) -> str:
    return spread(values, lambda value: f"{value:.1f}")
