"""The access log: who read personal data, kept in the service's database."""

from typing import Any

from pymongo import WriteConcern
from pymongo.asynchronous.database import AsyncDatabase

from chassis.auth import Principal
from chassis.clock import Clock
from chassis.database import translating


class AccessLog:
    """Documents `{municipality, what, by, role, department, at}` in the collection `accesses`; `at` in domain time."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]], clock: Clock) -> None:
        self._accesses = database.get_collection("accesses", write_concern=WriteConcern("majority"))
        self._clock = clock

    async def note(self, principal: Principal, what: str) -> None:
        """Keep that `principal` reads `what`, before they do.

        Raises:
            Unavailable: it cannot be kept, so nothing is to be shown.
        """
        with translating():
            await self._accesses.insert_one(
                {
                    "municipality": principal.municipality,
                    "what": what,
                    "by": principal.subject,
                    "role": principal.role,
                    "department": principal.department,
                    "at": self._clock.now(),
                }
            )
