"""Reacting to messages: what one is, what a reaction is, how a failure is retried and named (decision 3, 4)."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from lofte_events import Contract, Envelope, MalformedRecordError

from chassis.clock import Clock
from chassis.database import translated
from chassis.errors import Conflict, LofteError, Unavailable
from chassis.settings import Role

_A_RECORD = 0.01
LARGEST_BATCH = 500
RESTING = 5.0
"""Real seconds from batch to batch of a reader that gives way."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Real seconds from the beginning of a batch to that of the next: `least`, and up to `most` the more there was in it.

    What comes meanwhile is handled together, and a case's facts may become one write instead of three: the price of a
    batch hardly depends on its size. So a reader lags `most` behind under load, and `least` when there is little to do;
    a backlog is read without rest. `gives_way`: whether the process has more urgent work just now.
    """

    least: float
    most: float
    gives_way: Callable[[], bool] = lambda: False

    def after(self, records: int) -> float:
        """For a batch of so many records."""
        if self.gives_way():
            return RESTING
        if records >= LARGEST_BATCH:
            return 0.0
        return min(self.most, max(self.least, records * _A_RECORD))


PACE = Pace(0.03, 0.06)
"""Of a reader for which somebody waits."""

Lane = tuple[str, bytes]
"""Topic and key: what is held together, because it must stay in order."""

PAUSES = (0.05, 0.25, 1.0)
"""Real seconds between attempts at a retryable failure; after the last it is held, or the database is away."""


@dataclass(frozen=True, slots=True)
class Message:
    """A record of a known type. `traceparent` is that of the span in which it is handled."""

    envelope: Envelope
    contract: Contract
    traceparent: str | None


UNREADABLE = (("unreadable", None),)
"""The headers of what stands in the place of a record that the Kafka client cannot read."""


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
Parse = Callable[[Raw], tuple[Envelope, Contract] | None]
"""How a record is read; None: its type is unknown. Raises MalformedRecordError."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """Who reads what: a consumer group, the publishing services (topics are `{prefix}.{service}`), the reaction.

    `now` is for views that are rebuilt: asked each second for the subscription as it should be; another group in
    its answer moves the consumer there. `parse` is for records that are none of ours: how they are read
    instead. `role`: the processes that read it.
    """

    group: str
    services: Sequence[str]
    reaction: Reaction
    now: Callable[[], Awaitable["Subscription"]] | None = None
    pace: Pace = PACE
    parse: Parse | None = None
    role: Role = "consumer"


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


def deciding(handle: Handler) -> Reaction:
    """The reaction of a decider: one by one within a key, keys concurrently, so that they share group commits.

    `handle` passes what it has no use for, and is guarded by `caused_by`.
    """

    async def handle_key(messages: Sequence[Message]) -> Exception | None:
        for message in messages:
            try:
                await handle(message)
            except Exception as error:
                return error
        return None

    async def react(batch: Mapping[bytes, Sequence[Message]]) -> Mapping[bytes, Exception]:
        outcomes = await asyncio.gather(*(handle_key(messages) for messages in batch.values()))
        return {key: error for key, error in zip(batch, outcomes, strict=True) if error is not None}

    return react


def read_message(raw: Raw, parse: Parse) -> Message | None:
    """The message of a record; None where its type is unknown.

    Raises:
        MalformedRecordError: the type is known, and the record is not of its form.
    """
    try:
        parsed = parse(raw)
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
        Unavailable: the database is away, or others were first, even after the last pause: nothing of it is poison.
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
        if isinstance(error, Conflict):
            raise Unavailable(f"other writers were first, {attempts} times") from error
    return failures, attempts


def _retryable(error: Exception) -> bool:
    return isinstance(error, LofteError) and error.retryable


def order_of(raw: Raw) -> bytes:
    """What a record is kept in order with."""
    # A record without a key is in order with nothing.
    return raw.key if raw.key is not None else b"\0%d:%d" % (raw.partition, raw.offset)
