"""The relay, from committed to acknowledged and stamped; and a bare pipelined producer of the same records."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaProducer
from chassis.broker import KafkaBroker, Producer, Record, to_record
from chassis.clock import SystemClock
from chassis.commit import Cause, Commit
from chassis.ids import fresh_id
from chassis.outbox import MongoOutbox
from chassis.relay import Relay
from chassis.store import MongoStore, to_document
from chassis.telemetry import Metrics, Tracing
from chassis.testing.relaying import AlwaysHeld
from chassis.topics import create_topics
from pymongo import AsyncMongoClient
from routing import domain, publisher
from routing.handlers import decider

from bench.probes.history import routed
from bench.probing import Sample, timed

_PARTITIONS = 3
_RULES = decider()


def a_commit(case_id: str) -> Commit:
    """What routing commits of a new case."""
    contract = routed(case_id, "city.parking", datetime(2026, 3, 2, 8, 0, tzinfo=UTC))
    event = domain.CaseRouted(**contract.model_dump(exclude={"case_id"}))
    return Commit(
        municipality="0581",
        stream=f"0581.route-{case_id}",
        first_version=1,
        events=[_RULES.codec.store(event)],
        cause=Cause(f"/0581/intake/0581.contact-{case_id}/{case_id}#route-case", actor="routing"),
        correlation_id=case_id,
        committed_at=contract.routed_at,
    )


class _Counted(Metrics):
    """Sets `done` when so many commits are stamped."""

    def __init__(self, wanted: int) -> None:
        super().__init__()
        self._left = wanted
        self.done = asyncio.Event()

    def relay_published(self, commits: int) -> None:
        super().relay_published(commits)
        self._left -= commits
        if self._left <= 0:
            self.done.set()


class _WatchedProducer:
    """Notes when each record was acknowledged, by its key."""

    def __init__(self, producer: Producer, acknowledged: dict[bytes, float]) -> None:
        self._producer = producer
        self._acknowledged = acknowledged

    async def start(self) -> None:
        await self._producer.start()

    async def close(self) -> None:
        await self._producer.close()

    async def send(self, record: Record) -> asyncio.Future[Any]:
        future = await self._producer.send(record)
        future.add_done_callback(lambda _: self._acknowledged.setdefault(record.key, time.monotonic()))
        return future


class _WatchedBroker(KafkaBroker):
    def __init__(self, address: str) -> None:
        super().__init__(address, "bench")
        self.acknowledged: dict[bytes, float] = {}

    def producer(self) -> Producer:
        return _WatchedProducer(super().producer(), self.acknowledged)


class _Setting:
    """A store, its relay, and topics of its own."""

    def __init__(self, mongo: str, kafka: str, wanted: int) -> None:
        self.name = f"bench-{time.time_ns()}"
        self.kafka = kafka
        self.clock, self.wake, self.metrics = SystemClock(), asyncio.Event(), _Counted(wanted)
        self.client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo, maxPoolSize=100, w="majority")
        self.store = MongoStore(self.client[self.name], self.clock, wake=self.wake.set)
        self.broker = _WatchedBroker(kafka)
        self.relay = Relay(
            MongoOutbox(self.store.commits, self.clock),
            self.broker,
            AlwaysHeld(),
            self.clock,
            prefix=self.name,
            service="routing",
            to_contracts=lambda commit: publisher.to_contracts(_RULES, commit),
            tracing=Tracing("bench", None),
            metrics=self.metrics,
            wake=self.wake,
        )

    async def prepare(self) -> None:
        await self.store.prepare()
        await create_topics(self.kafka, self.name, _PARTITIONS)

    async def close(self) -> None:
        await self.broker.close()
        await self.client.drop_database(self.name)
        await self.client.close()


async def ours(mongo: str, kafka: str, pids: Sequence[int], count: int) -> Sample:
    """A backlog of so many commits is published and stamped."""
    setting = _Setting(mongo, kafka, count)
    await setting.prepare()
    backlog = [to_document(a_commit(fresh_id())) for _ in range(count)]
    for start in range(0, count, 500):
        await setting.store.commits.insert_many(backlog[start : start + 500])
    with timed(count, pids) as sample:
        running = asyncio.create_task(setting.relay.run())
        await asyncio.wait_for(setting.metrics.done.wait(), 300)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await setting.close()
    return sample


async def latency(mongo: str, kafka: str, pids: Sequence[int], count: int, rate: float) -> Sample:
    """Commits come at a steady rate; seconds from each one's commit to its acknowledgement."""
    setting = _Setting(mongo, kafka, count)
    await setting.prepare()
    running = asyncio.create_task(setting.relay.run())
    committed: dict[bytes, float] = {}

    async def commit(case_id: str) -> None:
        await setting.store.append(a_commit(case_id))
        committed[case_id.encode()] = time.monotonic()

    with timed(count, pids) as sample:
        async with asyncio.TaskGroup() as commits:
            began = time.monotonic() + 0.1
            for number in range(count):
                ahead = began + number / rate - time.monotonic()
                if ahead > 0:
                    await asyncio.sleep(ahead)
                commits.create_task(commit(fresh_id()))
        await asyncio.wait_for(setting.metrics.done.wait(), 60)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await setting.close()
    acknowledged = setting.broker.acknowledged
    # The relay may be told of a group before its callers are: then it was faster than our look at the clock.
    sample.latencies = [max(0.0, acknowledged[key] - at) for key, at in committed.items()]
    return sample


async def bare(kafka: str, pids: Sequence[int], count: int) -> Sample:
    """The same records, made before, by an idempotent producer with nothing to wait for."""
    name = f"bench-{time.time_ns()}"
    await create_topics(kafka, name, _PARTITIONS)
    records: list[Record] = []
    for _ in range(count):
        commit = a_commit(fresh_id())
        (contract,) = publisher.to_contracts(_RULES, commit)
        assert contract is not None
        records.append(to_record(name, "routing", commit, 0, contract))
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka, enable_idempotence=True, acks="all", max_batch_size=256 * 1024
    )
    await producer.start()
    with timed(count, pids) as sample:
        sent = [await producer.send(r.topic, r.value, r.key, headers=r.headers) for r in records]
        await asyncio.gather(*sent)
    await producer.stop()
    return sample
