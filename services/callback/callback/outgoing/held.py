"""Held deliveries, for people: listed, replayed, discarded; the same words as for a service's held messages."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from chassis.database import durable, translating
from chassis.errors import NotFound, RuleViolation
from pymongo.asynchronous.database import AsyncDatabase

from callback.outgoing.deliveries import Names

Document = dict[str, Any]

STATES = ("held", "replayed", "discarded")


class HeldDeliveries:
    """What was set aside, by subscription. Whether the subscription may be seen is for the caller to ask. `database_now`
    is for tests."""

    def __init__(
        self,
        database: AsyncDatabase[Document],
        names: Names,
        *,
        database_now: Callable[[], Any] = lambda: "$$NOW",
    ) -> None:
        self._now = database_now
        self._lanes = durable(database[names.lanes])
        self._deliveries = durable(database[names.deliveries])

    async def list(
        self, subscription: str, *, state: str | None, after: str | None, limit: int
    ) -> Sequence[Document]:
        """Held deliveries, and those that were, without their bodies. `after`: the event id of the last one seen."""
        last = f"{subscription}:{after}" if after is not None else None
        return await self._page({"subscription": subscription}, state, last, limit)

    async def of(
        self, beginning: str, *, state: str | None, after: str | None, limit: int
    ) -> Sequence[Document]:
        """As `list`, of all subscriptions whose names begin so. `after`: the `_id` of the last one seen."""
        return await self._page(_beginning(beginning), state, after, limit)

    async def _page(
        self, whose: Document, state: str | None, after: str | None, limit: int
    ) -> Sequence[Document]:
        query: Document = {**whose, "state": state or {"$in": list(STATES)}}
        if after is not None:
            query["_id"] = {"$gt": after}
        with translating():
            return await self._deliveries.find(query, {"body": 0}).sort("_id", 1).limit(limit).to_list()

    async def subscription_of(self, beginning: str, event_id: str) -> str:
        """Which of the subscriptions whose names begin so a held delivery is for. Raises NotFound."""
        query = {**_beginning(beginning), "state": {"$in": list(STATES)}, "event_id": event_id}
        with translating():
            found = await self._deliveries.find_one(query, {"subscription": 1})
        if found is None:
            raise NotFound("no such held delivery")
        return str(found["subscription"])

    async def show(self, subscription: str, event_id: str) -> Document:
        """One of them with its body. Raises NotFound."""
        query = {"_id": f"{subscription}:{event_id}", "state": {"$in": list(STATES)}}
        with translating():
            found = await self._deliveries.find_one(query)
        if found is None:
            raise NotFound("no such held delivery")
        return found

    async def replay(self, subscription: str, event_id: str | None = None) -> None:
        """Send one again, and all that is held with it, in order; without an event id all that is held."""
        lanes: Document = {"subscription": subscription, "state": "held"}
        if event_id is not None:
            delivery = await self.show(subscription, event_id)
            lanes["_id"] = delivery["lane"]
        again = [{"$set": {"state": "waiting", "attempts": 0, "next_at": self._now()}}]
        with translating():
            await self._lanes.update_many(lanes, again)

    async def discard(self, subscription: str, event_id: str, *, reason: str, by: str) -> Document:
        """Give one up, for a reason that is kept; what is held behind it is sent. Safe to repeat.

        Raises:
            NotFound: no such held delivery.
            RuleViolation: it was delivered already.
        """
        given_up = {
            "state": "discarded",
            "discarded_because": {"$literal": reason},
            "discarded_by": {"$literal": by},
            "resolved_at": self._now(),
        }
        query = {"_id": f"{subscription}:{event_id}", "state": "held"}
        with translating():
            await self._deliveries.update_one(query, [{"$set": given_up}, {"$unset": ["waiting"]}])
        found = await self.show(subscription, event_id)
        if found["state"] == "replayed":
            raise RuleViolation("held-already-replayed", "it was delivered: there is nothing to discard")
        await self.replay(subscription, event_id)
        return found


def _beginning(beginning: str) -> Document:
    return {"subscription": {"$regex": f"^{re.escape(beginning)}"}}
