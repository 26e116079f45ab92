"""The outbox: the commits that are not yet published, as the relay and the watermark see them."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from bson import Timestamp
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError

from chassis.clock import Clock
from chassis.commit import Commit
from chassis.database import told
from chassis.errors import Unavailable
from chassis.store import StreamKey, from_document

_UNPUBLISHED = {"published_at": None}
_ORDER = [("municipality", 1), ("stored_at", 1)]
_TURNS = 5
_COUNTED = 100_000


@dataclass(frozen=True, slots=True)
class Observation:
    """The log at one moment; times are the database's own, real.

    Attributes:
        operation_time: every commit written up to here is seen by the *next* observation.
        least: `stored_at` of the oldest unpublished commit, cut to its second; None: all is published.
        slowest_insert: for how many seconds the oldest insert has been under way; its commits have a `stored_at`
            already and are not seen yet.
    """

    operation_time: datetime
    least: datetime | None
    slowest_insert: float


class Outbox(Protocol):
    """What is read of the log to publish it. MongoOutbox and the tests' fake pass the same suite."""

    async def unpublished(self, limit: int, passing: Collection[Any]) -> Sequence[Commit]:
        """Those of each municipality oldest first, such as no fail-over takes back; not those in `passing`.

        Where there are more than `limit`, municipalities take turns: no backlog keeps another municipality waiting.
        """
        ...

    async def behind(self, streams: Collection[StreamKey]) -> dict[StreamKey, int]:
        """The first version of the first unpublished commit of each of `streams` that has one."""
        ...

    async def stamp(self, ids: Sequence[Any]) -> None:
        """Note that they are published."""
        ...

    async def count(self) -> int:
        """How many are unpublished; counted up to 100,000."""
        ...

    async def observe(self) -> Observation:
        """For the watermark; observations of one outbox follow each other. Called by one task."""
        ...

    def published(self, limit: int) -> AsyncIterator[Sequence[Commit]]:
        """The whole published log, a stream after the other, each in order."""
        ...


class MongoOutbox:
    """The outbox on MongoDB; `commits` is the store's collection, with its majority concerns.

    Raises Unavailable for whatever the database says or does not say.
    """

    def __init__(self, commits: AsyncCollection[dict[str, Any]], clock: Clock) -> None:
        self._commits = commits
        self._clock = clock
        self._session: AsyncClientSession | None = None
        self._turn = ""

    async def unpublished(self, limit: int, passing: Collection[Any]) -> Sequence[Commit]:
        found = await self._read({}, limit, passing)
        # A reply is bounded in bytes too, and holds more than this of the largest commits: then that is all.
        if len(found) <= limit // 8:
            return found
        if await self._first({"municipality": {"$ne": found[0].municipality}}, ()) is None:
            return found
        in_turn: dict[Any, Commit] = {}
        for _ in range(_TURNS):
            skipped = [*passing, *in_turn]
            following = {"municipality": {"$gt": self._turn}}
            first = await self._first(following, skipped) or await self._first({}, skipped)
            if first is None:
                break
            self._turn = first["municipality"]
            share = await self._read({"municipality": self._turn}, limit // _TURNS, skipped)
            in_turn |= {commit.id: commit for commit in share}
        return list((in_turn | {commit.id: commit for commit in found}).values())[:limit]

    async def _read(self, where: Mapping[str, Any], limit: int, passing: Collection[Any]) -> Sequence[Commit]:
        # A negative limit asks for a single reply, and a reply is at most 16 MB: that bounds the memory.
        cursor = self._commits.find(_waiting(where, passing)).sort(_ORDER).limit(-limit).batch_size(limit)
        return [
            from_document(document, self._clock) for document in await told(cursor.hint("outbox").to_list())
        ]

    async def _first(
        self, where: Mapping[str, Any], passing: Collection[Any], session: AsyncClientSession | None = None
    ) -> Mapping[str, Any] | None:
        fields = {"_id": 0, "municipality": 1, "stored_at": 1}
        cursor = self._commits.find(_waiting(where, passing), fields, session=session).sort(_ORDER).limit(-1)
        found = await told(cursor.hint("outbox").to_list())
        return found[0] if found else None

    async def behind(self, streams: Collection[StreamKey]) -> dict[StreamKey, int]:
        query = {
            **_UNPUBLISHED,
            "municipality": {"$in": list({municipality for municipality, _ in streams})},
            "stream": {"$in": [stream for _, stream in streams]},
        }
        fields = {"_id": 0, "municipality": 1, "stream": 1, "first_version": 1}
        first: dict[StreamKey, int] = {}
        for document in await told(self._commits.find(query, fields).hint("version").to_list()):
            key = (document["municipality"], document["stream"])
            first[key] = min(first.get(key, document["first_version"]), document["first_version"])
        return first

    async def stamp(self, ids: Sequence[Any]) -> None:
        change = {"$currentDate": {"published_at": True}}
        await told(self._commits.update_many({"_id": {"$in": list(ids)}}, change))

    async def count(self) -> int:
        return await told(self._commits.count_documents(_UNPUBLISHED, hint="outbox", limit=_COUNTED))

    async def observe(self) -> Observation:
        try:
            # First who is still writing, then what is written: nobody slips through between the two.
            slowest_insert = await self._slowest_insert()
            if self._session is None:
                # Causally consistent: each read sees all that was written up to the last one's operation time. That
                # of the read itself is taken when it ends, and may be later than what it has seen.
                self._session = self._commits.database.client.start_session(causal_consistency=True)
            least = await self._least(self._session)
        except (PyMongoError, Unavailable) as error:
            session, self._session = self._session, None
            if session is not None:
                await session.end_session()
            raise Unavailable(f"MongoDB: {type(error).__name__}") from error
        operation_time = self._session.operation_time
        if operation_time is None:
            raise Unavailable("MongoDB: tells no operation time; it must be a replica set")
        return Observation(
            operation_time=datetime.fromtimestamp(operation_time.time, UTC),
            least=datetime.fromtimestamp(least.time, UTC) if least else None,
            slowest_insert=slowest_insert,
        )

    async def published(self, limit: int) -> AsyncIterator[Sequence[Commit]]:
        batch: list[Commit] = []
        query = {"published_at": {"$ne": None}}
        order = [("municipality", 1), ("stream", 1), ("first_version", 1)]
        cursor = self._commits.find(query).sort(order).hint("version").batch_size(limit)
        try:
            async for document in cursor:
                batch.append(from_document(document, self._clock))
                if len(batch) == limit:
                    yield batch
                    batch = []
        except PyMongoError as error:
            raise Unavailable(f"MongoDB: {type(error).__name__}") from error
        finally:
            await cursor.close()
        if batch:
            yield batch

    async def _least(self, session: AsyncClientSession) -> Timestamp | None:
        """The oldest of each municipality is the first of it in the index."""
        least: Timestamp | None = None
        first = await self._first({}, (), session)
        while first is not None:
            least = min(least or first["stored_at"], first["stored_at"])
            first = await self._first({"municipality": {"$gt": first["municipality"]}}, (), session)
        return least

    async def _slowest_insert(self) -> float:
        database = self._commits.database
        stages: list[dict[str, Any]] = [
            {"$currentOp": {}},
            {"$match": {"ns": f"{database.name}.{self._commits.name}", "op": "insert"}},
            {"$group": {"_id": None, "slowest": {"$max": "$microsecs_running"}}},
        ]
        found = await (await database.client.admin.aggregate(stages)).to_list()
        return (found[0]["slowest"] or 0) / 1e6 if found else 0.0


def _waiting(where: Mapping[str, Any], passing: Collection[Any]) -> dict[str, Any]:
    return {**_UNPUBLISHED, **where} | ({"_id": {"$nin": list(passing)}} if passing else {})
