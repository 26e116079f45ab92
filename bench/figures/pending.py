"""How late timers are at a steady rate, and what memory they take, with few and with very many pending."""

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from bench import machine
from bench.firing import Fired, Log
from bench.house import House
from bench.probing import Sample, in_turns, latency_of, probe
from bench.tables import Row, Table

_RATES = (50.0, 100.0)
_FEW = 1000
_OF_PEER, _EQUAL, _MEMORY = 1.5, 1.1, 64.0
_IDLE, _ROOM = 5.0, 2.0
"""Seconds at rest before memory is looked at; milliseconds below which a difference of lateness is none."""


async def measure(house: House) -> Table:
    """Beside APScheduler with its MongoDB job store; and many pending beside few."""
    log = Log(house)
    await house.start()
    await log.forget()
    empty = await _memory(house)
    late: dict[tuple[int, float], Sequence[Sample]] = {}
    begin = time.time() + 30 * 86_400
    seconds, many = house.size.steady, house.size.pending
    peers = {
        f"APScheduler at {rate:.0f}/s": partial(
            probe,
            "peers.apscheduler",
            "steady",
            mongo=house.stack.mongo_uri,
            pending=min(_FEW, many),
            rate=rate,
            count=int(rate * seconds),
        )
        for rate in _RATES
    }
    theirs: dict[str, Sequence[Sample]] = {}
    memory = empty
    for pending in (min(_FEW, many), many):
        house.say(f"  {pending:,} pending")
        load = {"towns": str(house.stack.settings.municipalities), "first": begin}
        await probe(
            "probes.promising",
            "preload",
            mongo=house.stack.mongo_uri,
            database=log.database,
            count=pending,
            **load,
        )
        memory = await _memory(house)
        ours: dict[str, Any] = {
            f"callback at {rate:.0f}/s": partial(_steady, log, rate, seconds) for rate in _RATES
        }
        taken = await in_turns(house.size.runs, ours | (peers if not theirs else {}), house.say)
        late |= {(pending, rate): taken[f"callback at {rate:.0f}/s"] for rate in _RATES}
        theirs = theirs or {name: taken[name] for name in peers}
        pid = house.stack.service("callback").pid
        memory = max(memory, machine.memory_mib(pid) if pid else 0.0)
    await log.close()
    rows = []
    for rate in _RATES:
        few, lots = late[min(_FEW, many), rate], late[many, rate]
        rows += [
            _row(
                rate, _FEW, few, "APScheduler 3.11, MongoDB", theirs[f"APScheduler at {rate:.0f}/s"], _OF_PEER
            ),
            _row(rate, many, lots, f"with {_FEW:,} pending", few, _EQUAL),
        ]
    rows.append(
        Row(
            f"memory of callback, {many:,} pending",
            f"{memory:.0f} MiB",
            beside="0 pending",
            peer=f"{empty:.0f} MiB",
            ratio=f"{memory - empty:+.0f} MiB",
            aim=f"+{_MEMORY:.0f} MiB",
            met=memory - empty <= _MEMORY,
        )
    )
    how = (
        f"Promises fall due one after another for {seconds:.0f} s; late: from the time of the stage until its fact is in the log "
        "(APScheduler: until its function runs, in its own process, and no log). The pending ones are put into the log by the store's own mapping, "
        f"1,000 copies at most of each that callback's handlers made: two commits a promise, due from 30 days on. Aims hold within {_ROOM:.0f} ms. "
        f"Memory: resident, {_IDLE:.0f} s after a start, and after all of it; the most."
    )
    return Table("Promises pending", how, rows, {})


async def _memory(house: House) -> float:
    await house.start()
    await house.start("callback")
    await asyncio.sleep(_IDLE)
    pid = house.stack.service("callback").pid
    return machine.memory_mib(pid) if pid else 0.0


async def _steady(log: Log, rate: float, seconds: float) -> Sample:
    count = int(rate * seconds)
    first, last = await log.fill_ahead(count, rate=rate)
    fired: Sequence[Fired] = await log.fired(first, last, count)
    return Sample(rate, latencies=[max(0.0, one.committed) for one in fired])


def _row(
    rate: float, pending: int, ours: Sequence[Sample], name: str, theirs: Sequence[Sample], within: float
) -> Row:
    mine, other = latency_of(ours, 0.99), latency_of(theirs, 0.99)
    return Row(
        f"late at {rate:.0f}/s, {pending:,} pending",
        _late(ours),
        beside=name,
        peer=_late(theirs),
        ratio=f"{mine / other:.2f}" if other else "",
        aim=f"p99 within {within:g}x",
        met=mine <= within * other + _ROOM,
    )


def _late(samples: Sequence[Sample]) -> str:
    return f"p50 {latency_of(samples, 0.5):.0f} ms, p99 {latency_of(samples, 0.99):.0f} ms"
