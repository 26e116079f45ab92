"""Leases on the database's clock: who does what only one needs to do. They save work; no correctness rests on them."""

import contextlib
from typing import Any, Protocol

from pymongo import ReturnDocument, WriteConcern
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError, PyMongoError

from chassis.clock import Clock
from chassis.database import told
from chassis.errors import Unavailable

TTL = 6.0
RENEWAL = 2.0
_MARGIN = 1.0


class Leadership(Protocol):
    """What a loop asks of a lease."""

    def held(self) -> bool:
        """Whether it is ours now."""
        ...

    async def run(self) -> None:
        """Keep trying to have it, until cancelled; then release it."""
        ...


class Leases(Protocol):
    """Where leases are kept, on one clock for all."""

    async def take(self, name: str, holder: str, ttl: float) -> bool:
        """Take or keep the lease for `ttl` seconds, if it is free or the holder's; whether it is the holder's now.

        Raises:
            Unavailable: nobody can say.
        """
        ...

    async def give_up(self, name: str, holder: str) -> None:
        """Let another one have it now. Raises Unavailable."""
        ...


class MongoLeases:
    """Leases on the database's clock, one document each."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._leases = database.get_collection(
            "leases", write_concern=WriteConcern("majority", wtimeout=2000)
        )

    async def take(self, name: str, holder: str, ttl: float) -> bool:
        ours = {"$or": [{"$eq": ["$holder", holder]}, {"$not": [{"$gt": ["$until", "$$NOW"]}]}]}
        until = {"$add": ["$$NOW", int(ttl * 1000)]}
        # Both fields in one stage: each condition sees the document as it was.
        change = {
            "holder": {"$cond": [ours, holder, "$holder"]},
            "until": {"$cond": [ours, until, "$until"]},
        }
        try:
            document = await self._leases.find_one_and_update(
                {"_id": name}, [{"$set": change}], upsert=True, return_document=ReturnDocument.AFTER
            )
        except DuplicateKeyError:
            # Two made it at the same moment; the other was first.
            return False
        except PyMongoError as error:
            raise Unavailable(f"MongoDB: {type(error).__name__}") from error
        return document is not None and bool(document["holder"] == holder)

    async def give_up(self, name: str, holder: str) -> None:
        change = [{"$set": {"until": "$$NOW"}}]
        await told(self._leases.update_one({"_id": name, "holder": holder}, change))


class Lease:
    """The lease `name`, held by at most one `holder` at a time; taken over when it was not renewed for `ttl` seconds.

    A holder of the same name is the same holder: a process that restarts goes on at once.
    """

    def __init__(
        self,
        leases: Leases,
        name: str,
        holder: str,
        clock: Clock,
        *,
        ttl: float = TTL,
        renewal: float = RENEWAL,
    ) -> None:
        self._leases = leases
        self._name = name
        self._holder = holder
        self._clock = clock
        self._ttl = ttl
        self._renewal = renewal
        self._held_until = 0.0

    def held(self) -> bool:
        """Whether it is ours, by our own clock and a little cautious."""
        return self._clock.monotonic() < self._held_until

    async def renew(self) -> bool:
        """Take or keep it, if it is free or ours; whether it is ours now.

        Raises:
            Unavailable: the database does not answer; what was held is held until it runs out.
        """
        asked_at = self._clock.monotonic()
        held = await self._leases.take(self._name, self._holder, self._ttl)
        self._held_until = asked_at + self._ttl - _MARGIN if held else 0.0
        return held

    async def release(self) -> None:
        """Let another one have it now. An unreachable database is no error: it runs out."""
        self._held_until = 0.0
        with contextlib.suppress(Unavailable):
            await self._leases.give_up(self._name, self._holder)

    async def run(self) -> None:
        """Keep trying to have it, until cancelled; then release it."""
        try:
            while True:
                # While the database is away `held` tells when it has run out.
                with contextlib.suppress(Unavailable):
                    await self.renew()
                await self._clock.sleep(self._renewal)
        finally:
            await self.release()
