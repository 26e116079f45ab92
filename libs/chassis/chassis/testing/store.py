"""An event store in memory that passes the same suite as the one on MongoDB."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import bson
from bson import ObjectId

from chassis.clock import Clock
from chassis.commit import Commit
from chassis.errors import CommitTooLarge, Conflict, OutcomeUnknown
from chassis.store import LARGEST_COMMIT, from_document, to_document


@dataclass
class MemoryStore:
    """Commits in a list. Documents go through BSON and back, so that nothing is kept that MongoDB would not keep.

    `unreachable`: the next appends are lost and nobody can say so. `unconfirmed`: they hold, and the answer is late.
    """

    clock: Clock
    commits: list[Commit] = field(default_factory=list)
    unreachable: int = 0
    unconfirmed: int = 0
    _taken: set[tuple[str, ...]] = field(default_factory=set)

    async def load(self, municipality: str, stream: str) -> Sequence[Commit]:
        await asyncio.sleep(0)
        found = [c for c in self.commits if (c.municipality, c.stream) == (municipality, stream)]
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
        decoded: dict[str, Any] = bson.decode(encoded, codec_options=bson.CodecOptions(tz_aware=True))
        # The server fills the time stamp; here the clock does.
        decoded["stored_at"] = bson.Timestamp(int(self.clock.now().timestamp()), 1)
        self.commits.append(replace(from_document(decoded, self.clock), id=ObjectId(), inside=commit.inside))
