"""`python -m bench`: measures, prints, and writes bench/RESULTS.md."""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from lofte_local.ports import free_ports
from lofte_local.stack import Stack
from pymongo import AsyncMongoClient

from bench import floors, machine

RESULTS = Path(__file__).parent / "RESULTS.md"
SAY: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True)  # noqa: E731


async def generate(
    url: str, token: str, count: int, *, connections: int = 64, rate: float = 0
) -> dict[str, Any]:
    """One run of the load generator, a process of its own."""
    words = [url, token, "--count", str(count), "--connections", str(connections), "--rate", str(rate)]
    generator = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.load",
        *words,
        "--prefix",
        f"{time.time_ns()}",
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await generator.communicate()
    answer: dict[str, Any] = json.loads(out)
    refused = sum(case_id is None for _, _, case_id in answer["sent"])
    if refused:
        raise SystemExit(f"{refused} contacts were not accepted")
    return answer


def latencies(answer: dict[str, Any]) -> list[float]:
    """Seconds from the scheduled moment to the answer."""
    return [done - scheduled for scheduled, done, _ in answer["sent"]]


class Bench:
    """The system under measurement, through its public API and a look into its databases."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(stack.mongo_uri)
        self.token = stack.token("guide", "0581")
        self.url = f"{stack.service_url('intake')}/contacts"

    def cpu(self) -> dict[str, float]:
        """CPU seconds of each process of the stack so far."""
        return {
            process.name: machine.cpu_seconds(process.pid)
            for process in self.stack.processes()
            if process.pid
        }

    async def done(self, since: int) -> int:
        """How many contacts are routed, promised, in the owner's view, and in metrics, beyond `since`."""
        wanted: dict[str, tuple[str, dict[str, Any]]] = {
            "intake": ("outcomes", {"routed_to": {"$ne": None}, "promise_due_at": {"$ne": None}}),
            "casework": ("cases", {"listed": True, "promise": {"$ne": None}}),
            "callback": ("promises", {"state": "open"}),
            "metrics": (
                "facts",
                {"received_at": {"$ne": None}, "promises.1": {"$exists": True}, "route_number": 1},
            ),
        }
        counts = [
            await self.client[self.stack.database(service)][f"{view}_v1"].count_documents(query)
            for service, (view, query) in wanted.items()
        ]
        return min(counts) - since

    async def accepted(self, count: int) -> tuple[float, float, float]:
        """Accepted contacts a second, p50 and p99 in seconds; 64 connections, all services running."""
        answer = await generate(self.url, self.token, count)
        times = latencies(answer)
        return count / answer["took"], machine.quantile(times, 0.5), machine.quantile(times, 0.99)

    async def end_to_end(self, count: int) -> tuple[float, dict[str, float]]:
        """Contacts a second from the first request until the last is everywhere; CPU milliseconds each, by process."""
        since = await self.done(0)
        before, began = self.cpu(), time.monotonic()
        await generate(self.url, self.token, count)
        await self.settled(since + count)
        took, after = time.monotonic() - began, self.cpu()
        return count / took, {name: (after[name] - before[name]) / count * 1000 for name in after}

    async def settled(self, total: int) -> None:
        """Wait until so many contacts are everywhere."""
        deadline = time.monotonic() + 300
        while await self.done(0) < total:
            if time.monotonic() > deadline:
                raise SystemExit(f"only {await self.done(0)} of {total} contacts got everywhere within 300 s")
            # Each look costs the database more than a contact does.
            await asyncio.sleep(0.5)

    async def to_view(self, count: int, rate: float) -> list[float]:
        """Seconds from each 201 to the case in its owner's view, at a steady rate."""
        since = await self.done(0)
        seen: dict[str, float] = {}
        ready = asyncio.Event()

        async def watch() -> None:
            collection = self.client[self.stack.database("casework")]["cases_v1"]
            async with await collection.watch([{"$match": {"fullDocument.listed": True}}]) as changes:
                ready.set()
                async for change in changes:
                    seen.setdefault(change["fullDocument"]["case_id"], time.monotonic())

        watching = asyncio.create_task(watch())
        await ready.wait()
        answer = await generate(self.url, self.token, count, rate=rate)
        await self.settled(since + count)
        await asyncio.sleep(0.5)
        watching.cancel()
        return [seen[case_id] - done for _, done, case_id in answer["sent"]]


async def measure(runs: int, count: int) -> str:
    """All figures, as the text of RESULTS.md."""
    stack = await asyncio.to_thread(Stack.in_temporary_folder)
    with stack.running(say=lambda what: SAY(f"starting {what}")):
        bench = Bench(stack)
        SAY("warming up")
        await bench.end_to_end(1000)
        SAY("floors")
        insert_many = median([await floors.inserts(stack.mongo_uri) for _ in range(runs)])
        produce = median([await floors.produced(stack.kafka_address) for _ in range(runs)])

        async def load(url: str) -> dict[str, Any]:
            return await generate(url, bench.token, count)

        bare = await floors.bare_endpoint(free_ports(1)[0], load)
        SAY("accepted")
        accepted = [await bench.accepted(count) for _ in range(runs)]
        await bench.settled(1000 + count * runs)
        SAY("end to end")
        whole = [await bench.end_to_end(count) for _ in range(runs)]
        rate = median([contacts for contacts, _ in whole])
        cpu = {name: median([each[name] for _, each in whole]) for name in whole[0][1]}
        SAY(f"to view, at {rate / 2:.0f}/s")
        views = await bench.to_view(count, rate / 2)
        memory = {p.name: machine.memory_mib(p.pid) for p in stack.processes() if p.pid}
        await bench.client.close()
    middle = sorted(accepted)[len(accepted) // 2]
    bare_times = latencies(bare)
    facts = ", ".join(f"{name} {value}" for name, value in machine.facts().items())
    rows = [
        (
            "accepted contacts, 64 connections",
            f"{middle[0]:.0f}/s, p50 {middle[1] * 1e3:.0f} ms, p99 {middle[2] * 1e3:.0f} ms",
            f"bare ASGI endpoint, same load: {count / bare['took']:.0f}/s, p50 {machine.quantile(bare_times, 0.5) * 1e3:.0f} ms, p99 {machine.quantile(bare_times, 0.99) * 1e3:.0f} ms",
            f"{middle[0] / (count / bare['took']):.2f}",
            "-",
        ),
        (
            "contacts end to end (routed, promised, in the owner's view, in metrics)",
            f"{rate:.0f}/s",
            f"bare insert_many(500): {insert_many:.0f}/s; bare produce: {produce:.0f}/s",
            f"{rate / insert_many:.3f}; {rate / produce:.3f}",
            "300/s",
        ),
        ("CPU per contact, all processes", f"{sum(cpu.values()):.1f} ms", "2 cores", "", "-"),
        (
            f"from 201 to the owner's view, at {rate / 2:.0f}/s",
            f"p50 {machine.quantile(views, 0.5) * 1e3:.0f} ms, p99 {machine.quantile(views, 0.99) * 1e3:.0f} ms",
            "",
            "",
            "p99 250 ms",
        ),
    ]
    lines = ["| figure | measured | beside it, same run | ratio | aim |", "|---|---|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    lines += [
        "",
        "CPU milliseconds per contact and resident memory, by process:",
        "",
        "| process | ms per contact | MiB |",
        "|---|---|---|",
    ]
    lines += [f"| {name} | {spent:.2f} | {memory.get(name, 0):.0f} |" for name, spent in cpu.items()]
    return "\n".join([f"Machine: {facts}. Medians of {runs} runs of {count} contacts.", "", *lines])


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--count", type=int, default=3000, help="contacts of a run")
    parser.add_argument("--print-only", action="store_true", help="leave bench/RESULTS.md as it is")
    given = parser.parse_args()
    table = asyncio.run(measure(given.runs, given.count))
    print(table)
    if not given.print_only:
        text = RESULTS.read_text()
        begin, end = "<!-- measured -->", "<!-- /measured -->"
        head, tail = text.split(begin)[0], text.split(end)[1]
        RESULTS.write_text(f"{head}{begin}\n{table}\n{end}{tail}")


if __name__ == "__main__":
    main()
