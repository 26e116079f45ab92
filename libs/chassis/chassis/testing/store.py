"""An event store in memory that passes the same suite as the one on MongoDB."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import bson
from bson import ObjectId

from chassis.clock import Clock
from chassis.commit import Commit
from chassis.errors import CommitTooLarge, Conflict, OutcomeUnknown
from chassis.store import LARGEST_COMMIT, from_document, to_document

_AWARE: bson.CodecOptions[dict[str, Any]] = bson.CodecOptions(tz_aware=True, tzinfo=UTC)


@dataclass
class MemoryStore:
    """Commits in a list. Documents go through BSON and back, so that nothing is kept that MongoDB would not keep.

    `unreachable`: the next appends are lost and nobody can say so. `unconfirmed`: they hold, and the answer is late.
    `inserting`: awaited between the time stamp and the moment from which a commit is seen, as an insert takes time.
    `written`: told of every commit that holds. `stored`: when, in the database's own time, cut to its second.
    """

    clock: Clock
    commits: list[Commit] = field(default_factory=list)
    unreachable: int = 0
    unconfirmed: int = 0
    inserting: Callable[[], Awaitable[None]] | None = None
    written: Callable[[Commit], None] = lambda commit: None
    under_way: dict[Any, datetime] = field(default_factory=dict)
    stored: dict[Any, datetime] = field(default_factory=dict)
    _streams: dict[tuple[str, str], list[Commit]] = field(default_factory=dict)
    _taken: set[tuple[str, ...]] = field(default_factory=set)

    async def load(self, municipality: str, stream: str) -> Sequence[Commit]:
        await asyncio.sleep(0)
        return self.stream(municipality, stream)

    def stream(self, municipality: str, stream: str) -> Sequence[Commit]:
        """What `load` answers, at once."""
        found = self._streams.get((municipality, stream), ())
        return sorted(found, key=lambda commit: commit.first_version)

    async def append(self, commit: Commit) -> None:
        encoded = bson.encode(to_document(commit))
        if len(encoded) > LARGEST_COMMIT:
            raise CommitTooLarge(f"the decision is {len(encoded)} bytes; at most {LARGEST_COMMIT} are kept")
        await asyncio.shield(asyncio.ensure_future(self._write(commit, encoded)))

    async def _write(self, commit: Commit, encoded: bytes) -> None:
        await asyncio.sleep(0)
        if self.unreachable:
            self.unreachable -= 1
            raise OutcomeUnknown("the store did not confirm the write; repeat with the same key")
        if self.unconfirmed:
            self.unconfirmed -= 1
            await asyncio.sleep(0)
        begun_at = self.clock.now()
        if self.inserting is not None:
            insert = object()
            self.under_way[insert] = begun_at
            try:
                await self.inserting()
            finally:
                del self.under_way[insert]
        where = (commit.municipality, commit.stream)
        keys: set[tuple[str, ...]] = {
            ("version", *where, str(commit.first_version)),
            ("cause", *where, commit.cause.caused_by),
        }
        if commit.unique is not None:
            keys.add(("unique", commit.municipality, commit.unique))
        if keys & self._taken:
            raise Conflict("another writer was first")
        self._taken |= keys
        decoded: dict[str, Any] = bson.decode(encoded, codec_options=_AWARE)
        # The server fills the time stamp when the insert begins; here the clock does.
        decoded["stored_at"] = bson.Timestamp(int(begun_at.timestamp()), 1)
        kept = replace(from_document(decoded, self.clock), id=ObjectId(), inside=commit.inside)
        self.stored[kept.id] = begun_at.replace(microsecond=0)
        self.commits.append(kept)
        self._streams.setdefault(where, []).append(kept)
        self.written(kept)
