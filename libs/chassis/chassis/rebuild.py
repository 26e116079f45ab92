"""Views that can be built anew beside the live one, and the pointer that says which one is live (decision 7)."""

import asyncio
import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pymongo import IndexModel, ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase

from chassis.broker import Broker, Partition
from chassis.clock import Clock
from chassis.consuming import Consumers
from chassis.crash import NEVER, CrashPoints
from chassis.database import durable, translating
from chassis.errors import RuleViolation, Unavailable
from chassis.fetching import group_id
from chassis.held import HeldMessages
from chassis.reacting import PACE, Message, Pace, Subscription
from chassis.views import Project, View, by_case

Rows = AsyncCollection[dict[str, Any]]
_EVERY = 1.0


class LiveView:
    """A view by versions: group `{service}.{name}.v{n}`, collection `{name}_v{n}`; one document in `views` points.

    `rows` is the live collection as last read; `follow` keeps it so in every process that queries or consumes.
    `pace`: a view that nobody waits for may take its time.
    """

    def __init__(
        self,
        database: AsyncDatabase[dict[str, Any]],
        service: str,
        name: str,
        services: Sequence[str],
        project: Project,
        key: Callable[[Message], str | None] = by_case,
        *,
        indexes: Sequence[IndexModel] = (),
        pace: Pace = PACE,
        crash: CrashPoints = NEVER,
    ) -> None:
        self.name = name
        self.services = services
        self.version = 1
        self._database = database
        self._service = service
        self._project = project
        self._key = key
        self._indexes = indexes
        self._pace = pace
        self._crash = crash
        self._pointers = durable(database["views"])

    @property
    def rows(self) -> Rows:
        """The collection to query now."""
        return self.rows_of(self.version)

    def rows_of(self, version: int) -> Rows:
        return self._database[f"{self.name}_v{version}"]

    def group_of(self, version: int) -> str:
        return f"{self._service}.{self.name}.v{version}"

    def subscription_of(self, version: int) -> Subscription:
        view = View(self.rows_of(version), self._project, self._key, crash=self._crash)
        return Subscription(self.group_of(version), self.services, view.reaction, pace=self._pace)

    @property
    def subscription(self) -> Subscription:
        """The live version's; its consumer follows the pointer."""
        return replace(self.subscription_of(self.version), now=self._now)

    async def _now(self) -> Subscription:
        await self.refresh()
        return self.subscription

    async def prepare(self) -> None:
        """Read the pointer and make the indexes; safe to repeat."""
        await self.refresh()
        await self.make_indexes(self.version)

    async def make_indexes(self, version: int) -> None:
        with translating():
            if self._indexes:
                await self.rows_of(version).create_indexes(self._indexes)

    async def refresh(self) -> None:
        """Read the pointer."""
        with translating():
            pointer = await self._pointers.find_one({"_id": self.name})
        self.version = pointer["live"] if pointer else 1

    async def follow(self, clock: Clock) -> None:
        """Read the pointer each second, for ever."""
        while True:
            with contextlib.suppress(Unavailable):
                await self.refresh()
            await clock.sleep(_EVERY)

    async def begin(self) -> int:
        """The number of a version that nobody has used."""
        begun = {"live": {"$ifNull": ["$live", 1]}, "last": {"$add": [{"$ifNull": ["$last", 1]}, 1]}}
        with translating():
            pointer: Any = await self._pointers.find_one_and_update(
                {"_id": self.name}, [{"$set": begun}], upsert=True, return_document=ReturnDocument.AFTER
            )
        self.version = pointer["live"]
        return int(pointer["last"])

    async def drop_others(self, held: HeldMessages) -> None:
        """Drop what earlier rebuilds left: the versions that are not live."""
        with translating():
            for collection in await self._database.list_collection_names():
                number = re.fullmatch(rf"{re.escape(self.name)}_v(\d+)", collection)
                if number and int(number[1]) != self.version:
                    await self._database.drop_collection(collection)
                    await held.forget(self.group_of(int(number[1])))

    async def switch(self, version: int) -> None:
        """Make a version the live one. Raises RuleViolation when another rebuild began meanwhile: it dropped ours."""
        ours = {"_id": self.name, "live": self.version, "last": version}
        with translating():
            done = await self._pointers.update_one(ours, {"$set": {"live": version}})
        if done.matched_count != 1:
            raise RuleViolation("view-switched", f"{self.name}: another rebuild began meanwhile")
        self.version = version


async def rebuild(
    view: LiveView,
    *,
    broker: Broker,
    consumers: Callable[[Sequence[Subscription]], Consumers],
    held: HeldMessages,
    prefix: str,
    clock: Clock,
    tell: Callable[[str], None],
    republished: bool = False,
) -> int:
    """Build a view anew from the topics, beside the live one, and switch; answers the new version.

    The version before is kept until the next rebuild. `consumers` makes consumers that leave their groups at once.
    `republished`: facts that were gone from a topic have been sent again.

    Raises:
        RuleViolation: facts are gone from a topic, or another rebuild was first.
        Unavailable: Kafka or MongoDB is away at the start.
    """
    bounds = await broker.bounds([f"{prefix}.{service}" for service in view.services])
    gone = sorted(
        {topic.removeprefix(f"{prefix}.") for (topic, _), (begin, _) in bounds.items() if begin > 0}
    )
    if gone and not republished:
        remedy = "; ".join(f"lofte republish {service}" for service in gone)
        raise RuleViolation(
            "facts-gone",
            f"The topics of {', '.join(gone)} have lost their beginning: first run {remedy}, then rebuild --republished.",
        )
    version = await view.begin()
    await view.drop_others(held)
    await view.make_indexes(version)
    tell(f"{view.name}: building v{version} beside v{view.version}")
    running = asyncio.create_task(consumers([view.subscription_of(version)]).run())
    try:
        while not running.done() and not await _passed(view, version, bounds, broker, prefix, tell):
            await clock.sleep(_EVERY)
        if running.done():
            await running
        replaced = view.version
        await view.switch(version)
        # Nobody reads in that group any more: what it holds would be counted for ever and never replayed.
        await held.forget(view.group_of(replaced))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    waiting = await held.count(view.group_of(version))
    tell(f"{view.name}: v{version} is live; {waiting} of its messages are held")
    return version


async def _passed(
    view: LiveView,
    version: int,
    bounds: Mapping[Partition, tuple[int, int]],
    broker: Broker,
    prefix: str,
    tell: Callable[[str], None],
) -> bool:
    """Has the new group passed the live one's offsets, and where the topics ended at the start?

    The live group alone would not do: Kafka forgets the offsets of a group that was away for long.
    """
    try:
        live = await broker.committed(group_id(prefix, view.group_of(view.version)))
        built = await broker.committed(group_id(prefix, view.group_of(version)))
    except Unavailable as error:
        tell(f"{view.name}: waiting: {error}")
        return False
    goals = {partition: max(end, live.get(partition, 0)) for partition, (_, end) in bounds.items()}
    # It begins where a partition begins; one that has lost all that was in it leaves nothing to commit.
    at = {partition: max(begin, built.get(partition, 0)) for partition, (begin, _) in bounds.items()}
    done = sum(min(at[partition], goal) for partition, goal in goals.items())
    tell(f"{view.name}: {done} of {sum(goals.values())} records")
    return all(at[partition] >= goal for partition, goal in goals.items())
