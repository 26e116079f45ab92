"""A relay in a process of its own, to be stopped and weighed by the suite. Arguments: Kafka, MongoDB, name, holder."""

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

from chassis.broker import KafkaBroker
from chassis.clock import SystemClock
from chassis.lease import Lease, MongoLeases
from chassis.outbox import MongoOutbox
from chassis.relay import Relay
from chassis.store import MongoStore
from chassis.telemetry import Metrics, Tracing, configure_logging
from chassis.testing.relaying import contracts_of
from pymongo import AsyncMongoClient

TTL, RENEWAL = 2.0, 0.3


async def main(kafka: str, mongo: str, name: str, holder: str) -> None:
    configure_logging("test", holder, "ERROR")
    clock = SystemClock()
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo)
    database = client[name]
    metrics = Metrics()
    relay = Relay(
        MongoOutbox(MongoStore(database, clock).commits, clock),
        KafkaBroker(kafka, holder),
        Lease(MongoLeases(database), "relay", holder, clock, ttl=TTL, renewal=RENEWAL),
        clock,
        prefix=name,
        service="test",
        to_contracts=contracts_of,
        tracing=Tracing("test", None),
        metrics=metrics,
        wake=asyncio.Event(),
    )
    asyncio.get_running_loop().create_task(weigh(metrics))
    await relay.run()


async def weigh(metrics: Metrics) -> None:
    """A line whenever something was published: how many, and the most memory that was ever used, in MB."""
    told = -1.0
    while True:
        published = metrics.registry.get_sample_value("lofte_relay_published_total") or 0.0
        if published != told:
            told = published
            sys.stdout.write(json.dumps({"published": published, "mb": most_memory()}) + "\n")
            sys.stdout.flush()
        await asyncio.sleep(0.01)


def most_memory() -> float:
    # Not getrusage: there a new process begins with its parent's.
    most = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(most[1]) / 1024 if most else 0.0


asyncio.run(main(*sys.argv[1:]))
