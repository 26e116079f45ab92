"""What is to be delivered, in MongoDB: one document per event and subscription, put into the lane of its case.

A lane keeps order: `lanes.py` takes them out. `marks` counts what was put into one, so that whoever leaves it empty or
holds it knows whether something came meanwhile.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chassis.database import durable, translating
from chassis.errors import Unavailable
from pymongo import IndexModel, InsertOne, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError

Document = dict[str, Any]

BEHIND = "behind a held delivery"
_DUPLICATE_KEY = 11000
_AT_ONCE = 1000
_COUNTED = 1_000_000


@dataclass(frozen=True, slots=True)
class Names:
    """The collections in which it is kept: who is sent to (a document each), their lanes, what is sent."""

    targets: str
    lanes: str
    deliveries: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one subscription, or whoever else is sent to. `place`: its order within the case; `body`: what is
    sent, or what it is made of. `order`: what it is kept in order with, where that is not the case.
    """

    subscription: str
    municipality: str
    event_id: str
    type: str
    case_id: str
    place: int
    body: bytes
    held: bool = False
    order: str | None = None

    @property
    def id(self) -> str:
        return f"{self.subscription}:{self.event_id}"

    @property
    def lane(self) -> str:
        return f"{self.subscription}:{self.order or self.case_id}"


class Deliveries:
    """All deliveries of the service. `real_now` is the database's time as well as we know it; `database_now` is for
    tests: a date in place of the database's own clock.
    """

    def __init__(
        self,
        database: AsyncDatabase[Document],
        names: Names,
        real_now: Callable[[], datetime],
        *,
        database_now: Callable[[], Any] = lambda: "$$NOW",
    ) -> None:
        self.names = names
        self._lanes = durable(database[names.lanes])
        self._deliveries = durable(database[names.deliveries])
        self._real_now = real_now
        self._now = database_now

    async def prepare(self) -> None:
        """Make the indexes; safe to repeat."""
        await self._lanes.create_indexes(
            [
                IndexModel([("subscription", 1), ("state", 1), ("next_at", 1)], name="due"),
                IndexModel(
                    [("holder", 1)], name="holder", partialFilterExpression={"holder": {"$exists": True}}
                ),
            ]
        )
        waiting = {"waiting": True}
        await self._deliveries.create_indexes(
            [
                IndexModel(
                    [("lane", 1), ("place", 1), ("_id", 1)], name="next", partialFilterExpression=waiting
                ),
                IndexModel([("state", 1), ("stored_at", 1)], name="oldest", partialFilterExpression=waiting),
                IndexModel([("subscription", 1), ("state", 1), ("_id", 1)], name="state"),
                IndexModel([("expires_at", 1)], name="expiry", expireAfterSeconds=0),
            ]
        )

    async def tell(self, deliveries: Sequence[Delivery]) -> None:
        """Put deliveries into their lanes, durable when this returns. Safe to repeat: an event is kept once."""
        for start in range(0, len(deliveries), _AT_ONCE):
            await self._tell(deliveries[start : start + _AT_ONCE])

    async def _tell(self, deliveries: Sequence[Delivery]) -> None:
        now = self._real_now()
        inserts = [
            InsertOne(
                {
                    "_id": delivery.id,
                    "subscription": delivery.subscription,
                    "municipality": delivery.municipality,
                    "lane": delivery.lane,
                    "event_id": delivery.event_id,
                    "type": delivery.type,
                    "case_id": delivery.case_id,
                    "place": delivery.place,
                    "body": delivery.body,
                    "state": "pending",
                    "waiting": True,
                    "stored_at": now,
                }
            )
            for delivery in deliveries
        ]
        lanes = {delivery.lane: delivery for delivery in deliveries}
        marks = [
            UpdateOne(
                {"_id": lane},
                {
                    "$inc": {"marks": 1},
                    "$setOnInsert": {
                        "subscription": delivery.subscription,
                        "state": "waiting",
                        "attempts": 0,
                        "next_at": now,
                    },
                },
                upsert=True,
            )
            for lane, delivery in lanes.items()
        ]
        with translating():
            # The deliveries first: whoever finds the mark finds them.
            try:
                await self._deliveries.bulk_write(inserts, ordered=False)
            except BulkWriteError as error:
                _only_repeats(error)
            try:
                await self._lanes.bulk_write(marks, ordered=False)
            except BulkWriteError as error:
                raise Unavailable("MongoDB: not all lanes were marked") from error
            held = self._lanes.find({"_id": {"$in": list(lanes)}, "state": "held"}, {"_id": 1})
            await self.hold_behind([lane["_id"] async for lane in held])

    async def hold_behind(self, lanes: Sequence[str]) -> None:
        """Set aside what waits in these lanes."""
        if lanes:
            held = {"state": "held", "reason": BEHIND, "attempts": 0, "held_at": self._now()}
            query = {"lane": {"$in": list(lanes)}, "waiting": True, "state": "pending"}
            await self._deliveries.update_many(query, [{"$set": held}])

    async def standing(self) -> tuple[int, int, float]:
        """How many wait, how many are held (a million are counted at most), and the age in seconds of the oldest waiting."""
        pending, held = ({"waiting": True, "state": state} for state in ("pending", "held"))
        with translating():
            waiting = await self._deliveries.count_documents(pending, limit=_COUNTED)
            aside = await self._deliveries.count_documents(held, limit=_COUNTED)
            oldest = await self._deliveries.find_one(pending, {"stored_at": 1}, sort=[("stored_at", 1)])
        age = (self._real_now() - oldest["stored_at"]).total_seconds() if oldest else 0.0
        return waiting, aside, max(age, 0.0)


def _only_repeats(error: BulkWriteError) -> None:
    details = dict(error.details or {})
    other = [fault["code"] for fault in details.get("writeErrors", ()) if fault["code"] != _DUPLICATE_KEY]
    if details.get("writeConcernErrors") or other:
        raise Unavailable("MongoDB: the deliveries' write was not confirmed") from error
