"""Callback's log while timers fire. The database tells afterwards when each fact was written: nothing looks on meanwhile."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import Timestamp
from chassis.broker import KafkaBroker
from chassis.clock import SystemClock
from chassis.store import MongoStore
from pymongo import AsyncMongoClient

from bench.house import House
from bench.probes.promising import fill

_FIRED = "CallbackFellDue"
_TO_SEE, _REST, _EACH = 1000, 2.0, 0.004
"""How many tell the pace; seconds of rest before the first is due; seconds for each that has a time of its own."""
_TRIES, _PATIENCE = 3, 120.0
_SAME = -0.003
"""Seconds; a replica's clock is put right against the database's when they differ by more than two milliseconds."""


@dataclass(frozen=True)
class Fired:
    """Seconds from the time of a stage until its fact was in the log, and until it was stamped as acknowledged by Kafka."""

    committed: float
    published: float


class Log:
    """Fills callback's log with promises, waits until they fired, and asks the database how that went."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
            house.stack.mongo_uri, w="majority", tz_aware=True
        )
        self.database = house.stack.database("callback")
        self.commits = MongoStore(self._client[self.database], SystemClock()).commits
        self._broker = KafkaBroker(house.stack.kafka_address, "bench-timers")
        self._topic = f"{house.stack.topic_prefix}.callback"
        self._pace = 0.0

    async def fill(self, due: Sequence[datetime], copies: int = 1) -> None:
        """Promises, `copies` of each due time."""
        began = time.monotonic()
        await fill(self.commits, str(self._house.stack.settings.municipalities), due, copies)
        self._pace = (time.monotonic() - began) / (len(due) * copies)

    async def fill_ahead(self, count: int, *, rate: float = 0) -> tuple[datetime, datetime]:
        """So many promises that fall due in a while, all at one time or `rate` a second; answers the first time and
        the last. All are in the log, and the services at rest, a moment before the first.

        Raises SystemExit where that takes longer than was given for it, again and again.
        """
        if not self._pace:
            await self.fill([datetime.now(UTC) + timedelta(days=365)], _TO_SEE)
        pace = max(2 * self._pace, _EACH) if rate else 2 * self._pace
        for _ in range(_TRIES):
            first = datetime.now(UTC) + timedelta(seconds=pace * count + 2 * _REST)
            first = first.replace(microsecond=0)
            times = [first + timedelta(seconds=place / rate) for place in range(count)] if rate else [first]
            await self.fill(times, count // len(times))
            if datetime.now(UTC) + timedelta(seconds=_REST) <= first:
                return times[0], times[-1]
            await self._all_fired(times[-1], _PATIENCE)
            pace *= 3
        raise SystemExit("promises were due before all were made: the machine is too busy")

    async def holder(self) -> str:
        """The replica that has the lease of the timers."""
        lease = await self._client[self.database]["leases"].find_one({"_id": "timers"})
        return str(lease["holder"]) if lease else ""

    async def forget(self) -> None:
        """Begin with an empty database; callback must not run."""
        await self._client.drop_database(self.database)

    async def fired(
        self, since: datetime, last: datetime, count: int, patience: float = _PATIENCE
    ) -> list[Fired]:
        """How late each was of `count` that were to fire after `since`, the last of them at `last`.

        Raises SystemExit when one fired early or twice, or is missing after `patience` seconds.
        """
        began = await self.published()
        await self._all_fired(last, patience)
        fired = await self._read(since, last)
        sent = await self.published() - began
        if len(fired) != count or sent != count:
            raise SystemExit(f"{count} promises: {len(fired)} facts in the log, {sent} records on the topic")
        if min(one.committed for one in fired) < _SAME:
            raise SystemExit("a promise fired early")
        return fired

    async def _all_fired(self, last: datetime, patience: float) -> None:
        await asyncio.sleep(max(0.0, (last - datetime.now(UTC)).total_seconds()))
        deadline = time.monotonic() + patience
        due = {"next_at": {"$lte": last, "$type": "date"}}
        for left, index in ((due, "next"), ({"published_at": None}, "outbox")):
            while await self.commits.find(left, {"_id": 1}).hint(index).limit(1).to_list():
                if time.monotonic() > deadline:
                    raise SystemExit(f"promises did not fire within {patience:.0f} s")
                await asyncio.sleep(0.2)

    async def published(self) -> int:
        """Records on callback's topic."""
        return sum(end for _, end in (await self._broker.bounds([self._topic])).values())

    async def _read(self, since: datetime, last: datetime) -> list[Fired]:
        # The oplog has the moment of every write, in milliseconds; a commit's own time stamp has whole seconds.
        query = {
            "ts": {"$gte": Timestamp(int((since - timedelta(seconds=1)).timestamp()), 0)},
            "op": "i",
            "ns": f"{self.database}.commits",
            "o.events.type": _FIRED,
        }
        oplog = self._client["local"]["oplog.rs"]
        written = {
            entry["o"]["_id"]: (entry["o"]["events"][0]["data"]["stage"]["at"], entry["wall"])
            async for entry in oplog.find(query, {"wall": 1, "o._id": 1, "o.events.data.stage.at": 1})
        }
        found = self.commits.find({"_id": {"$in": list(written)}}, {"published_at": 1})
        stamped = {commit["_id"]: commit["published_at"] async for commit in found}
        return [
            Fired((wall - at).total_seconds(), (stamped[commit] - at).total_seconds())
            for commit, (at, wall) in written.items()
            if since <= at <= last
        ]

    async def close(self) -> None:
        await self._broker.close()
        await self._client.close()
