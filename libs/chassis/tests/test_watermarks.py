"""A watermark never passes a commit that is not yet published; a barrier never passes one that is not yet handled."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chassis.broker import Partition
from chassis.clock import AnchoredClock, SystemClock
from chassis.testing.broker import FakeBroker
from chassis.testing.clock import ManualClock
from chassis.testing.outbox import MemoryOutbox
from chassis.testing.relaying import AlwaysHeld, a_commit
from chassis.testing.store import MemoryStore
from chassis.testing.waiting import eventually
from chassis.watermarks import Barrier, WatermarkPublisher, WatermarkReader

SECOND = timedelta(seconds=1)
START = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
TOPIC = "lofte.watermarks"


pytestmark = pytest.mark.usefixtures("quiet_logging")


class Bench:
    """A service's log, its watermark's publisher, and a clock that stands still."""

    def __init__(self) -> None:
        self.clock = ManualClock(START)
        self.store = MemoryStore(self.clock)
        self.outbox = MemoryOutbox(self.store)
        self.broker = FakeBroker()
        self.lease = AlwaysHeld()
        self.publisher = self.publisher_of(self.clock)

    def publisher_of(self, clock: Any) -> WatermarkPublisher:
        return WatermarkPublisher(self.outbox, self.broker, self.lease, clock, prefix="lofte", service="test")

    async def after(self, seconds: float) -> datetime | None:
        self.clock.advance(timedelta(seconds=seconds))
        return await self.publisher.advance()

    def told(self) -> list[datetime]:
        values = [json.loads(raw.value or b"") for raw in self.broker.records(TOPIC)]
        assert {value["service"] for value in values} <= {"test"}
        return [datetime.fromisoformat(value["at"]) for value in values]


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_all_published_it_is_an_earlier_operation_time_less_a_second(bench: Bench) -> None:
    assert await bench.after(0) is None
    assert await bench.after(1) == START - SECOND
    assert await bench.after(1) == START
    assert await bench.after(1) == START + SECOND


async def test_two_looks_close_together_say_no_more_than_the_first(bench: Bench) -> None:
    assert await bench.after(0) is None
    assert await bench.after(0.5) is None
    assert await bench.after(0.5) == START - SECOND


async def test_it_stays_below_what_is_unpublished(bench: Bench) -> None:
    await bench.after(0)
    await bench.store.append(a_commit("case-1", 1))
    for _ in range(10):
        at = await bench.after(1)
        assert at is not None
        assert at < START
    await bench.outbox.stamp([bench.store.commits[0].id])
    assert await bench.after(1) == START + 9 * SECOND


async def test_a_slow_insert_holds_it(bench: Bench) -> None:
    await bench.after(0)
    assert await bench.after(1) == START - SECOND
    bench.outbox.slowest_insert = 0.6
    assert [await bench.after(1) for _ in range(5)] == [None] * 5
    bench.outbox.slowest_insert = 0.0
    assert await bench.after(1) == START, "not further than before the insert was slow"
    assert await bench.after(1) == START + 6 * SECOND


async def test_it_is_told_in_domain_time(bench: Bench) -> None:
    class Fast(AnchoredClock):
        def monotonic(self) -> float:
            return bench.clock.monotonic()

    fast = Fast(start=datetime(2030, 1, 1, tzinfo=UTC), anchor=START, rate=600)
    publisher = bench.publisher_of(fast)
    bench.clock.advance(SECOND)
    await publisher.advance()
    bench.clock.advance(11 * SECOND)
    assert await publisher.advance() == datetime(2030, 1, 1, tzinfo=UTC)


async def test_it_is_published_each_second_by_the_leader_alone(bench: Bench) -> None:
    async with asyncio.TaskGroup() as group:
        running = group.create_task(bench.publisher.run())
        await step(bench, 4)
        assert bench.told() == [START + n * SECOND for n in (-1, 0, 1, 2)]
        bench.lease.is_held = False
        await step(bench, 4)
        assert len(bench.told()) == 4
        bench.lease.is_held = True
        await step(bench, 2)
        assert len(bench.told()) == 6
        running.cancel()
    assert not any(producer.open for producer in bench.broker.producers)


async def test_failures_only_make_it_late(bench: Bench) -> None:
    async with asyncio.TaskGroup() as group:
        running = group.create_task(bench.publisher.run())
        await step(bench, 3)
        before = len(bench.told())
        bench.broker.away = True
        await step(bench, 3)
        bench.broker.away = False
        bench.outbox.away = True
        await step(bench, 3)
        assert len(bench.told()) == before
        bench.outbox.away = False
        await step(bench, 4)
        assert len(bench.told()) > before
        running.cancel()
    assert bench.told() == sorted(bench.told())


async def step(bench: Bench, seconds: int) -> None:
    """Second by second; each time the loops come to rest first."""
    for _ in range(seconds):
        for _ in range(50):
            await asyncio.sleep(0)
        bench.clock.advance(SECOND)
    for _ in range(50):
        await asyncio.sleep(0)


async def test_a_reader_keeps_the_highest_of_each_service_and_passes_what_it_cannot_read() -> None:
    broker, clock = FakeBroker(), SystemClock()
    reader = WatermarkReader(broker, "lofte", clock)
    tell(broker, "intake", START)
    for wild in (None, b"", b"{", b"[]", b'{"service": "intake", "at": "soon"}', b'{"at": 7}', b"\xff"):
        broker.append(TOPIC, b"intake", wild)
    tell(broker, "intake", START - SECOND)
    tell(broker, "routing", START + SECOND)
    task = asyncio.create_task(reader.run())
    await eventually(lambda: reader.of("routing") == START + SECOND)
    assert reader.of("intake") == START
    assert reader.of("casework") is None
    tell(broker, "intake", START + SECOND)
    await eventually(lambda: reader.of("intake") == START + SECOND)
    task.cancel()


async def test_a_reader_waits_for_kafka(bench: Bench) -> None:
    bench.broker.away = True
    reader = WatermarkReader(bench.broker, "lofte", bench.clock)
    tell(bench.broker, "intake", START)
    task = asyncio.create_task(reader.run())
    await step(bench, 2)
    assert reader.of("intake") is None
    bench.broker.away = False
    await step(bench, 2)
    assert reader.of("intake") == START
    task.cancel()


def tell(broker: FakeBroker, service: str, at: datetime) -> None:
    value = json.dumps({"service": service, "at": at.isoformat()}).encode()
    broker.append(TOPIC, service.encode(), value, partition=0)


class Watched(WatermarkReader):
    """Watermarks as they are set."""

    def __init__(self, **at: datetime) -> None:
        self.at = at

    def of(self, service: str) -> datetime | None:
        return self.at.get(service)


def a_barrier(broker: FakeBroker, watermarks: Watched) -> Barrier:
    return Barrier(
        watermarks, broker, ManualClock(), prefix="lofte", services=["intake", "casework"], group="callback"
    )


async def test_the_barrier_waits_for_every_service() -> None:
    watermarks = Watched(intake=START)
    barrier = a_barrier(FakeBroker(), watermarks)
    await barrier.advance()
    assert barrier.safe() is None
    watermarks.at["casework"] = START + SECOND
    await barrier.advance()
    assert barrier.safe() == START, "topics on which nothing ever was hold nobody up"


async def test_the_barrier_waits_until_the_whole_group_has_handled_what_was_published_before() -> None:
    broker = FakeBroker()
    watermarks = Watched(intake=START, casework=START)
    barrier = a_barrier(broker, watermarks)
    first = [broker.append("lofte.intake", b"a", b"1", partition=0)]
    second = [broker.append("lofte.casework", b"b", b"1", partition=2)]
    await barrier.advance()
    assert barrier.safe() is None
    broker.commit("lofte.callback", first)
    broker.commit("another", second)
    await barrier.advance()
    assert barrier.safe() is None
    # What comes later does not keep it waiting, and a newer watermark does not slip in behind older offsets.
    broker.append("lofte.intake", b"a", b"2", partition=0)
    watermarks.at = {"intake": START + SECOND, "casework": START + SECOND}
    broker.commit("lofte.callback", second)
    await barrier.advance()
    assert barrier.safe() == START
    await barrier.advance()
    assert barrier.safe() == START, "the newer one waits for the newer record"
    broker.commit("lofte.callback", broker.fetch("lofte.callback", ["lofte.intake"]))
    await barrier.advance()
    assert barrier.safe() == START + SECOND


async def test_the_barrier_takes_the_end_offsets_after_the_watermarks() -> None:
    """A record that is acknowledged between the two looks belongs to the watermark, and must be waited for."""

    class Late(FakeBroker):
        async def bounds(self, topics: Any) -> dict[Partition, tuple[int, int]]:
            self.append("lofte.intake", b"a", b"1", partition=0)
            return dict(await super().bounds(topics))

    barrier = a_barrier(Late(), Watched(intake=START, casework=START))
    await barrier.advance()
    assert barrier.safe() is None


async def test_the_barrier_outlives_kafka_s_absence() -> None:
    broker, clock = FakeBroker(), SystemClock()
    broker.away = True
    watermarks = Watched(intake=START, casework=START)
    barrier = Barrier(
        watermarks, broker, clock, prefix="lofte", services=["intake", "casework"], group="callback"
    )
    task = asyncio.create_task(barrier.run())
    await asyncio.sleep(0)
    broker.away = False
    await eventually(lambda: barrier.safe() == START)
    task.cancel()
