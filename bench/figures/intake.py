"""`POST /contacts`, answered when it is durable."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lofte_local.ports import free_ports
from lofte_local.waiting import answers, eventually

from bench import machine
from bench.house import CONNECTIONS, House
from bench.probing import ROOT, Sample, cpu_of, in_turns, latency_of
from bench.tables import Row, Table, beside

_P99 = 2.0


@asynccontextmanager
async def _endpoint(kind: str) -> AsyncIterator[tuple[str, int]]:
    """A peer's URL and process id while the block runs."""
    (port,) = free_ports(1)
    server = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-m", "bench.peers.endpoints", kind, str(port)], cwd=ROOT
    )
    try:
        if not await asyncio.to_thread(eventually, lambda: answers("127.0.0.1", port), seconds=20):
            raise SystemExit(f"the endpoint {kind} did not start")
        yield f"http://127.0.0.1:{port}/contacts", server.pid
    finally:
        server.terminate()
        server.wait()


async def measure(house: House) -> Table:
    """Intake alone, without relay and consumers, beside servers that store nothing."""
    await house.start("intake", roles="api")
    intake = house.stack.service("intake").pid
    assert intake is not None
    count = house.size.contacts
    async with _endpoint("fastapi") as fastapi, _endpoint("bare") as bare:

        async def taken_by(url: str | None, *pids: int) -> Sample:
            before = sum(map(machine.cpu_seconds, pids))
            load = await house.contacts(count, url=url)
            return load.sample(sum(map(machine.cpu_seconds, pids)) - before)

        house.say("  warming up")
        for url in (None, fastapi[0], bare[0]):
            await house.contacts(count // 4, url=url)
        probes = {
            "POST /contacts": lambda: taken_by(None, intake, *house.pids("mongo")),
            "FastAPI": lambda: taken_by(*fastapi),
            "bare ASGI": lambda: taken_by(*bare),
        }
        taken = await in_turns(house.size.runs, probes, house.say)
    ours = taken["POST /contacts"]
    figure = "durable `POST /contacts`"
    p50, p99 = latency_of(ours, 0.5), latency_of(ours, 0.99)
    theirs = latency_of(taken["FastAPI"], 0.99)
    rows = [
        beside(figure, ours, "FastAPI, stores nothing", taken["FastAPI"], 1.0),
        beside(figure, ours, "bare ASGI, stores nothing", taken["bare ASGI"]),
        Row(
            f"p99 of it (p50 {p50:.0f} ms)",
            f"{p99:.0f} ms",
            beside="FastAPI, stores nothing",
            peer=f"{theirs:.0f} ms",
            ratio=f"{p99 / theirs:.2f}",
            aim=f"within {_P99:g}x",
            met=p99 <= _P99 * theirs,
        ),
    ]
    how = (
        f"{CONNECTIONS} connections, each asks again when it has its answer; {count} contacts. One uvicorn worker each, same loop and "
        "parser; the peers check neither token nor addresses. CPU of the server and its database, not of the generator."
    )
    return Table("Accepting a contact", how, rows, {"post": cpu_of(ours)})
