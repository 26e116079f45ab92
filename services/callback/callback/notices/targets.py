"""Whom notices are sent through, one document each: so that one that fails is let alone, and no other waits for it."""

from collections.abc import Collection
from datetime import UTC, datetime

from chassis.database import durable, translating
from pymongo import UpdateOne
from pymongo.asynchronous.database import AsyncDatabase

from callback.domain.notices import Notice
from callback.outgoing.deliveries import Names

NAMES = Names("notice_targets", "notice_lanes", "notice_deliveries")
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class Targets:
    """The mail server and the provider of text messages of a municipality, each system, and the citizens."""

    def __init__(self, database: AsyncDatabase[dict[str, object]]) -> None:
        self._rows = durable(database[NAMES.targets])

    def of(self, municipality: str, notice: Notice) -> str:
        """Through what a notice goes. Each system has a target of its own; mailboxes share their server."""
        if notice.channel == "webhook":
            return f"{municipality}.webhook.{notice.owner}.{notice.receiver}"
        return f"{municipality}.{notice.channel}"

    async def ensure(self, municipality: str, targets: Collection[str]) -> None:
        """That they are there; safe to repeat."""
        fresh = {
            "municipality": municipality,
            "state": "active",
            "failures": 0,
            "failing_since": None,
            "last_failure": None,
            "rest_until": _NEVER,
        }
        if targets:
            with translating():
                await self._rows.bulk_write(
                    [UpdateOne({"_id": target}, {"$setOnInsert": fresh}, upsert=True) for target in targets],
                    ordered=False,
                )
