"""APScheduler on MongoDB: its own job store, executor and defaults, in one process; late jobs are run, not dropped."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.jobstores.mongodb import MongoDBJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from pymongo import MongoClient

from bench.probing import Sample

_fired: list[float] = []
_REST = 1.0


def fire(due: float) -> None:
    """The timer."""
    _fired.append(time.time() - due)


async def steady(mongo: str, pending: int, rate: float, count: int) -> Sample:
    """So many jobs fall due at a steady rate while others are pending; how late each ran."""
    return await asyncio.to_thread(_steady, mongo, pending, rate, count)


def _steady(mongo: str, pending: int, rate: float, count: int) -> Sample:
    client: MongoClient[dict[str, Any]] = MongoClient(mongo)
    name = f"bench_{time.time_ns()}"
    scheduler = BackgroundScheduler(
        jobstores={"default": MongoDBJobStore(database=name, client=client)},
        job_defaults={"misfire_grace_time": None},
        timezone=UTC,
    )
    scheduler.start(paused=True)
    scheduler.remove_all_jobs()
    later = datetime.now(UTC) + timedelta(days=30)
    began = time.monotonic()
    for _ in range(pending):
        scheduler.add_job(fire, "date", run_date=later, args=(0.0,))
    pace = (time.monotonic() - began) / pending
    first = time.time() + 1.5 * pace * count + 2 * _REST
    for place in range(count):
        at = first + place / rate
        scheduler.add_job(fire, "date", run_date=datetime.fromtimestamp(at, UTC), args=(at,))
    if time.time() + _REST > first:
        raise SystemExit("APScheduler's jobs were due before all were scheduled")
    scheduler.resume()
    deadline = first + count / rate + 60
    while len(_fired) < count:
        if time.time() > deadline:
            raise SystemExit(f"APScheduler ran only {len(_fired)} of {count} jobs")
        time.sleep(0.1)
    scheduler.pause()
    client.drop_database(name)
    scheduler.shutdown()  # which closes the client
    return Sample(rate=1 / pace, latencies=list(_fired))
