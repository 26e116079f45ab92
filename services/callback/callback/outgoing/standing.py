"""How those who are sent to are doing: well, failing and let alone for a while, or gone. One document each."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from chassis.database import durable, translating
from pymongo.asynchronous.database import AsyncDatabase

from callback.outgoing.deliveries import Names

Document = dict[str, Any]


class Standing:
    """Of all targets of some deliveries. `real_now`: the database's time as well as we know it."""

    def __init__(
        self, database: AsyncDatabase[Document], names: Names, real_now: Callable[[], datetime]
    ) -> None:
        self._rows = durable(database[names.targets])
        self._real_now = real_now

    async def succeeded(self, target: str) -> None:
        """The receiver is well again."""
        well = {"$set": {"failures": 0, "failing_since": None, "last_failure": None}}
        with translating():
            await self._rows.update_one({"_id": target}, well)

    async def failed(self, target: str, reason: str, rest: float) -> None:
        """The receiver failed, and is let alone for so many seconds."""
        now = self._real_now()
        worse = {
            "failures": {"$add": ["$failures", 1]},
            "failing_since": {"$ifNull": ["$failing_since", now]},
            "last_failure": {"$literal": reason},
            "rest_until": {"$max": ["$rest_until", now + timedelta(seconds=rest)]},
        }
        with translating():
            await self._rows.update_one({"_id": target}, [{"$set": worse}])

    async def disable(self, target: str, reason: str) -> None:
        """Send nothing more, and keep nothing more for it, until somebody enables it."""
        change = {"$set": {"state": "disabled", "disabled_because": reason}}
        with translating():
            await self._rows.update_one({"_id": target, "state": "active"}, change)
