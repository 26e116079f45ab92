"""Kafka in: FastStream fetches batches of raw records; what is done with them, `Member`, knows nothing of FastStream."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from faststream.kafka import KafkaBroker
from faststream.security import BaseSecurity

from chassis.batches import consume
from chassis.careful import Careful
from chassis.clock import Clock
from chassis.crash import NEVER, CrashPoints
from chassis.ending import told_to_end
from chassis.errors import Unavailable
from chassis.fetching import Fetched, make_subscriber, raw_records
from chassis.held import HeldMessages
from chassis.member import Member, Surroundings
from chassis.reacting import (
    Message,
    Parse,
    Raw,
    Reaction,
    Subscription,
    deciding,
)
from chassis.telemetry import Metrics, Tracing

__all__ = [
    "Consumers",
    "Message",
    "Raw",
    "Reaction",
    "Subscription",
    "consume",
    "deciding",
    "make_subscriber",
]

_TICK = 1.0
_COUNT = 10.0
_LONGER = 10  # times `batch_timeout_ms`
_STUCK = 60.0  # a consumer that has not polled for so long, with no batch in hand, is started anew
_log = logging.getLogger("chassis.consuming")


class Consumers:
    """The consumers of a process, one per subscription. They start while Kafka is away, and go on trying.

    `lasting`: the replica is expected back when it stops, so its partitions wait for it (a session time-out long).
    """

    def __init__(
        self,
        subscriptions: Sequence[Subscription],
        *,
        kafka: str,
        access: BaseSecurity | None = None,
        prefix: str,
        replica: str,
        session_timeout_ms: int,
        parse: Parse,
        held: HeldMessages,
        clock: Clock,
        tracing: Tracing,
        metrics: Metrics,
        crash: CrashPoints = NEVER,
        lasting: bool = True,
    ) -> None:
        self.subscriptions = subscriptions
        self.kafka = kafka
        self.access = access
        self.prefix = prefix
        self.replica = replica
        self.session_timeout_ms = session_timeout_ms
        self.held = held
        self.clock = clock
        self.metrics = metrics
        self.lasting = lasting
        around = Surroundings(parse, held, clock, tracing, metrics, crash)
        self._consumers = [_Consumer(Member(subscription, around), self) for subscription in subscriptions]

    async def run(self) -> None:
        """Consume until cancelled; then finish the batches in hand, commit, leave."""
        async with asyncio.TaskGroup() as group:
            for consumer in self._consumers:
                group.create_task(consumer.run())
            group.create_task(self._count_held())

    async def _count_held(self) -> None:
        while True:
            with contextlib.suppress(Unavailable):
                self.metrics.held_messages(await self.held.count())
            await self.clock.sleep(_COUNT)

    def last_poll_age(self) -> float:
        """Real seconds since the consumer that polled longest ago did; 0.0 while none has. For liveness."""
        now = self.clock.monotonic()
        return max((now - c.polled_at for c in self._consumers if c.polled_at is not None), default=0.0)

    def connected(self) -> bool:
        """Has every consumer joined its group?"""
        return all(consumer.polled_at is not None for consumer in self._consumers)


class _Consumer(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """One member of a group, and its FastStream."""

    def __init__(self, member: Member, shared: Consumers) -> None:
        self.polled_at: float | None = None
        self._member = member
        self._shared = shared
        self._kafka: Any = None
        self._careful: Careful | None = None

    @property
    def _group(self) -> str:
        return self._member.subscription.group

    async def run(self) -> None:
        clock = self._shared.clock
        pause = 1.0
        while not told_to_end():
            broker: KafkaBroker | None = None
            try:
                if self._member.subscription.now:
                    self._member.subscription = await self._member.subscription.now()
                broker = self._broker()
                await broker.connect()
                broker.config.broker_config.builder = partial(
                    self._built, broker.config.broker_config.builder
                )
                await broker.start()
                pause = 1.0
                await self._tend()
            except KafkaError as error:
                _log.warning("consumer %s: Kafka: %s", self._group, type(error).__name__)
            except Unavailable as error:
                _log.warning("consumer %s: %s", self._group, error)
            except (Exception, asyncio.CancelledError):
                if told_to_end():
                    raise
                _log.exception("consumer %s: started anew", self._group)
            finally:
                await self._stop(broker)
            if not told_to_end():
                await clock.sleep(pause)
            pause = min(pause * 2, 15.0)

    async def _tend(self) -> None:
        """What is to be done beside the batches; returns when the consumer has to be started anew."""
        subscription = self._member.subscription
        while not self._stuck() and not told_to_end():
            await self._shared.clock.sleep(_TICK)
            try:
                now = await subscription.now() if subscription.now else subscription
                if now.group != subscription.group:
                    _log.info("consumer %s moves to %s", subscription.group, now.group)
                    return
                await self._member.tend()
                await self._measure()
            except Unavailable as error:
                _log.warning("consumer %s: %s", subscription.group, error)

    def _stuck(self) -> bool:
        if self.polled_at is None or self._member.busy:
            return False
        return self._shared.clock.monotonic() - self.polled_at > _STUCK

    async def _measure(self) -> None:
        for tp in self._kafka.assignment():
            with contextlib.suppress(KafkaError, TimeoutError):  # taken away, or its offset being looked for
                end = self._kafka.highwater(tp)
                if end is None:
                    continue
                behind = max(0, end - await asyncio.wait_for(self._kafka.position(tp), 1.0))
                self._shared.metrics.consumer_lag(self._group, tp.topic, tp.partition, behind)

    async def _stop(self, broker: KafkaBroker | None) -> None:
        self.polled_at = None
        self._member.left()
        # aiokafka cancels its fetches and waits for them: where Kafka is away that cancels whoever stops it.
        with contextlib.suppress(KafkaError, asyncio.CancelledError):
            if broker is not None:
                await broker.stop()

    def _broker(self) -> KafkaBroker:
        shared = self._shared
        broker = KafkaBroker(
            shared.kafka,
            security=shared.access,
            client_id=shared.replica,
            consumer_only=True,
            allow_auto_create_topics=False,
            metadata_max_age_ms=15_000,
            graceful_timeout=5.0,
            apply_types=False,
            logger=_of_faststream(),
            log_level=logging.DEBUG,
            parser=self._parse_batch,
            decoder=raw_records,
        )
        make_subscriber(
            broker,
            self._member.subscription,
            prefix=shared.prefix,
            replica=shared.replica if shared.lasting else None,
            session_timeout_ms=shared.session_timeout_ms,
            listener=self,
        )(self._handle)
        return broker

    def _built(self, build: Callable[..., Any], **options: Any) -> Any:
        """FastStream's consumer, whose polls are seen (empty ones never reach a handler) and that commits when it stops."""
        self._member.client = self._kafka = kafka = build(**options)
        self._careful = Careful(kafka)
        fetch = kafka.getmany

        async def getmany(*partitions: TopicPartition, timeout_ms: int, max_records: int | None) -> Any:
            # FastStream sleeps after an empty poll, for `batch_timeout_ms`: so we wait inside the poll instead.
            records = await fetch(*partitions, timeout_ms=timeout_ms * _LONGER, max_records=max_records)
            self.polled_at = self._shared.clock.monotonic()
            return records

        leave = kafka.stop

        async def stop() -> None:
            await self._member.leave()
            await leave()

        kafka.getmany, kafka.stop = getmany, stop
        return kafka

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        await self._member.revoked()
        for tp in revoked:
            self._shared.metrics.consumer_lag(self._group, tp.topic, tp.partition, 0)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._member.assigned()
        if self._careful is not None:
            self._careful.assigned()

    async def _parse_batch(self, records: tuple[Any, ...]) -> Fetched:
        # FastStream's own parser decodes every header: one that is null or not UTF-8 takes its whole batch along.
        return Fetched(body=b"", raw_message=records, consumer=self._kafka)

    async def _handle(self, records: tuple[Any, ...]) -> None:
        member, clock = self._member, self._shared.clock
        raws = [
            Raw(r.topic, r.partition, r.offset, r.key, r.value, tuple(r.headers), r.timestamp)
            for r in records
        ]
        await member.handle(raws)
        pause = member.began_at + member.subscription.pace.after(len(records)) - clock.monotonic()
        if pause > 0:
            await clock.sleep(pause)


def _of_faststream() -> logging.Logger:
    # It warns at every start that topics are not created automatically, which is what we want.
    logger = logging.getLogger("chassis.fetching")
    logger.setLevel(logging.ERROR)
    return logger
