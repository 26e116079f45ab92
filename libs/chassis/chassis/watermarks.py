"""Watermarks: up to when all that a service stored is published; and the barrier that promises are judged behind.

A watermark T of a service says: every commit with `stored_at` at or before T is on its topic. T is domain time.
"""

import asyncio
import json
from collections.abc import Collection
from contextlib import aclosing
from datetime import datetime, timedelta

import structlog
from lofte_events import MalformedRecordError, format_time, parse_time

from chassis.broker import Broker, Partition, Producer, Record
from chassis.clock import Clock
from chassis.ending import told_to_end
from chassis.errors import Unavailable
from chassis.fetching import group_id
from chassis.lease import Leadership
from chassis.outbox import Observation, Outbox

EVERY = 1.0
_MARGIN = timedelta(seconds=1)
# Timers may ring a little early.
_APART = 0.9 * EVERY
_SLOW_INSERT = 0.5 * EVERY
_JUST_BEFORE = timedelta(milliseconds=1)
_LOOK_EVERY = 0.25

_log = structlog.get_logger()


def topic_of(prefix: str) -> str:
    """The compacted topic that all services' watermarks are on, keyed by service."""
    return f"{prefix}.watermarks"


class WatermarkPublisher:
    """Publishes the watermark of a service each real second, while the lease is held."""

    def __init__(
        self, outbox: Outbox, broker: Broker, lease: Leadership, clock: Clock, *, prefix: str, service: str
    ) -> None:
        self._outbox = outbox
        self._broker = broker
        self._lease = lease
        self._clock = clock
        self._topic = topic_of(prefix)
        self._service = service
        self._earlier: tuple[float, Observation] | None = None
        self._published: datetime | None = None

    async def run(self) -> None:
        """Publish until cancelled. A failure is logged and begins anew: a watermark that is late harms nothing."""
        producer: Producer | None = None
        try:
            while True:
                try:
                    at = await self.advance() if self._lease.held() else None
                    if at is not None and at != self._published:
                        if producer is None:
                            producer = self._broker.producer()
                            await producer.start()
                        await (await producer.send(self._record(at)))
                        self._published = at
                except (Exception, asyncio.CancelledError) as error:
                    if told_to_end():
                        raise
                    _log.warning("no watermark", exc_info=error)
                    self._earlier = None
                    if producer is not None:
                        await producer.close()
                        producer = None
                await self._clock.sleep(EVERY)
        finally:
            if producer is not None:
                await producer.close()

    async def advance(self) -> datetime | None:
        """Look at the log; the watermark, or None while there is none to be sure of.

        A commit gets its `stored_at` when its insert begins and is seen only when that is done, so what is seen now
        says nothing about the last moment. Hence T is an operation time that an *earlier* look told, a second ago,
        less another second, if no insert is that slow, and less than whatever is still unpublished.
        """
        looked_at = self._clock.monotonic()
        earlier, seen = self._earlier, await self._outbox.observe()
        if earlier is None:
            self._earlier = (looked_at, seen)
            return None
        if looked_at - earlier[0] < _APART or seen.slowest_insert >= _SLOW_INSERT:
            # The earlier operation time stays the candidate until the slow insert is seen, or gone.
            return None
        self._earlier = (looked_at, seen)
        real = earlier[1].operation_time - _MARGIN
        if seen.least is not None:
            real = min(real, seen.least - _JUST_BEFORE)
        return self._clock.to_domain(real)

    def _record(self, at: datetime) -> Record:
        value = json.dumps({"service": self._service, "at": format_time(at)}).encode()
        return Record(self._topic, self._service.encode(), value, [("content-type", b"application/json")])


class WatermarkReader:
    """The watermarks of all services, as far as they were read; never back."""

    def __init__(self, broker: Broker, prefix: str, clock: Clock) -> None:
        self._broker = broker
        self._topic = topic_of(prefix)
        self._clock = clock
        self._at: dict[str, datetime] = {}

    def of(self, service: str) -> datetime | None:
        """The watermark of a service in domain time; None: not heard of yet."""
        return self._at.get(service)

    async def run(self) -> None:
        """Follow the topic until cancelled; again after a second where Kafka is away."""
        while True:
            try:
                async with aclosing(self._broker.follow(self._topic)) as batches:
                    async for batch in batches:
                        for _, value in batch:
                            self._read(value)
            except Unavailable as error:
                _log.warning("watermarks cannot be read, will be tried again", exc_info=error)
            await self._clock.sleep(EVERY)

    def _read(self, value: bytes | None) -> None:
        try:
            told = json.loads(value or b"{}")
            service, at = str(told["service"]), parse_time("at", str(told["at"]))
        except (ValueError, KeyError, TypeError, MalformedRecordError):
            return
        # A relay that woke up late tells an old one: as true as ever, but less.
        self._at[service] = max(at, self._at.get(service, at))


class Barrier:
    """How far `group` has surely handled all that `services` stored: what `safe` says is passed cannot come any more.

    Only when the services' watermarks have passed a moment, and the group's committed offsets have passed the end
    offsets that were fetched *after* those watermarks were read, is that moment safe.
    """

    def __init__(
        self,
        watermarks: WatermarkReader,
        broker: Broker,
        clock: Clock,
        *,
        prefix: str,
        services: Collection[str],
        group: str,
    ) -> None:
        self._watermarks = watermarks
        self._broker = broker
        self._clock = clock
        self._topics = [f"{prefix}.{service}" for service in services]
        self._services = services
        self._group = group_id(prefix, group)
        self._safe: datetime | None = None
        self._awaited: tuple[datetime, dict[Partition, int]] | None = None

    def safe(self) -> datetime | None:
        """Everything stored at or before this moment of domain time is handled; None: not known yet."""
        return self._safe

    async def run(self) -> None:
        """Advance until cancelled."""
        while True:
            try:
                await self.advance()
            except Unavailable as error:
                _log.warning("the barrier stands still", exc_info=error)
            await self._clock.sleep(_LOOK_EVERY)

    async def advance(self) -> None:
        """Take one look. Raises Unavailable."""
        if self._awaited is None:
            known = [at for service in self._services if (at := self._watermarks.of(service)) is not None]
            if len(known) < len(self._services) or (self._safe is not None and min(known) <= self._safe):
                return
            bounds = await self._broker.bounds(self._topics)
            ends = {partition: end for partition, (begin, end) in bounds.items() if end > begin}
            self._awaited = (min(known), ends)
        at, ends = self._awaited
        committed = await self._broker.committed(self._group)
        if all(committed.get(partition, 0) >= end for partition, end in ends.items()):
            self._safe, self._awaited = at, None
