"""The lanes of deliveries: one case of one subscription, taken out in order by one replica at a time.

A lane is claimed as a whole, and its next delivery goes out when the one before is done. Claiming moves `next_at` ahead by
the lease, on the database's clock: so a lane whose process died is due again by itself. It is closed or held only if
nothing came meanwhile: its `marks` tell.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chassis.database import durable, translating
from chassis.ids import fresh_id
from pymongo import ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase

from callback.outgoing.deliveries import Deliveries, Delivery

Document = dict[str, Any]

_KEPT = timedelta(days=1)
"""How long it is known that something was delivered: a repeat of the record in this time makes no second delivery."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A lane that is ours for a while. `attempts`: failed ones at the delivery that is its next."""

    lane: str
    token: str
    marks: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Target:
    """Who has something due, such as a subscription, and the lanes. `row`: its document; `failures`: in a row, over
    all its lanes."""

    id: str
    municipality: str
    row: Document
    failures: int
    lanes: Sequence[str]


class Lanes:
    """All lanes of the service. `holder` names the replica; `real_now` and `database_now` as for `deliveries`."""

    def __init__(
        self,
        database: AsyncDatabase[Document],
        deliveries: Deliveries,
        holder: str,
        real_now: Callable[[], datetime],
        *,
        lease: float = 60.0,
        database_now: Callable[[], Any] = lambda: "$$NOW",
    ) -> None:
        names = deliveries.names
        self._names = names
        self._targets = durable(database[names.targets])
        self._lanes = durable(database[names.lanes])
        self._deliveries = durable(database[names.deliveries])
        self._hold_behind = deliveries.hold_behind
        self._holder = holder
        self._real_now = real_now
        self._lease = lease
        self._now = database_now

    async def reclaim(self) -> None:
        """What this replica had claimed before it died is due now."""
        due: list[Document] = [{"$set": {"next_at": self._now()}}, {"$unset": ["holder", "token"]}]
        with translating():
            await self._lanes.update_many({"holder": self._holder}, due)

    async def due(self, lanes: int) -> Sequence[Target]:
        """Every subscription that may be sent to now and has something due, with so many of its lanes at most."""
        now = self._real_now()
        pipeline: list[Document] = [
            {"$match": {"state": "active", "rest_until": {"$lte": now}}},
            {
                "$lookup": {
                    "from": self._names.lanes,
                    "localField": "_id",
                    "foreignField": "subscription",
                    "pipeline": [
                        {"$match": {"state": "waiting", "next_at": {"$lte": now}}},
                        {"$sort": {"next_at": 1}},
                        {"$limit": lanes},
                        {"$project": {"_id": 1}},
                    ],
                    "as": "lanes",
                }
            },
            {"$match": {"lanes": {"$ne": []}}},
        ]
        with translating():
            return [
                Target(
                    found["_id"],
                    found["municipality"],
                    {name: value for name, value in found.items() if name != "lanes"},
                    found["failures"],
                    [lane["_id"] for lane in found["lanes"]],
                )
                async for found in await self._targets.aggregate(pipeline)
            ]

    async def claim(self, lane: str) -> Claim | None:
        """Take a lane that is due; None: another has it, or it is not due."""
        token, now = fresh_id(), self._now()
        free = {"_id": lane, "state": "waiting", "$expr": {"$lte": ["$next_at", now]}}
        ours = [{"$set": {"holder": self._holder, "token": token, "next_at": self._ahead(self._lease)}}]
        with translating():
            found = await self._lanes.find_one_and_update(free, ours, return_document=ReturnDocument.AFTER)
        return Claim(lane, token, found["marks"], found["attempts"]) if found else None

    async def next(self, claim: Claim) -> Delivery | None:
        """What goes out next in a lane; None: it is empty."""
        query = {"lane": claim.lane, "waiting": True}
        with translating():
            found = await self._deliveries.find_one(query, sort=[("place", 1), ("_id", 1)])
        return _delivery(found) if found else None

    async def delivered(self, claim: Claim, delivery: Delivery) -> Claim | None:
        """It was taken. The lane stays ours, by a fresh lease; None: it is ours no more."""
        done: Document = {
            "state": "replayed" if delivery.held else "delivered",
            "resolved_at": self._now(),
            "expires_at": "$$REMOVE" if delivery.held else self._ahead(_KEPT.total_seconds()),
        }
        with translating():
            await self._deliveries.update_one(
                {"_id": delivery.id, "waiting": True}, [{"$set": done}, {"$unset": ["waiting", "body"]}]
            )
        renewed = {"attempts": 0, "next_at": self._ahead(self._lease)}
        return replace(claim, attempts=0) if await self._change(claim, renewed) else None

    async def close(self, claim: Claim) -> Claim | None:
        """Leave an empty lane. A claim in return: something came meanwhile, so go on."""
        with translating():
            gone = await self._lanes.delete_one({**_ours(claim), "marks": claim.marks})
        return None if gone.deleted_count else await self._again(claim)

    async def release(self, claim: Claim, *, after: float = 0.0, failed: bool = False) -> None:
        """Let the lane be taken again, after so many seconds. `failed`: its next delivery has one attempt more."""
        attempts = {"attempts": claim.attempts + 1} if failed else {}
        await self._change(claim, {"next_at": self._ahead(after), **attempts}, leave=True)

    async def hold(self, claim: Claim, delivery: Delivery, reason: str) -> None:
        """Set a delivery aside, with all that is behind it in its case, until somebody replays or discards it."""
        attempts = claim.attempts + 1
        while True:
            with translating():
                await self._hold_behind([claim.lane])
                first = {"reason": reason, "attempts": attempts}
                await self._deliveries.update_one({"_id": delivery.id, "state": "held"}, {"$set": first})
            if await self._change(claim, {"state": "held"}, leave=True, marks=claim.marks):
                return
            again = await self._again(claim)
            if again is None:
                return
            claim = again

    async def _change(
        self, claim: Claim, change: Document, *, leave: bool = False, marks: int | None = None
    ) -> bool:
        left = [{"$unset": ["holder", "token"]}] if leave else []
        query = _ours(claim) | ({} if marks is None else {"marks": marks})
        with translating():
            return (await self._lanes.update_one(query, [{"$set": change}, *left])).matched_count == 1

    async def _again(self, claim: Claim) -> Claim | None:
        with translating():
            found = await self._lanes.find_one(_ours(claim))
        return replace(claim, marks=found["marks"]) if found else None

    def _ahead(self, seconds: float) -> Document:
        return {"$add": [self._now(), int(seconds * 1000)]}


def _ours(claim: Claim) -> Document:
    return {"_id": claim.lane, "token": claim.token}


def _delivery(found: Document) -> Delivery:
    return Delivery(
        found["subscription"],
        found["municipality"],
        found["event_id"],
        found["type"],
        found["case_id"],
        found["place"],
        bytes(found["body"]),
        held=found["state"] == "held",
    )
