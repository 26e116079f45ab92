"""One batch of records: the healthy keys all at once, those with trouble one message at a time (decision 4).

Pure of Kafka: records come in as `Raw`, and whoever fetched them commits their offsets when `consume` returns.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from lofte_events import MalformedRecordError

from chassis.clock import Clock
from chassis.crash import NEVER, CrashPoints
from chassis.reacting import (
    HeldStore,
    Lane,
    Message,
    Parse,
    Raw,
    Reaction,
    attempt,
    order_of,
    read_message,
    reason_of,
)
from chassis.telemetry import Metrics, Tracing

_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class _Item:
    """A record of a known type: its message, or what is wrong with it."""

    raw: Raw
    message: Message | None
    fault: Exception | None


async def consume(
    raws: Sequence[Raw],
    *,
    group: str,
    reaction: Reaction,
    parse: Parse,
    held: HeldStore,
    clock: Clock,
    tracing: Tracing,
    metrics: Metrics,
    crash: CrashPoints = NEVER,
) -> None:
    """Handle a batch. When this returns every record's work is stored, or the record is held, or its type unknown.

    Raises:
        Unavailable: the database is away; nothing of the batch may be committed, all of it is safe to repeat.
    """
    batch = _Batch(group, reaction, held, clock, metrics, crash)
    with ExitStack() as spans:
        by_key: dict[bytes, list[_Item]] = {}
        for raw in raws:
            item = _read(raw, group, parse, tracing, metrics, spans)
            if item is not None:
                by_key.setdefault(order_of(raw), []).append(item)
        if by_key:
            await batch.handle(by_key)
    for topic in {raw.topic for raw in raws}:
        metrics.records_processed(group, topic, sum(raw.topic == topic for raw in raws))


def _read(
    raw: Raw, group: str, parse: Parse, tracing: Tracing, metrics: Metrics, spans: ExitStack
) -> _Item | None:
    try:
        message = read_message(raw, parse)
    except MalformedRecordError as fault:
        return _Item(raw, None, fault)
    if message is None:
        metrics.unknown_type(group, raw.topic)
        return None
    envelope = message.envelope
    span = tracing.span(
        f"{group} {envelope.type}",
        envelope.traceparent,
        topic=raw.topic,
        partition=raw.partition,
        offset=raw.offset,
        event=envelope.id,
    )
    return _Item(raw, replace(message, traceparent=spans.enter_context(span)), None)


@dataclass(frozen=True, slots=True)
class _Batch:
    group: str
    reaction: Reaction
    held: HeldStore
    clock: Clock
    metrics: Metrics
    crash: CrashPoints

    async def handle(self, by_key: Mapping[bytes, Sequence[_Item]]) -> None:
        """The healthy keys all at once; those with trouble one message at a time."""
        lanes = {lane for items in by_key.values() for item in items if (lane := item.raw.lane)}
        waiting = await self.held.held_lanes(self.group, lanes)
        healthy = {
            key: [item.message for item in items if item.message is not None]
            for key, items in by_key.items()
            if not any(item.fault or item.raw.lane in waiting for item in items)
        }
        troubled = set(by_key) - set(healthy)
        if healthy:
            failures, _ = await attempt(self.reaction, healthy, self.clock)
            troubled |= set(failures)
        if troubled:
            turns = asyncio.Semaphore(_AT_ONCE)
            outcomes = await asyncio.gather(
                *(self._one_by_one(key, by_key[key], waiting, turns) for key in by_key if key in troubled),
                return_exceptions=True,
            )
            for outcome in outcomes:
                if isinstance(outcome, BaseException):
                    raise outcome

    async def _one_by_one(
        self, key: bytes, items: Sequence[_Item], waiting: Collection[Lane], turns: asyncio.Semaphore
    ) -> None:
        async with turns:
            blocked = {lane[0] for lane in waiting if lane[1] == key}
            for item in items:
                topic = item.raw.topic
                if topic in blocked:
                    reason = reason_of(item.fault) if item.fault else "behind a held message"
                    if await self.held.hold_behind(self.group, item.raw, reason):
                        self._was_held(topic)
                        continue
                    blocked.discard(topic)
                failure, attempts = item.fault, 1
                if item.message is not None:
                    failures, attempts = await attempt(self.reaction, {key: [item.message]}, self.clock)
                    failure = failures.get(key)
                if failure is not None and await self.held.hold(
                    self.group, item.raw, reason_of(failure), attempts
                ):
                    self._was_held(topic)
                    if item.raw.lane:
                        blocked.add(topic)

    def _was_held(self, topic: str) -> None:
        self.metrics.message_held(self.group, topic)
        self.crash.passed("held")
