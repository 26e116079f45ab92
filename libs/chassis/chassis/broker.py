"""Kafka as the chassis needs it: records out, a compacted topic followed, offsets looked at. The tests' fake is alike."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, ProducerClosed
from lofte_events import AnyContract, Envelope, Headers

from chassis.commit import Commit
from chassis.errors import Unavailable
from chassis.kafka import client_options

if TYPE_CHECKING:
    from faststream.security import BaseSecurity

__all__ = ["Broker", "KafkaBroker", "KafkaProducer", "Partition", "Producer", "Record", "to_record"]

T = TypeVar("T")
Partition = tuple[str, int]
"""Topic and number."""

LARGEST_VALUE = 900_000
_AWAY = (KafkaError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Record:
    """What is to be sent."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers


class Producer(Protocol):
    """Sends records; used by one task. A producer that failed once is closed and another one made."""

    async def start(self) -> None:
        """Connect. Raises Unavailable."""
        ...

    async def send(self, record: Record) -> asyncio.Future[Any]:
        """Hand a record over; the future is done when the broker has it, or fails within bounded time.

        Raises:
            Exception: it could not be handed over (the broker or the topic is away, the record is too large).
        """
        ...

    async def close(self) -> None:
        """Leave at once: what is not acknowledged fails, though it may have been written."""
        ...


class Broker(Protocol):
    """What the loops need of Kafka. KafkaBroker and the tests' FakeBroker pass the same suite."""

    def producer(self) -> Producer:
        """A new producer, not yet started."""
        ...

    def follow(self, topic: str) -> AsyncGenerator[Sequence[tuple[bytes | None, bytes | None]], None]:
        """Keys and values of a topic from its beginning, for ever; now and then an empty sequence.

        Raises:
            Unavailable: the broker could not be reached at the start.
        """
        ...

    async def bounds(self, topics: Collection[str]) -> Mapping[Partition, tuple[int, int]]:
        """Beginning and end offset of every partition. Raises Unavailable."""
        ...

    async def committed(self, group: str) -> Mapping[Partition, int]:
        """The offsets that a consumer group has committed; empty for one that never did. Raises Unavailable."""
        ...

    async def close(self) -> None: ...


class KafkaProducer:
    """An idempotent producer, acknowledged by all replicas, pipelined.

    By itself such a producer never gives a batch up: it would wait for an absent broker for ever. So records that
    are not acknowledged after `patience` real seconds fail, all of them, and `close` does not flush.
    """

    def __init__(
        self, address: str, client_id: str, *, access: "BaseSecurity | None" = None, patience: float = 10.0
    ) -> None:
        self._address = address
        self._client_id = client_id
        self._access = access
        self._patience = patience
        self._producer: AIOKafkaProducer | None = None
        self._waiting: deque[tuple[float, asyncio.Future[Any]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._address,
            client_id=self._client_id,
            enable_idempotence=True,
            acks="all",
            request_timeout_ms=int(self._patience * 500),
            max_batch_size=256 * 1024,
            **client_options(self._access),
        )
        try:
            await asyncio.wait_for(self._producer.start(), self._patience)
        except _AWAY as error:
            await self.close()
            raise Unavailable(f"Kafka: {type(error).__name__}") from error

    async def send(self, record: Record) -> asyncio.Future[Any]:
        if self._producer is None:
            raise Unavailable("Kafka: the producer is closed")
        future: asyncio.Future[Any] = await self._producer.send(
            record.topic, record.value, record.key, headers=record.headers
        )
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        while self._waiting and self._waiting[0][1].done():
            self._waiting.popleft()
        self._waiting.append((deadline, future))
        if self._timer is None:
            self._timer = loop.call_at(deadline, self._watch)
        return future

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if producer is None:
            return
        batches = [b for queue in producer._message_accumulator._batches.values() for b in queue]
        producer._message_accumulator.fail_all(ProducerClosed())
        for future in (*(future for _, future in self._waiting), *(b._drain_waiter for b in batches)):
            if future.done() and not future.cancelled():
                # Whoever waited for it may be gone; then its failure is nobody's news.
                future.exception()
        try:
            # A request in flight is still waited for, and trips over its batch being gone.
            with contextlib.suppress(*_AWAY, KeyError):
                await asyncio.wait_for(producer.stop(), self._patience)
        finally:
            await producer.client.close()

    def _watch(self) -> None:
        while self._waiting and self._waiting[0][1].done():
            self._waiting.popleft()
        self._timer = None
        if not self._waiting:
            return
        loop = asyncio.get_running_loop()
        if loop.time() < self._waiting[0][0]:
            self._timer = loop.call_at(self._waiting[0][0], self._watch)
            return
        for _, future in self._waiting:
            if not future.done():
                future.set_exception(Unavailable(f"Kafka: not acknowledged within {self._patience} s"))
        self._waiting.clear()


class KafkaBroker:
    """Kafka at `address`. Looks at offsets over connections that are kept until one fails."""

    def __init__(
        self, address: str, client_id: str, *, access: "BaseSecurity | None" = None, patience: float = 10.0
    ) -> None:
        self._address = address
        self._client_id = client_id
        self._access = access
        self._patience = patience
        self._lookout: tuple[AIOKafkaAdminClient, AIOKafkaConsumer] | None = None
        self._looking = asyncio.Lock()

    def producer(self) -> Producer:
        return KafkaProducer(self._address, self._client_id, access=self._access, patience=self._patience)

    async def follow(self, topic: str) -> AsyncGenerator[Sequence[tuple[bytes | None, bytes | None]], None]:
        consumer = self._consumer(topic)
        try:
            try:
                await asyncio.wait_for(consumer.start(), self._patience)
            except _AWAY as error:
                raise Unavailable(f"Kafka: {type(error).__name__}") from error
            while True:
                batches = await consumer.getmany(timeout_ms=1000)
                yield [(record.key, record.value) for records in batches.values() for record in records]
        finally:
            await consumer.stop()

    async def bounds(self, topics: Collection[str]) -> Mapping[Partition, tuple[int, int]]:
        async with self._looking:
            return await self._look(self._bounds(topics))

    async def committed(self, group: str) -> Mapping[Partition, int]:
        async with self._looking:
            return await self._look(self._committed(group))

    async def close(self) -> None:
        lookout, self._lookout = self._lookout, None
        if lookout is not None:
            for client in (lookout[0].close, lookout[1].stop):
                with contextlib.suppress(*_AWAY):
                    await asyncio.wait_for(client(), self._patience)

    async def _bounds(self, topics: Collection[str]) -> Mapping[Partition, tuple[int, int]]:
        admin, consumer = await self._clients()
        partitions = []
        for found in await admin.describe_topics(list(topics)):
            if found["error_code"]:
                raise Unavailable(f"Kafka: topic {found['topic']} is not there (code {found['error_code']})")
            partitions += [TopicPartition(found["topic"], p["partition"]) for p in found["partitions"]]
        begin = await consumer.beginning_offsets(partitions)
        end = await consumer.end_offsets(partitions)
        return {(p.topic, p.partition): (begin[p], end[p]) for p in partitions}

    async def _committed(self, group: str) -> Mapping[Partition, int]:
        admin, _ = await self._clients()
        offsets = await admin.list_consumer_group_offsets(group)
        return {(p.topic, p.partition): at.offset for p, at in offsets.items() if at.offset >= 0}

    async def _clients(self) -> tuple[AIOKafkaAdminClient, AIOKafkaConsumer]:
        if self._lookout is None:
            admin = AIOKafkaAdminClient(
                bootstrap_servers=self._address,
                client_id=self._client_id,
                request_timeout_ms=int(self._patience * 500),
                **client_options(self._access),
            )
            self._lookout = admin, self._consumer()
            await admin.start()
            await self._lookout[1].start()
        return self._lookout

    async def _look(self, looking: Awaitable[T]) -> T:
        try:
            return await asyncio.wait_for(looking, self._patience)
        except _AWAY as error:
            await self.close()
            raise Unavailable(f"Kafka: {type(error).__name__}") from error

    def _consumer(self, *topics: str) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            *topics,
            bootstrap_servers=self._address,
            client_id=self._client_id,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            request_timeout_ms=int(self._patience * 500),
            # A topic that is made later is found soon.
            metadata_max_age_ms=5000,
            **client_options(self._access),
        )


def to_record(
    prefix: str,
    service: str,
    commit: Commit,
    index: int,
    contract: AnyContract,
    traceparent: str | None = None,
) -> Record:
    """The record of one event of a commit; `traceparent` is that of the span that publishes it.

    Raises:
        ValueError: it is more than Kafka takes; sent, it would fail again and again, and others with it.
    """
    value = contract.__pydantic_serializer__.to_json(contract)
    if len(value) > LARGEST_VALUE:
        raise ValueError(f"{contract.TYPE}: {len(value)} bytes; at most {LARGEST_VALUE} are published")
    event = commit.events[index]
    envelope = Envelope(
        id=event.id,
        type=contract.TYPE,
        source=f"/{commit.municipality}/{service}/{commit.stream}",
        subject=commit.correlation_id or None,
        time=commit.committed_at,
        sequence=commit.first_version + index,
        municipality=commit.municipality,
        correlation_id=commit.correlation_id or None,
        causation_id=commit.causation_id,
        traceparent=traceparent or commit.cause.traceparent,
        stored_at=commit.stored_at,
    )
    return Record(
        topic=f"{prefix}.{contract.TOPIC.format(service=service, municipality=commit.municipality)}",
        key=(commit.correlation_id or commit.stream).encode(),
        value=value,
        headers=envelope.headers(),
    )
