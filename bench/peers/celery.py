"""Celery on Redis: tasks with an eta; its own defaults, a worker with a process for each of two cores."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from celery import Celery
from redis import Redis

from bench.peers import firing
from bench.probing import ROOT, Sample, timed

app = Celery("bench", broker=os.environ.get("BENCH_REDIS", "redis://127.0.0.1:0/0"))
app.conf.update(task_ignore_result=True, worker_hijack_root_logger=False)


@app.task(name="fire")
def fire(due: float) -> None:
    """The timer."""
    firing.note(due)


async def due(redis: str, pids: Sequence[int], at_once: int, count: int, pace: float, patience: float) -> Sample:
    """So many tasks scheduled, all due at one time, and how late each ran. The sample's rate is of scheduling.

    They fall due `pace` seconds a task after the first is scheduled, and a moment.
    """
    return await asyncio.to_thread(_due, redis, pids, at_once, count, pace, patience)


def _due(redis: str, pids: Sequence[int], at_once: int, count: int, pace: float, patience: float) -> Sample:
    app.conf.broker_url = redis
    Redis.from_url(redis).flushall()
    with tempfile.TemporaryDirectory(prefix="lofte-celery-") as folder, _worker(redis, Path(folder)) as fired:
        due = time.time() + pace * count + 3
        eta = datetime.fromtimestamp(due, UTC)
        with ThreadPoolExecutor(at_once) as threads:
            list(threads.map(lambda _: fire.apply_async((0,), queue="nobody's"), range(at_once)))  # connects
            with timed(count, pids) as sample:
                list(threads.map(lambda _: fire.apply_async((due,), eta=eta), range(count)))
        if time.time() > due:
            raise SystemExit("Celery's tasks were due before all were scheduled")
        sample.latencies = firing.late(fired, count, patience)
    return sample


@contextmanager
def _worker(redis: str, folder: Path) -> Iterator[Path]:
    fired = folder / "fired"
    environment = {**os.environ, "BENCH_REDIS": redis, firing.FILE: str(fired)}
    command = [sys.executable, "-m", "celery", "-A", "bench.peers.celery", "worker", "-c", "2", "--loglevel", "error"]
    with (folder / "log").open("wb") as log:
        worker = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        yield fired
    finally:
        firing.end(worker)
