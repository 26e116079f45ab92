"""A member of a consumer group: what is done with batches, offsets, held lanes and replays, whoever fetched the records."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Protocol

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from chassis.batches import consume
from chassis.clock import Clock
from chassis.crash import NEVER, CrashPoints
from chassis.held import HeldMessages
from chassis.lanes import KnownLanes
from chassis.reacting import Parse, Raw, Subscription
from chassis.replaying import replay
from chassis.telemetry import Metrics, Tracing

PAUSE = 1.0
"""Real seconds before a batch is fetched again that could not be taken."""

_GRACE = 2.0  # for the batch in hand, and its commit, when its partitions are taken away
_PATIENCE = 5.0  # with a commit
_COMMIT_EVERY = 0.25  # offsets; what is not committed yet comes again after a crash, and is passed
_log = logging.getLogger("chassis.consuming")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all members of a process share."""

    parse: Parse
    held: HeldMessages
    clock: Clock
    tracing: Tracing
    metrics: Metrics
    crash: CrashPoints = NEVER


class Client(Protocol):
    """What a member needs of its Kafka client."""

    def assignment(self) -> Set[TopicPartition]:
        """The partitions that are ours now."""
        ...

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Raises KafkaError; may take for ever while Kafka is away."""
        ...


class Member:
    """One subscription's work. The lock is held while a batch, or a replay, is in hand.

    `client` is set by whoever connects it, before anything else is called.
    """

    def __init__(self, subscription: Subscription, around: Surroundings) -> None:
        self.subscription = subscription
        self.client: Any = None
        self._around = around
        self._lock = asyncio.Lock()
        self._done: dict[TopicPartition, int] = {}  # handled, not yet committed
        self._committed_at = self.began_at = 0.0
        self._lanes = KnownLanes(around.held)

    @property
    def busy(self) -> bool:
        return self._lock.locked()

    async def handle(self, raws: Sequence[Raw]) -> None:
        """Handle a batch, and commit its offsets with the next commit.

        Raises:
            Exception: mostly Unavailable, the database is away; the batch is to be fetched again, a pause has passed.
        """
        around = self._around
        async with self._lock:
            self.began_at = around.clock.monotonic()
            try:
                await consume(
                    raws,
                    group=self.subscription.group,
                    reaction=self.subscription.reaction,
                    parse=self.subscription.parse or around.parse,
                    held=self._lanes,
                    clock=around.clock,
                    tracing=around.tracing,
                    metrics=around.metrics,
                    crash=around.crash,
                )
            except Exception:
                await around.clock.sleep(PAUSE)
                raise
            self._done |= {TopicPartition(raw.topic, raw.partition): raw.offset + 1 for raw in raws}
            if self.began_at >= self._committed_at + _COMMIT_EVERY:
                await self._commit(_PATIENCE)

    async def tend(self) -> None:
        """What is to be done each second beside the batches. Raises Unavailable."""
        async with self._lock:
            await self._commit(_PATIENCE)
            await self._lanes.look(self.subscription.group)
            piles = await self._around.held.wanted(self.subscription.group)
        for pile in piles:
            # Batches are handled between two, however much there is to replay.
            async with self._lock:
                await replay(
                    pile,
                    lambda topic, partition: TopicPartition(topic, partition) in self.client.assignment(),
                    reaction=self.subscription.reaction,
                    parse=self.subscription.parse or self._around.parse,
                    held=self._around.held,
                    clock=self._around.clock,
                )

    async def revoked(self) -> None:
        """Partitions are being taken away: the batch in hand is finished and committed first, so that the next owner
        does not do it again."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE), self._lock:
                await self._commit(_PATIENCE)

    def assigned(self) -> None:
        """The partitions changed."""
        self._done = {}
        self._lanes.forget()

    async def leave(self) -> None:
        """Commit, before the client stops."""
        await self._commit(_GRACE)

    def left(self) -> None:
        """The client has stopped."""
        self._lanes.forget()

    async def _commit(self, patience: float) -> None:
        """Commit the offsets of what was handled."""
        assigned = self.client.assignment()
        self._done = {tp: offset for tp, offset in self._done.items() if tp in assigned}
        if not self._done:
            return
        self._committed_at = self._around.clock.monotonic()
        try:
            # aiokafka would try for ever while Kafka is away.
            await asyncio.wait_for(self.client.commit(self._done), patience)
        except (KafkaError, TimeoutError) as error:
            # No harm: they come again, or go with the next commit.
            _log.warning("consumer %s: not committed: %s", self.subscription.group, type(error).__name__)
        else:
            self._done = {}
            self._around.crash.passed("offset-committed")
