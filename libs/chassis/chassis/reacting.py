"""What happens to a batch of records: effectively once, in order within a case, stopped by no poison (DESIGN 3, 4).

Pure of Kafka: records come in as `Raw`, and whoever fetched them commits their offsets when `consume` returns.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from typing import Any, Protocol

from lofte_events import Contract, Envelope, MalformedRecordError

from chassis.clock import Clock
from chassis.crash import NEVER, CrashPoints
from chassis.database import translated
from chassis.errors import LofteError, Unavailable

Lane = tuple[str, bytes]
"""Topic and key: what is held together, because it must stay in order."""

PAUSES = (0.05, 0.25, 1.0)
"""Real seconds between attempts at a retryable failure; after the last it is held, or the database is away."""

_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Message:
    """A record of a known type. `traceparent` is that of the span in which it is handled."""

    envelope: Envelope
    contract: Contract
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Raw:
    """A record as Kafka gave it. `timestamp` is in milliseconds since 1970."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    timestamp: int

    @property
    def lane(self) -> Lane | None:
        return None if self.key is None else (self.topic, self.key)


Reaction = Callable[[Mapping[bytes, Sequence[Message]]], Awaitable[Mapping[bytes, Exception]]]
"""Handles a batch, by key and in order within it; answers the failures, by key. Safe to repeat."""

Handler = Callable[[Message], Awaitable[None]]
Parse = Callable[[Iterable[tuple[str, bytes | None]], bytes | None], tuple[Envelope, Contract] | None]


@dataclass(frozen=True, slots=True)
class Subscription:
    """Who reads what: a consumer group, the publishing services (topics are `{prefix}.{service}`), the reaction.

    `now` is for views that are rebuilt: asked each second for the subscription as it should be; another group in
    its answer moves the consumer there.
    """

    group: str
    services: Sequence[str]
    reaction: Reaction
    now: Callable[[], Awaitable["Subscription"]] | None = None


class Tracing(Protocol):
    def span(self, name: str, parent: str | None, **attributes: Any) -> AbstractContextManager[str]: ...


class ConsumerMetrics(Protocol):
    """What is counted of consuming; `telemetry.Metrics` has it."""

    def records_processed(self, group: str, topic: str, count: int) -> None: ...

    def unknown_type(self, group: str, topic: str) -> None: ...

    def message_held(self, group: str, topic: str) -> None: ...

    def held_messages(self, count: int) -> None: ...

    def consumer_lag(self, group: str, topic: str, partition: int, records: int) -> None: ...


class HeldStore(Protocol):
    """Where messages are set aside; `held.HeldMessages` on MongoDB, or the tests' fake."""

    async def held_lanes(self, group: str, lanes: Collection[Lane]) -> set[Lane]:
        """Those of `lanes` whose messages have to wait."""
        ...

    async def hold(self, group: str, raw: Raw, reason: str, attempts: int) -> bool:
        """Set a failed message aside, and its lane with it; False when this very record was resolved before."""
        ...

    async def hold_behind(self, group: str, raw: Raw, reason: str) -> bool:
        """Set a message aside if its lane is still held; False: it was released meanwhile, process it."""
        ...


def deciding(handlers: Mapping[type[Contract], Handler], tracing: Tracing) -> Reaction:
    """The reaction of a decider: one by one within a key, keys concurrently, so that they share group commits.

    A contract without a handler is passed. Handlers are guarded by `caused_by`.
    """

    async def handle_key(messages: Sequence[Message]) -> Exception | None:
        for message in messages:
            handler = handlers.get(type(message.contract))
            if handler is None:
                continue
            try:
                with tracing.span(getattr(handler, "__name__", "handle"), message.traceparent) as traceparent:
                    await handler(replace(message, traceparent=traceparent))
            except Exception as error:
                return error
        return None

    async def react(batch: Mapping[bytes, Sequence[Message]]) -> Mapping[bytes, Exception]:
        outcomes = await asyncio.gather(*(handle_key(messages) for messages in batch.values()))
        return {key: error for key, error in zip(batch, outcomes, strict=True) if error is not None}

    return react


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
    metrics: ConsumerMetrics,
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


def read_message(raw: Raw, parse: Parse) -> Message | None:
    """The message of a record; None where its type is unknown.

    Raises:
        MalformedRecordError: the type is known, and the record is not of its form.
    """
    try:
        parsed = parse(raw.headers, raw.value)
    except MalformedRecordError:
        raise
    except Exception as error:
        # Whatever else a wild record makes the reader stumble over; its text could carry the record's values.
        raise MalformedRecordError(f"unreadable: {type(error).__name__}") from None
    return None if parsed is None else Message(*parsed, traceparent=parsed[0].traceparent)


def reason_of(error: Exception) -> str:
    """Why a message is held, for people. Only our own sentences: another error's text could carry personal data."""
    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, LofteError | MalformedRecordError) else name


async def react_safely(
    reaction: Reaction, batch: Mapping[bytes, Sequence[Message]]
) -> Mapping[bytes, Exception]:
    """The failures by key, also when the reaction as a whole fails; the driver's errors in our words."""
    try:
        failures = await reaction(batch)
    except Exception as error:
        failures = dict.fromkeys(batch, error)
    return {key: translated(error) for key, error in failures.items()}


async def attempt(
    reaction: Reaction, batch: Mapping[bytes, Sequence[Message]], clock: Clock
) -> tuple[Mapping[bytes, Exception], int]:
    """React, retry what is retryable with bounded back-off; the failures that remain, and how often it was tried.

    Raises:
        Unavailable: the database is away, even after the last pause.
    """
    attempts = 1
    failures = await react_safely(reaction, batch)
    for pause in PAUSES:
        if not any(_retryable(error) for error in failures.values()):
            break
        await clock.sleep(pause)
        batch = {key: batch[key] for key in failures}
        failures = await react_safely(reaction, batch)
        attempts += 1
    for error in failures.values():
        if isinstance(error, Unavailable):
            raise error
    return failures, attempts


def _retryable(error: Exception) -> bool:
    return isinstance(error, LofteError) and error.retryable


def order_of(raw: Raw) -> bytes:
    """What a record is kept in order with."""
    # A record without a key is in order with nothing.
    return raw.key if raw.key is not None else b"\0%d:%d" % (raw.partition, raw.offset)


def _read(
    raw: Raw, group: str, parse: Parse, tracing: Tracing, metrics: ConsumerMetrics, spans: ExitStack
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
    metrics: ConsumerMetrics
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
