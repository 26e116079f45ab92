"""Probes: whatever is measured beside something else runs alone in a process of its own, and tells one Sample.

`python -m bench.probing MODULE FUNCTION JSON` runs `FUNCTION(**JSON)` of `bench.MODULE` on uvloop and prints what it
answers. The figures take their probes in turns, so that a moment of trouble on the machine meets all of them.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

from bench import machine

ROOT = Path(__file__).parent.parent


@dataclass
class Sample:
    """One run. `cpu`: milliseconds an operation, of the process itself and the servers; latencies in seconds."""

    rate: float = 0.0
    cpu: float = 0.0
    latencies: Sequence[float] = field(default=(), repr=False)


@contextmanager
def timed(count: int, pids: Sequence[int]) -> Iterator[Sample]:
    """Times the block, in which `count` operations are done by this process and the servers `pids`."""
    sample = Sample()
    servers, own, began = sum(map(machine.cpu_seconds, pids)), time.process_time(), time.monotonic()
    yield sample
    took = time.monotonic() - began
    spent = time.process_time() - own + sum(map(machine.cpu_seconds, pids)) - servers
    sample.rate, sample.cpu = count / took, spent / count * 1000


async def probe(module: str, function: str, **options: Any) -> Sample:
    """Run a probe. Raises SystemExit with what it said when it fails."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.probing", module, function, json.dumps(options)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"the probe {module}.{function} failed:\n{err.decode()[-2000:]}")
    return Sample(**json.loads(out.splitlines()[-1]))


async def in_turns(
    runs: int, probes: Mapping[str, Callable[[], Any]], say: Callable[[str], None]
) -> dict[str, list[Any]]:
    """Every probe once, then all again, `runs` times."""
    taken: dict[str, list[Any]] = {name: [] for name in probes}
    for run in range(runs):
        for name, take in probes.items():
            say(f"  {name} ({run + 1} of {runs})")
            taken[name].append(await take())
    return taken


def middle(values: Sequence[float]) -> float:
    """The median; 0 of nothing."""
    return median(values) if values else 0.0


def rate_of(samples: Sequence[Sample]) -> float:
    """The median rate."""
    return middle([sample.rate for sample in samples])


def cpu_of(samples: Sequence[Sample]) -> float:
    """The median CPU an operation, in milliseconds."""
    return middle([sample.cpu for sample in samples])


def latency_of(samples: Sequence[Sample], share: float) -> float:
    """The median over the runs of a quantile of the latencies, in milliseconds."""
    return middle([machine.quantile(sample.latencies, share) * 1000 for sample in samples])


def main() -> None:
    """The command line."""
    import uvloop

    module, function, options = sys.argv[1:]
    work = getattr(import_module(f"bench.{module}"), function)
    print(json.dumps(asdict(uvloop.run(work(**json.loads(options))))))


if __name__ == "__main__":
    main()
