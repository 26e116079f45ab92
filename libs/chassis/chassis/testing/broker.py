"""Kafka in memory: topics with partitions and offsets, consumer groups, and faults on order."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

from aiokafka.partitioner import murmur2

from chassis.broker import Partition, Producer, Record
from chassis.errors import Unavailable
from chassis.reacting import Raw


class Fault(Enum):
    """What can go wrong with a record that is sent."""

    REFUSED = "not even taken: `send` raises"
    LOST = "taken, never written; fails"
    UNCONFIRMED = "written, but its acknowledgement is lost; fails"
    LATE = "fails, and is written at the next `deliver_late()`"


class FakeBroker:
    """Topics come to be when first written to or read, with `partitions` partitions; keys are placed as Kafka does.

    `away`: nothing can be reached. `fault`: asked for every record that is sent. `held_acks`: acknowledgements wait
    for `acknowledge()`. `written` is told of every record; `soon` says when an acknowledgement, or a failure, comes.
    """

    def __init__(self, partitions: int = 3) -> None:
        self.topics: dict[str, list[list[Raw]]] = defaultdict(lambda: [[] for _ in range(partitions)])
        self.groups: dict[str, dict[Partition, int]] = defaultdict(dict)
        self.away = False
        self.fault: Callable[[Record], Fault | None] = lambda record: None
        self.held_acks = False
        self.written: Callable[[Raw], None] = lambda raw: None
        self.soon: Callable[..., object] = lambda done, *args: asyncio.get_running_loop().call_soon(
            done, *args
        )
        self.producers: list[FakeProducer] = []
        self._late: list[Record] = []
        self._unacknowledged: list[tuple[asyncio.Future[Any], Raw]] = []
        self._grown: list[asyncio.Future[None]] = []

    def append(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Iterable[tuple[str, bytes | None]] = (),
        partition: int | None = None,
    ) -> Raw:
        """Write a record, of whatever form, as any client of Kafka could."""
        partitions = self.topics[topic]
        if partition is None:
            partition = (murmur2(key) & 0x7FFFFFFF) % len(partitions) if key is not None else 0
        log = partitions[partition]
        # A log may have lost its beginning: the offset goes on from the last.
        offset = log[-1].offset + 1 if log else 0
        raw = Raw(topic, partition, offset, key, value, list(headers), timestamp=offset)
        log.append(raw)
        self.written(raw)
        waiting, self._grown = self._grown, []
        for future in waiting:
            if not future.done():
                future.set_result(None)
        return raw

    def records(self, topic: str) -> Sequence[Raw]:
        """All of a topic, partition by partition."""
        return [raw for log in self.topics[topic] for raw in log]

    def fetch(self, group: str, topics: Collection[str], limit: int = 500) -> Sequence[Raw]:
        """What `group` has not committed yet, in order within a partition; the same again until it commits."""
        self._reach()
        found = [
            raw
            for topic in topics
            for log in self.topics[topic]
            for raw in log
            if raw.offset >= self.groups[group].get((topic, raw.partition), 0)
        ]
        return found[:limit]

    def commit(self, group: str, raws: Iterable[Raw]) -> None:
        """Commit the offsets after `raws`."""
        self._reach()
        offsets = self.groups[group]
        for raw in raws:
            place = (raw.topic, raw.partition)
            offsets[place] = max(offsets.get(place, 0), raw.offset + 1)

    def acknowledge(self) -> int:
        """Give the acknowledgements that were held; how many."""
        ready = [(future, raw) for future, raw in self._unacknowledged if not future.done()]
        self._unacknowledged = []
        for future, raw in ready:
            future.set_result(raw)
        return len(ready)

    def deliver_late(self) -> None:
        """Write what its sender believes to be lost."""
        late, self._late = self._late, []
        for record in late:
            self.append(record.topic, record.key, record.value, record.headers)

    def producer(self) -> Producer:
        producer = FakeProducer(self)
        self.producers.append(producer)
        return producer

    async def follow(self, topic: str) -> AsyncGenerator[Sequence[tuple[bytes | None, bytes | None]], None]:
        self._reach()
        positions = [0] * len(self.topics[topic])
        while True:
            news = [
                raw
                for log, position in zip(self.topics[topic], positions, strict=True)
                for raw in log[position:]
            ]
            positions = [len(log) for log in self.topics[topic]]
            yield [(raw.key, raw.value) for raw in news]
            if positions == [len(log) for log in self.topics[topic]]:
                grown: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._grown.append(grown)
                await grown

    async def bounds(self, topics: Collection[str]) -> Mapping[Partition, tuple[int, int]]:
        self._reach()
        return {
            (topic, number): (log[0].offset, log[-1].offset + 1) if log else (0, 0)
            for topic in topics
            for number, log in enumerate(self.topics[topic])
        }

    async def committed(self, group: str) -> Mapping[Partition, int]:
        self._reach()
        return dict(self.groups[group])

    async def close(self) -> None:
        return None

    def _reach(self) -> None:
        if self.away:
            raise Unavailable("Kafka: away")

    def _take(self, record: Record, future: asyncio.Future[Any]) -> None:
        fault = Fault.LOST if self.away else self.fault(record)
        if fault is Fault.REFUSED:
            raise Unavailable("Kafka: refused")
        if fault is Fault.LATE:
            self._late.append(record)
        if fault in (None, Fault.UNCONFIRMED):
            raw = self.append(record.topic, record.key, record.value, record.headers)
            if fault is None:
                self._unacknowledged.append((future, raw))
                if not self.held_acks:
                    self.soon(self.acknowledge)
                return
        self.soon(_fail, future)


class FakeProducer:
    """A producer of the broker in memory; refuses to be used before `start` and after `close`."""

    def __init__(self, broker: FakeBroker) -> None:
        self._broker = broker
        self._sent: dict[asyncio.Future[Any], None] = {}
        self.open = False

    async def start(self) -> None:
        self._broker._reach()
        self.open = True

    async def send(self, record: Record) -> asyncio.Future[Any]:
        if not self.open:
            raise Unavailable("Kafka: the producer is closed")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._broker._take(record, future)
        self._sent[future] = None
        future.add_done_callback(self._sent.pop)
        return future

    async def close(self) -> None:
        self.open = False
        for future in tuple(self._sent):
            _fail(future)


def _fail(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_exception(Unavailable("Kafka: not acknowledged"))
