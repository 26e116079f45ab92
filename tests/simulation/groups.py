"""Consumer groups: who reads which partition, and the loop that fetches for a member as FastStream and aiokafka do."""

import asyncio
import contextlib
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, KafkaConnectionError
from chassis.errors import Unavailable
from chassis.fetching import group_id
from chassis.member import Member, Surroundings
from chassis.reacting import LARGEST_BATCH, Raw, Subscription

from .loop import RUNNING_IN

if TYPE_CHECKING:
    from .world import World

PREFIX = "lofte"
SESSION = 6.0
"""Real seconds after which a member that is not heard of loses its partitions."""

_TICK = 1.0


class Group:
    """A consumer group: its members by name, and which of them each partition belongs to."""

    def __init__(self, world: "World", name: str, topics: Collection[str]) -> None:
        self.world = world
        self.name = group_id(PREFIX, name)
        self.partitions = [
            TopicPartition(topic, number)
            for topic in topics
            for number in range(len(world.broker.topics[topic]))
        ]
        self.topics = frozenset(topics)
        self.members: dict[str, Reader] = {}
        self.owner: dict[TopicPartition, str] = {}
        self.generation = 0

    @property
    def committed(self) -> dict[tuple[str, int], int]:
        return self.world.broker.groups[self.name]

    def join(self, reader: "Reader") -> None:
        """A member of the same name is the same member: it takes its partitions over at once."""
        self.members[reader.name] = reader
        self.rebalance()

    def leave(self, reader: "Reader") -> None:
        if self.members.get(reader.name) is reader:
            del self.members[reader.name]
            self.rebalance()
            reader.wake()  # if it lives it finds that it was given up, and joins again

    def rebalance(self) -> None:
        """Deal the partitions out anew. Whoever has a batch in hand is not asked: two may do the same for a while."""
        names = sorted(self.members)
        start = self.world.chance.randrange(len(names)) if names else 0
        self.owner = (
            {tp: names[(start + n) % len(names)] for n, tp in enumerate(self.partitions)} if names else {}
        )
        self.generation += 1
        for name in names:
            self.members[name].wake()

    def behind(self) -> int:
        """How many records are not committed yet."""
        logs, committed = self.world.broker.topics, self.committed
        return sum([len(logs[tp.topic][tp.partition]) for tp in self.partitions]) - sum(committed.values())


class Reader:
    """A member's client: fetches, hands over, commits. A topic's records may be long in coming."""

    def __init__(self, world: "World", subscription: Subscription, around: Surroundings) -> None:
        self.replica = RUNNING_IN.get()
        self.name = self.replica.name if self.replica else "-"
        self._world = world
        self._group = world.group(subscription)
        self._member = Member(subscription, around)
        self._member.client = self
        self._clock = around.clock
        self._generation = -1
        self._mine: frozenset[TopicPartition] = frozenset()
        self._positions: dict[TopicPartition, int] = {}
        self._woken: asyncio.Future[None] | None = None

    def assignment(self) -> frozenset[TopicPartition]:
        return self._mine

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        await self._world.wire.pass_on("kafka", KafkaConnectionError)
        if (
            any(self._group.owner.get(tp) != self.name for tp in offsets)
            or self._generation != self._group.generation
        ):
            raise CommitFailedError("the partitions were taken away")
        self._group.committed.update({(tp.topic, tp.partition): offset for tp, offset in offsets.items()})
        await self._world.wire.pass_on("kafka", KafkaConnectionError)

    async def run(self) -> None:
        """Read until cancelled; then commit, and leave."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read())
                group.create_task(self._tend())
        finally:
            await self._member.leave()
            self._group.leave(self)

    async def _read(self) -> None:
        while True:
            if self._group.members.get(self.name) is not self:
                self._group.join(self)
            if self._generation != self._group.generation:
                await self._change()
                continue  # it may have been given up meanwhile
            raws = self._fetch()
            if not raws:
                await self._news()
                continue
            try:
                await self._member.handle(raws)
            except Unavailable:
                continue  # fetched again
            self._positions.update({TopicPartition(raw.topic, raw.partition): raw.offset + 1 for raw in raws})
            pause = (
                self._member.began_at
                + self._member.subscription.pace.after(len(raws))
                - self._clock.monotonic()
            )
            if pause > 0:
                await self._clock.sleep(pause)

    async def _tend(self) -> None:
        while True:
            await self._clock.sleep(_TICK)
            with contextlib.suppress(Unavailable):
                await self._member.tend()

    async def _change(self) -> None:
        if self._generation >= 0:
            await self._member.revoked()
        self._generation = self._group.generation
        self._mine = frozenset(tp for tp, name in self._group.owner.items() if name == self.name)
        committed = self._group.committed
        # In the group's order, not a set's.
        self._positions = {
            tp: committed.get((tp.topic, tp.partition), 0)
            for tp in self._group.partitions
            if tp in self._mine
        }
        self._member.assigned()

    def _fetch(self) -> Sequence[Raw]:
        world = self._world
        if "kafka" in world.wire.away:
            return ()
        few = world.chance.randrange(1, 4) if world.chance.random() < world.small_batches else LARGEST_BATCH
        found: list[Raw] = []
        for tp, position in self._positions.items():
            if world.stalled(tp.topic):
                continue
            found += world.broker.topics[tp.topic][tp.partition][position : position + few]
        return found

    async def _news(self) -> None:
        self._woken = self._world.loop.create_future()
        await self._woken

    def wake(self) -> None:
        """There is something new."""
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)
