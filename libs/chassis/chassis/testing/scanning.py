"""The timers of a log in memory."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from chassis.commit import Commit
from chassis.scanning import Due, Kind
from chassis.testing.store import MemoryStore


class MemoryTimerScan:
    """What MongoTimerScan does, in lists."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._cleared: set[tuple[Kind, Any]] = set()

    async def due(self, kind: Kind, until: datetime, limit: int, passing: Collection[Any]) -> Sequence[Due]:
        rows = [(at, commit) for at, commit in self._timers(kind, passing) if at <= until]
        rows.sort(key=lambda row: row[0])
        return [
            Due(c.id, c.municipality, c.stream, c.last_version, c.correlation_id, at)
            for at, c in rows[:limit]
        ]

    async def least(self, kind: Kind, passing: Collection[Any]) -> datetime | None:
        return min((at for at, _ in self._timers(kind, passing)), default=None)

    async def clear(self, kind: Kind, ids: Sequence[Any]) -> None:
        self._cleared |= {(kind, one) for one in ids}

    def _timers(self, kind: Kind, passing: Collection[Any]) -> Sequence[tuple[datetime, Commit]]:
        return [
            (at, commit)
            for commit in self._store.commits
            if commit.timers is not None
            and (at := getattr(commit.timers, kind)) is not None
            and commit.id not in passing
            and (kind, commit.id) not in self._cleared
        ]
