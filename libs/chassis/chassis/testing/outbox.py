"""The outbox in memory, over the store in memory."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from typing import Any

from chassis.commit import Commit
from chassis.errors import Unavailable
from chassis.outbox import Observation
from chassis.store import StreamKey
from chassis.testing.store import MemoryStore


class MemoryOutbox:
    """What MongoOutbox does, in lists. `away`: nothing answers. `slowest_insert` is as it is set, or as the store's slowest."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.stamped: set[Any] = set()
        self.away = False
        self.slowest_insert = 0.0
        self.reads = 0
        self._left: dict[Any, Commit] = {}
        self._looked = 0

    async def unpublished(self, limit: int, passing: Collection[Any]) -> Sequence[Commit]:
        await self._reach()
        self.reads += 1
        passing = set(passing)
        found = [commit for commit in self._waiting() if commit.id not in passing]
        places: Counter[str] = Counter()
        in_turn: list[tuple[int, Commit]] = []
        for commit in sorted(found, key=_stored_at):
            in_turn.append((places[commit.municipality], commit))
            places[commit.municipality] += 1
        return [commit for _, commit in sorted(in_turn, key=lambda placed: placed[0])[:limit]]

    async def behind(self, streams: Collection[StreamKey]) -> dict[StreamKey, int]:
        await self._reach()
        first: dict[StreamKey, int] = {}
        for commit in self._waiting():
            key = (commit.municipality, commit.stream)
            if key in set(streams):
                first[key] = min(first.get(key, commit.first_version), commit.first_version)
        return first

    async def stamp(self, ids: Sequence[Any]) -> None:
        await self._reach()
        self._waiting()
        self.stamped |= set(ids)
        for one in ids:
            self._left.pop(one, None)

    async def count(self) -> int:
        await self._reach()
        return len(self._waiting())

    def waiting(self) -> int:
        """What `count` answers, at once."""
        return len(self._waiting())

    async def observe(self) -> Observation:
        await self._reach()
        now = self._store.clock.now()
        least = min((self._store.stored[commit.id] for commit in self._waiting()), default=None)
        begun = min(self._store.under_way.values(), default=now)
        slowest = max(self.slowest_insert, (now - begun).total_seconds())
        return Observation(now.replace(microsecond=0), least, slowest)

    async def published(self, limit: int) -> AsyncIterator[Sequence[Commit]]:
        await self._reach()
        found = [c for c in self._store.commits if c.inside or c.id in self.stamped]
        found.sort(key=lambda commit: (commit.municipality, commit.stream, commit.first_version))
        for start in range(0, len(found), limit):
            yield found[start : start + limit]

    def _waiting(self) -> Sequence[Commit]:
        self._left |= {c.id: c for c in self._store.commits[self._looked :] if not c.inside}
        self._looked = len(self._store.commits)
        return list(self._left.values())

    async def _reach(self) -> None:
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable("MongoDB: away")


def _stored_at(commit: Commit) -> datetime:
    # The store fills it for every commit that it took.
    return commit.stored_at or commit.committed_at
