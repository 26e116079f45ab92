"""Contacts end to end: routed, promised, in the owner's view, in metrics."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from chassis.broker import KafkaBroker
from chassis.fetching import group_id
from lofte_local.settings import SERVICES
from pymongo import AsyncMongoClient

from bench import machine
from bench.house import House
from bench.probing import middle
from bench.tables import Row, Table, milliseconds, spread

_RATE, _CPU, _P99 = 500.0, 3.0, 250.0
_VIEWS = ("intake.outcomes.v1", "casework.cases.v1", "callback.promises.v1", "metrics.facts.v1")
_FIELD = (("Open Klant 2.18", 38, 46), ("Signalen 2.50", 7.6, 337))
"""Accepted contacts a second and CPU milliseconds each, measured before on such a machine, two processes each."""
_LOOK_EVERY = 0.1


class Meter:
    """Sees in Kafka alone when all is done: a promise made of each contact, and no view with anything left to read.

    A few requests to Kafka ten times a second; the databases, which are under measurement, are not asked.
    """

    def __init__(self, house: House) -> None:
        self._prefix = house.stack.topic_prefix
        self._broker = KafkaBroker(house.stack.kafka_address, "bench-meter")

    async def promised(self) -> int:
        """Records on callback's topic: each contact of the load makes one, the last thing that it makes."""
        return sum(end for _, end in (await self._broker.bounds([f"{self._prefix}.callback"])).values())

    async def until(self, promised: int) -> None:
        """Wait until so many are there, and every view has read to the end of all topics."""
        deadline = time.monotonic() + 300
        while await self.promised() < promised:
            await self._pause(deadline)
        for view in _VIEWS:
            while not await self._read(view):
                await self._pause(deadline)

    async def _read(self, view: str) -> bool:
        committed = await self._broker.committed(group_id(self._prefix, view))
        ends = await self._broker.bounds({topic for topic, _ in committed})
        return bool(committed) and all(committed.get(at, 0) >= end for at, (_, end) in ends.items())

    async def _pause(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise SystemExit("the contacts did not get everywhere within 300 s")
        await asyncio.sleep(_LOOK_EVERY)

    async def close(self) -> None:
        await self._broker.close()


async def once(house: House, meter: Meter, count: int) -> tuple[float, dict[str, float]]:
    """Contacts a second from the first request until the last is everywhere; CPU milliseconds each, by process."""
    promised = await meter.promised()
    before, began = house.cpu(), time.monotonic()
    await house.contacts(count)
    await meter.until(promised + count)
    took, after = time.monotonic() - began, house.cpu()
    return count / took, {name: (after[name] - before[name]) / count * 1000 for name in after}


async def _to_view(house: House, meter: Meter, cases: Any, count: int, rate: float) -> list[float]:
    """Seconds from each 201 to the case in its owner's list, at a steady rate."""
    seen: dict[str, float] = {}
    ready = asyncio.Event()
    pipeline = [
        {"$match": {"operationType": {"$in": ["insert", "replace"]}, "fullDocument.listed": True}},
        {"$project": {"fullDocument.case_id": 1}},
    ]

    async def watch() -> None:
        async with await cases.watch(pipeline) as changes:
            ready.set()
            async for change in changes:
                seen.setdefault(change["fullDocument"]["case_id"], time.monotonic())

    promised = await meter.promised()
    watching = asyncio.create_task(watch())
    await ready.wait()
    load = await house.contacts(count, rate=rate)
    await meter.until(promised + count)
    deadline = time.monotonic() + 10
    while any(case_id not in seen for _, _, case_id in load.sent) and time.monotonic() < deadline:  # noqa: ASYNC110  # the change stream fills it
        await asyncio.sleep(_LOOK_EVERY)  # the change stream fills it
    watching.cancel()
    return [max(0.0, seen[case_id] - done) for _, done, case_id in load.sent]


async def measure(house: House, parts: Mapping[str, float]) -> Table:
    """The five services together. `parts`: CPU milliseconds of the steps as measured alone, where they were."""
    await house.start(*SERVICES)
    count, meter = house.size.contacts, Meter(house)
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(house.stack.mongo_uri)
    cases = client[house.stack.database("casework")]["cases_v1"]
    house.say("  warming up")
    await once(house, meter, max(200, count // 3))
    runs = []
    for turn in range(house.size.runs):
        house.say(f"  end to end ({turn + 1} of {house.size.runs})")
        runs.append(await once(house, meter, count))
    rate = middle([contacts for contacts, _ in runs])
    cpu = {name: middle([each[name] for _, each in runs]) for name in runs[0][1]}
    house.say(f"  to view, at {rate / 2:.0f}/s")
    times = await _to_view(house, meter, cases, count, rate / 2)
    listed = await cases.count_documents({"listed": True, "promise": {"$ne": None}})
    if listed < count * (house.size.runs + 1):
        raise SystemExit(f"only {listed} cases are listed with their promise: the meter was wrong")
    await meter.close()
    await client.close()
    total, p99 = sum(cpu.values()), machine.quantile(times, 0.99) * 1000
    (klant, signalen), rates = _FIELD, spread([contacts for contacts, _ in runs])
    rows = [
        *(
            Row(
                "contacts end to end",
                f"{rates}/s",
                milliseconds(total),
                f"{name}, accepted only; given, not this run",
                f"{theirs:g}/s",
                f"{spent} ms",
                f"{rate / theirs:.1f}",
                f"{_RATE:.0f}/s",
                rate >= _RATE,
            )
            for name, theirs, spent in (klant, signalen)
        ),
        Row(
            "CPU a contact, all processes",
            milliseconds(total),
            beside="sum of the parts, measured alone" if parts else "",
            peer=_sum_of(parts),
            ratio=f"{total / _total(parts):.2f}" if _complete(parts) else "",
            aim=f"{_CPU:g} ms",
            met=total <= _CPU,
        ),
        Row(
            f"from 201 to the owner's view, at {rate / 2:.0f}/s",
            f"p50 {machine.quantile(times, 0.5) * 1000:.0f} ms, p99 {p99:.0f} ms",
            aim=f"p99 {_P99:.0f} ms",
            met=p99 <= _P99,
        ),
        *(Row(f"CPU a contact in {name}", milliseconds(spent)) for name, spent in cpu.items()),
    ]
    how = (
        f"{count} contacts over 64 connections, from the first request until the last is routed, promised, in its owner's view and in "
        "metrics; load generator and meter run beside it on the same machine, their CPU is not counted."
    )
    return Table("Contacts end to end", how, rows, {})


_STEPS = {"post": 1, "command": 5, "relay": 3, "event to view": 12}
"""A contact is one POST, five more commands (routing, two of casework, two of callback), three records, and each of
these in four views."""


def _complete(parts: Mapping[str, float]) -> bool:
    return _STEPS.keys() <= parts.keys()


def _total(parts: Mapping[str, float]) -> float:
    return sum(times * parts[step] for step, times in _STEPS.items())


def _sum_of(parts: Mapping[str, float]) -> str:
    if not _complete(parts):
        return ""
    return f"{milliseconds(_total(parts))} ({', '.join(f'{times} {step}' for step, times in _STEPS.items())})"
