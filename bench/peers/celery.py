"""Celery on Redis: tasks with an eta; its own defaults, a worker with a process for each of two cores."""

import asyncio
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from celery import Celery
from redis import Redis

from bench.peers import firing
from bench.probing import Sample, timed

app = Celery("bench", broker=os.environ.get(firing.REDIS, "redis://127.0.0.1:0/0"))
app.conf.update(task_ignore_result=True, worker_hijack_root_logger=False)


@app.task(name="fire")
def fire(due: float) -> None:
    """The timer."""
    firing.note(due)


async def due(
    redis: str, pids: Sequence[int], at_once: int, count: int, pace: float, patience: float
) -> Sample:
    """So many tasks scheduled, all due at one time, and how late each ran. The sample's rate is of scheduling.

    They fall due `pace` seconds a task after the first is scheduled, and a moment.
    """
    return await firing.in_time(
        lambda pace: asyncio.to_thread(_due, redis, pids, at_once, count, pace, patience), pace
    )


def _due(redis: str, pids: Sequence[int], at_once: int, count: int, pace: float, patience: float) -> Sample:
    app.conf.broker_url = redis
    Redis.from_url(redis).flushall()
    with firing.worker(redis, "celery", "-A", __name__, "worker", "-c", "2", "--loglevel", "error") as fired:
        due = time.time() + pace * count + 3
        eta = datetime.fromtimestamp(due, UTC)
        with ThreadPoolExecutor(at_once) as threads:
            list(threads.map(lambda _: fire.apply_async((0,), queue="nobody's"), range(at_once)))  # connects
            with timed(count, pids) as sample:
                list(threads.map(lambda _: fire.apply_async((due,), eta=eta), range(count)))
        if time.time() > due:
            raise firing.DueTooSoon
        sample.latencies = firing.late(fired, count, patience)
    return sample
