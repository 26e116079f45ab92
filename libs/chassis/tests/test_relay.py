"""The relay suite on fakes: whatever fails, and whoever else relays, a stream's events are first seen in order."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from chassis.broker import Broker, Record
from chassis.clock import SystemClock
from chassis.commit import Commit
from chassis.outbox import Outbox
from chassis.relay import LARGEST_WAVE, Relay
from chassis.republish import republish
from chassis.telemetry import Metrics, Tracing
from chassis.testing.broker import FakeBroker, Fault
from chassis.testing.outbox import MemoryOutbox
from chassis.testing.relaying import AlwaysHeld, a_commit, contracts_of, first_seen, numbered
from chassis.testing.store import MemoryStore
from chassis.testing.waiting import eventually
from lofte_events import Contract

TOPIC = "lofte.test"

pytestmark = pytest.mark.usefixtures("quiet_logging")


class HastyClock(SystemClock):
    """Real time, twenty times as fast: pauses are as long as ever to those who pause."""

    def monotonic(self) -> float:
        return super().monotonic() * 20

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / 20)


class Bench:
    """A store and a broker in memory, and any number of relays between them."""

    def __init__(self) -> None:
        self.clock = HastyClock()
        self.store = MemoryStore(self.clock)
        self.outbox = MemoryOutbox(self.store)
        self.broker = FakeBroker()
        self.metrics = Metrics()
        self.lease = AlwaysHeld()

    def relay(
        self,
        *,
        outbox: Outbox | None = None,
        broker: Broker | None = None,
        to_contracts: Callable[[Commit], Sequence[Contract | None]] = contracts_of,
        wake: asyncio.Event | None = None,
        backlog: asyncio.Event | None = None,
    ) -> Relay:
        return Relay(
            outbox or self.outbox,
            broker or self.broker,
            self.lease,
            self.clock,
            prefix="lofte",
            service="test",
            to_contracts=to_contracts,
            tracing=Tracing("test", None),
            metrics=self.metrics,
            wake=wake or asyncio.Event(),
            backlog=backlog,
        )

    async def append(self, *commits: Commit) -> None:
        for commit in commits:
            await self.store.append(commit)

    def all_published(self) -> bool:
        return len(self.outbox.stamped) == len(self.store.commits)

    def assert_in_order(self) -> None:
        """Every event of every commit is there, and of each stream first seen in the order of its versions."""
        expected = numbered(self.store.commits)
        assert {
            source: list(seen) for source, seen in first_seen(self.broker.records(TOPIC)).items()
        } == expected


@pytest.fixture
def bench() -> Bench:
    return Bench()


@asynccontextmanager
async def running(*loops: Callable[[], Awaitable[None]]) -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks = [asyncio.ensure_future(loop()) for loop in loops]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes), outcomes


def streams(number: int, length: int, events: int = 1) -> Iterable[Commit]:
    """`length` commits for each of `number` streams, taking turns."""
    for place in range(length):
        for name in range(number):
            yield a_commit(f"case-{name}", place * events + 1, events)


async def test_a_commit_becomes_records_with_its_envelope(bench: Bench) -> None:
    await bench.append(a_commit("case-1", 1, 2))
    async with running(bench.relay().run):
        await eventually(bench.all_published)
    first, second = bench.broker.records(TOPIC)
    headers = {name: value or b"" for name, value in second.headers}
    assert (first.key, second.key) == (b"case-1", b"case-1")
    assert headers["ce_type"] == b"test.numbered.v1"
    assert headers["ce_source"] == b"/0581/test/0581.case-1"
    assert headers["ce_sequence"] == b"2"
    assert headers["ce_subject"] == headers["ce_correlationid"] == b"case-1"
    assert headers["ce_id"].decode() == bench.store.commits[0].events[1].id
    assert headers["ce_traceparent"].startswith(b"00-")
    assert {"ce_storedat", "ce_time", "ce_causationid"} <= set(headers)


async def test_what_stays_inside_is_stamped_in_its_turn(bench: Bench) -> None:
    await bench.append(a_commit("case-1", 1), a_commit("case-1", 2, kind="Private"), a_commit("case-1", 3))
    bench.broker.held_acks = True
    async with running(bench.relay().run):
        await eventually(lambda: bench.broker.records(TOPIC))
        assert not bench.outbox.stamped
        bench.broker.acknowledge()
        await eventually(lambda: len(bench.outbox.stamped) == 2 and len(bench.broker.records(TOPIC)) == 2)
        bench.broker.acknowledge()
        await eventually(bench.all_published)
    assert [dict(raw.headers)["ce_sequence"] for raw in bench.broker.records(TOPIC)] == [b"1", b"3"]


async def test_a_stream_has_one_unacknowledged_record_and_streams_do_not_wait_for_each_other(
    bench: Bench,
) -> None:
    await bench.append(*streams(5, 1, events=3))
    bench.broker.held_acks = True
    async with running(bench.relay().run):
        for turn in (1, 2, 3):
            expected = 5 * turn
            await eventually(lambda: len(bench.broker.records(TOPIC)) == expected)  # noqa: B023
            assert len(first_seen(bench.broker.records(TOPIC))) == 5
            assert not bench.outbox.stamped
            bench.broker.acknowledge()
        await eventually(bench.all_published)
    bench.assert_in_order()


@pytest.mark.parametrize("overlooked", [1, 2])
async def test_a_commit_waits_until_all_earlier_ones_of_its_stream_are_stamped(
    bench: Bench, overlooked: int
) -> None:
    """An earlier one is not in what was read: from there on the stream stands still."""
    await bench.append(*(a_commit("case-1", version) for version in (1, 2, 3)), a_commit("case-2", 1))
    ids = [commit.id for commit in bench.store.commits]

    class Overlooking(MemoryOutbox):
        async def unpublished(self, limit: int, passing: Collection[Any]) -> Sequence[Commit]:
            return await super().unpublished(limit, {*passing, ids[overlooked - 1]})

    outbox = Overlooking(bench.store)
    async with running(bench.relay(outbox=outbox).run):
        await eventually(lambda: outbox.stamped == {*ids[: overlooked - 1], ids[3]})
        reads = outbox.reads
        await eventually(lambda: outbox.reads > reads + 3)
        assert outbox.stamped == {*ids[: overlooked - 1], ids[3]}
        await outbox.stamp([ids[overlooked - 1]])
        await eventually(lambda: len(outbox.stamped) == 4)


@pytest.mark.parametrize("fault", list(Fault))
async def test_order_holds_when_sends_fail(bench: Bench, fault: Fault) -> None:
    chance = random.Random(7)
    await bench.append(*streams(40, 4, events=2))
    bench.broker.fault = lambda record: fault if chance.random() < 0.01 else None
    async with running(bench.relay().run):
        await eventually(lambda: bench.all_published(), deadline=30)
    bench.assert_in_order()
    bench.broker.deliver_late()
    bench.assert_in_order()
    assert len(bench.broker.producers) > 3, "every failure makes a new producer"


async def test_a_long_stream_does_not_keep_others_waiting(bench: Bench) -> None:
    await bench.append(*streams(1, 600), a_commit("case-late", 1))
    async with running(bench.relay().run):
        await eventually(lambda: bench.store.commits[-1].id in bench.outbox.stamped)
        assert not bench.all_published()
        await eventually(bench.all_published, deadline=30)
    bench.assert_in_order()


async def test_a_backlog_of_one_municipality_keeps_no_other_waiting(bench: Bench) -> None:
    await bench.append(*streams(2500, 1), a_commit("case-late", 1, municipality="2380"))
    async with running(bench.relay().run):
        await eventually(lambda: bench.store.commits[-1].id in bench.outbox.stamped)
        assert len(bench.outbox.stamped) < 2000
        await eventually(bench.all_published, deadline=30)
    bench.assert_in_order()


async def test_only_the_last_producer_is_open(bench: Bench) -> None:
    await bench.append(*streams(3, 2))
    faults = iter([Fault.UNCONFIRMED, None, Fault.LOST])
    bench.broker.fault = lambda record: next(faults, None)
    async with running(bench.relay().run):
        await eventually(bench.all_published)
    assert [producer.open for producer in bench.broker.producers] == [False] * len(bench.broker.producers)
    bench.assert_in_order()


async def test_two_relays_at_once_merely_repeat(bench: Bench) -> None:
    """The lease saves work; here nobody has it alone."""
    chance = random.Random(3)
    bench.broker.fault = lambda record: Fault.UNCONFIRMED if chance.random() < 0.005 else None
    async with running(bench.relay().run, bench.relay().run):
        for commit in streams(50, 6):
            await bench.append(commit)
        await eventually(bench.all_published, deadline=30)
    bench.assert_in_order()
    assert len(bench.broker.records(TOPIC)) > len(bench.store.commits), "else the test shows nothing"


async def test_kafka_away_is_waited_for_and_the_backlog_leaves_in_bounded_memory(bench: Bench) -> None:
    bench.broker.away = True
    await bench.append(*streams(2500, 4))
    most = 0

    class Counting(MemoryOutbox):
        async def unpublished(self, limit: int, passing: Collection[Any]) -> Sequence[Commit]:
            nonlocal most
            passing = list(passing)
            found = await super().unpublished(limit, passing)
            most = max(most, len(found) + len(passing))
            return found

    outbox = Counting(bench.store)
    async with running(bench.relay(outbox=outbox).run):
        await eventually(lambda: len(bench.broker.producers) > 2)
        assert not bench.broker.records(TOPIC)
        bench.broker.away = False
        await eventually(lambda: len(outbox.stamped) == 10_000, deadline=60)
    bench.assert_in_order()
    assert most <= 3 * 500, "two waves under way and one being read"
    assert len(bench.broker.records(TOPIC)) == 10_000, "nothing failed, so nothing was repeated"


async def test_a_send_that_ends_as_cancelled_by_nobody_is_a_failed_send(bench: Bench) -> None:
    """Nobody told the relay to end: it would keep its lease and publish no more."""

    def cancelled(record: Record) -> Fault | None:
        bench.broker.fault = lambda record: None
        raise asyncio.CancelledError

    bench.broker.fault = cancelled
    async with running(bench.relay().run):
        await bench.append(*streams(3, 3))
        await eventually(bench.all_published)


async def test_the_database_away_is_waited_for(bench: Bench) -> None:
    await bench.append(*streams(3, 1))
    bench.outbox.away = True
    async with running(bench.relay().run):
        await eventually(lambda: len(bench.broker.producers) > 1)
        bench.outbox.away = False
        await eventually(bench.all_published)
    bench.assert_in_order()


async def test_a_commit_that_cannot_be_mapped_holds_up_its_own_stream_alone(bench: Bench) -> None:
    await bench.append(*streams(3, 3))

    def failing(commit: Commit) -> Sequence[Contract | None]:
        if commit.stream == "0581.case-1" and commit.first_version == 2:
            raise KeyError("a defect")
        return contracts_of(commit)

    async with running(bench.relay(to_contracts=failing).run):
        await eventually(lambda: len(bench.outbox.stamped) == 7)
    held_up = {(c.stream, c.first_version) for c in bench.store.commits if c.id not in bench.outbox.stamped}
    assert held_up == {("0581.case-1", 2), ("0581.case-1", 3)}


async def test_without_the_lease_nothing_is_read_or_sent(bench: Bench) -> None:
    bench.lease.is_held = False
    await bench.append(a_commit("case-1", 1))
    async with running(bench.relay().run):
        await eventually(lambda: bench.lease.asked > 3)
        assert bench.outbox.reads == 0
        assert not bench.broker.producers
        bench.lease.is_held = True
        await eventually(bench.all_published)
        bench.lease.is_held = False
        await eventually(lambda: not any(producer.open for producer in bench.broker.producers))


async def test_the_end_lets_what_is_under_way_be_stamped(bench: Bench) -> None:
    await bench.append(a_commit("case-1", 1))
    bench.broker.held_acks = True
    async with running(bench.relay().run) as [task]:
        await eventually(lambda: bench.broker.records(TOPIC))
        task.cancel()
        asyncio.get_running_loop().call_later(0.05, bench.broker.acknowledge)
        await asyncio.wait({task})
    assert bench.all_published()
    assert bench.lease.released


async def test_the_writer_wakes_the_relay(bench: Bench) -> None:
    """Polling alone would read ten times a second; a wake is answered at once."""
    wake = asyncio.Event()
    async with running(bench.relay(wake=wake).run):
        await eventually(lambda: bench.outbox.reads > 0)
        for version in range(1, 31):
            await bench.append(a_commit("case-1", version))
            wake.set()
            await eventually(bench.all_published, every=0.001)
    assert bench.outbox.reads > 30
    bench.assert_in_order()


async def test_the_rest_of_the_process_is_told_while_there_is_more_to_publish_than_a_wave_takes(
    bench: Bench,
) -> None:
    backlog = asyncio.Event()
    await bench.append(*streams(2 * LARGEST_WAVE, 1))
    async with running(bench.relay(backlog=backlog).run):
        await asyncio.wait_for(backlog.wait(), 10)
        await eventually(bench.all_published)
        await eventually(lambda: not backlog.is_set())


async def test_republishing_sends_the_published_log_again_with_the_same_ids(bench: Bench) -> None:
    await bench.append(*streams(30, 3, events=2), a_commit("case-x", 1, kind="Private"))
    async with running(bench.relay().run):
        await eventually(bench.all_published)
    await bench.append(a_commit("case-new", 1))
    again = FakeBroker()
    faults = iter([None] * 40 + [Fault.UNCONFIRMED])
    again.fault = lambda record: next(faults, None)
    told: list[tuple[int, int]] = []
    sent = await republish(
        bench.outbox,
        again,
        bench.clock,
        prefix="lofte",
        service="test",
        to_contracts=contracts_of,
        progress=lambda commits, records: told.append((commits, records)),
    )
    assert sent == 180
    assert told[-1] == (91, 180)
    assert first_seen(again.records(TOPIC)) == first_seen(bench.broker.records(TOPIC))


async def test_a_record_is_placed_by_its_key_as_kafka_places_it(bench: Bench) -> None:
    producer = bench.broker.producer()
    await producer.start()
    for name in range(20):
        await (await producer.send(Record("t", b"case-%d" % (name % 4), b"x", [])))
    places = {raw.key: raw.partition for raw in bench.broker.records("t")}
    assert all(raw.partition == places[raw.key] for raw in bench.broker.records("t"))
    await producer.close()
