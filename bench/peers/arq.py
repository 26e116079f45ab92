"""arq on Redis: jobs deferred until a time; a worker with its own defaults, but for a hundred jobs at once."""

import asyncio
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from arq import create_pool
from arq.connections import RedisSettings

from bench.peers import firing
from bench.probing import Sample, timed


async def fire(_: Any, due: float) -> None:
    """The timer."""
    firing.note(due)


class WorkerSettings:
    """What `python -m arq` runs. Results are not kept: nobody asks for them."""

    functions = (fire,)
    redis_settings = RedisSettings.from_dsn(os.environ.get(firing.REDIS, "redis://127.0.0.1:0/0"))
    max_jobs = 100
    keep_result = 0


async def due(
    redis: str, pids: Sequence[int], at_once: int, count: int, pace: float, patience: float
) -> Sample:
    """So many jobs scheduled, all due at one time, and how late each ran. The sample's rate is of scheduling.

    They fall due `pace` seconds a job after the first is scheduled, and a moment.
    """
    return await firing.in_time(lambda pace: _due(redis, pids, at_once, count, pace, patience), pace)


async def _due(
    redis: str, pids: Sequence[int], at_once: int, count: int, pace: float, patience: float
) -> Sample:
    pool = await create_pool(RedisSettings.from_dsn(redis))
    await pool.flushall()
    with firing.worker(redis, "arq", "bench.peers.arq.WorkerSettings") as fired:
        at = time.time() + pace * count + 3
        until, numbers = datetime.fromtimestamp(at, UTC), iter(range(count))

        async def caller() -> None:
            for _ in numbers:
                await pool.enqueue_job("fire", at, _defer_until=until)

        with timed(count, pids) as sample:
            await asyncio.gather(*(caller() for _ in range(at_once)))
        if time.time() > at:
            raise firing.DueTooSoon
        sample.latencies = await asyncio.to_thread(firing.late, fired, count, patience)
    await pool.aclose()
    return sample
