"""Timers in the log: which streams want to be looked at, asked of the commits themselves."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from pymongo import ASCENDING
from pymongo.asynchronous.collection import AsyncCollection

from chassis.database import told

Kind = Literal["next_at", "judge_at"]

_INDEX: Mapping[Kind, str] = {"next_at": "next", "judge_at": "judge"}


@dataclass(frozen=True, slots=True)
class Due:
    """A commit whose timer has come. `at`: when it was to come, in domain time. `version`: of its stream after it; the
    timer governs only while the stream is no further."""

    id: Any
    municipality: str
    stream: str
    version: int
    correlation_id: str
    at: datetime


class TimerScan(Protocol):
    """What a timer loop asks of the log."""

    async def due(self, kind: Kind, until: datetime, limit: int, passing: Collection[Any]) -> Sequence[Due]:
        """Commits whose timer is at or before `until`, earliest first; of an old commit too.

        Not those whose ids are in `passing`: whoever cannot be handled now keeps no other from being seen.
        """
        ...

    async def least(self, kind: Kind, passing: Collection[Any]) -> datetime | None:
        """The earliest timer there is but for those in `passing`; None: there is none."""
        ...

    async def clear(self, kind: Kind, ids: Sequence[Any]) -> None:
        """Forget the timers of commits that govern no more."""
        ...


class MongoTimerScan:
    """The scan on MongoDB: each question is one query on a partial index, whatever number is pending."""

    def __init__(self, commits: AsyncCollection[dict[str, Any]]) -> None:
        self._commits = commits

    async def due(self, kind: Kind, until: datetime, limit: int, passing: Collection[Any]) -> Sequence[Due]:
        found = await self._earliest(kind, {"$lte": until}, limit, passing)
        return [
            Due(
                row["_id"],
                row["municipality"],
                row["stream"],
                row["first_version"] + row["count"] - 1,
                row["correlation_id"],
                row[kind],
            )
            for row in found
        ]

    async def least(self, kind: Kind, passing: Collection[Any]) -> datetime | None:
        found = await self._earliest(kind, {}, 1, passing)
        return found[0][kind] if found else None

    async def _earliest(
        self, kind: Kind, when: Mapping[str, Any], limit: int, passing: Collection[Any]
    ) -> Sequence[Mapping[str, Any]]:
        fields = {
            "municipality": 1,
            "stream": 1,
            "first_version": 1,
            "count": 1,
            "correlation_id": 1,
            kind: 1,
        }
        # The type is asked for although a time has no other: without it the partial index is not considered, and
        # with the hint a query that it cannot answer fails instead of reading the whole log.
        query: dict[str, Any] = {kind: {**when, "$type": "date"}}
        if passing:
            query["_id"] = {"$nin": list(passing)}
        asked = self._commits.find(query, fields).hint(_INDEX[kind]).sort(kind, ASCENDING).limit(limit)
        return await told(asked.to_list())

    async def clear(self, kind: Kind, ids: Sequence[Any]) -> None:
        await told(self._commits.update_many({"_id": {"$in": list(ids)}}, {"$set": {kind: None}}))
