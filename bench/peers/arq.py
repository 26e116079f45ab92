"""arq on Redis: jobs deferred until a time; a worker with its own defaults, but for a hundred jobs at once."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from arq import create_pool
from arq.connections import RedisSettings

from bench.peers import firing
from bench.probing import ROOT, Sample, timed

_REDIS = "BENCH_REDIS"


async def fire(_: Any, due: float) -> None:
    """The timer."""
    firing.note(due)


class WorkerSettings:
    """What `python -m arq` runs. Results are not kept: nobody asks for them."""

    functions = (fire,)
    redis_settings = RedisSettings.from_dsn(os.environ.get(_REDIS, "redis://127.0.0.1:0/0"))
    max_jobs = 100
    keep_result = 0


async def due(redis: str, pids: Sequence[int], at_once: int, count: int, pace: float, patience: float) -> Sample:
    """So many jobs scheduled, all due at one time, and how late each ran. The sample's rate is of scheduling.

    They fall due `pace` seconds a job after the first is scheduled, and a moment.
    """
    pool = await create_pool(RedisSettings.from_dsn(redis))
    await pool.flushall()
    with tempfile.TemporaryDirectory(prefix="lofte-arq-") as folder:
        fired = Path(folder, "fired")
        environment = {**os.environ, _REDIS: redis, firing.FILE: str(fired)}
        command = [sys.executable, "-m", "arq", "bench.peers.arq.WorkerSettings"]
        with Path(folder, "log").open("wb") as log:
            worker = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)  # noqa: ASYNC220
        at = time.time() + pace * count + 3
        until, numbers = datetime.fromtimestamp(at, UTC), iter(range(count))

        async def caller() -> None:
            for _ in numbers:
                await pool.enqueue_job("fire", at, _defer_until=until)

        try:
            with timed(count, pids) as sample:
                await asyncio.gather(*(caller() for _ in range(at_once)))
            if time.time() > at:
                raise SystemExit("arq's jobs were due before all were scheduled")
            sample.latencies = await asyncio.to_thread(firing.late, fired, count, patience)
        finally:
            firing.end(worker)
    await pool.aclose()
    return sample
