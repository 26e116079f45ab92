"""The event store: append-only streams of commits in one MongoDB collection, written and read in groups."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import bson
from bson import ObjectId, Timestamp
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import ASCENDING, IndexModel, ReadPreference, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, PyMongoError
from pymongo.read_concern import ReadConcern

from chassis.clock import Clock
from chassis.commit import Cause, Commit, StoredEvent, Timers
from chassis.crash import NEVER, CrashPoints
from chassis.database import told
from chassis.errors import CommitTooLarge, Conflict, OutcomeUnknown, Unavailable
from chassis.grouping import Grouper

Document = Mapping[str, Any]
StreamKey = tuple[str, str]
"""Municipality and stream."""

LARGEST_COMMIT = 256 * 1024
_DUPLICATE_KEY = 11000
_AWARE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True, tzinfo=UTC)


class EventStore(Protocol):
    """What handlers need of a store. MongoStore and the tests' fake pass the same suite."""

    async def load(self, municipality: str, stream: str) -> Sequence[Commit]:
        """All commits of a stream, oldest first; empty where there is none."""
        ...

    async def append(self, commit: Commit) -> None:
        """Write one commit, durable when this returns.

        Raises:
            Conflict: version, cause or unique value is taken; load again and decide again.
            CommitTooLarge: over 256 KB.
            OutcomeUnknown: the database cannot say whether it holds.
        """
        ...


INDEXES = [
    IndexModel([("municipality", 1), ("stream", 1), ("first_version", 1)], name="version", unique=True),
    IndexModel([("municipality", 1), ("stream", 1), ("caused_by", 1)], name="cause", unique=True),
    IndexModel(
        [("municipality", 1), ("unique", 1)],
        name="unique",
        unique=True,
        partialFilterExpression={"unique": {"$exists": True}},
    ),
    IndexModel(
        [("municipality", 1), ("stored_at", 1)], name="outbox", partialFilterExpression={"published_at": None}
    ),
    IndexModel([("next_at", ASCENDING)], name="next", partialFilterExpression={"next_at": {"$type": "date"}}),
    IndexModel(
        [("judge_at", ASCENDING)], name="judge", partialFilterExpression={"judge_at": {"$type": "date"}}
    ),
]


class MongoStore:
    """The store on MongoDB. `wake` is called after every group that was written: the relay listens."""

    def __init__(
        self,
        database: AsyncDatabase[dict[str, Any]],
        clock: Clock,
        *,
        crash: CrashPoints = NEVER,
        wake: Callable[[], None] = lambda: None,
        patience: float = 5.0,
        in_flight: int = 4,
    ) -> None:
        self.commits: AsyncCollection[dict[str, Any]] = database.get_collection(
            "commits",
            codec_options=_AWARE,
            read_concern=ReadConcern("majority"),
            read_preference=ReadPreference.PRIMARY,
            write_concern=WriteConcern("majority", wtimeout=2000),
        )
        self._clock = clock
        self._crash = crash
        self._wake = wake
        self._patience = patience
        self._appending: Grouper[RawBSONDocument, None] = Grouper(self._append_group, in_flight=in_flight)
        self._loading: Grouper[StreamKey, Sequence[Commit]] = Grouper(self._load_group, in_flight=in_flight)

    async def prepare(self) -> None:
        """Make the indexes; safe to repeat."""
        await self.commits.create_indexes(INDEXES)

    async def load(self, municipality: str, stream: str) -> Sequence[Commit]:
        return await self._loading((municipality, stream))

    async def append(self, commit: Commit) -> None:
        # Encoded here, so that a document that cannot be encoded is its own caller's error, and only once.
        encoded = bson.encode(to_document(commit))
        if len(encoded) > LARGEST_COMMIT:
            raise CommitTooLarge(f"the decision is {len(encoded)} bytes; at most {LARGEST_COMMIT} are kept")
        await self._appending(RawBSONDocument(encoded))
        self._crash.passed("appended")

    async def _load_group(self, keys: Sequence[StreamKey]) -> Sequence[Sequence[Commit]]:
        wanted = set(keys)
        query = {
            "municipality": {"$in": list({municipality for municipality, _ in wanted})},
            "stream": {"$in": [stream for _, stream in wanted]},
        }
        documents = await told(self.commits.find(query).to_list())
        streams: dict[StreamKey, list[Commit]] = {key: [] for key in wanted}
        for document in sorted(documents, key=lambda found: int(found["first_version"])):
            key = (document["municipality"], document["stream"])
            if key in streams:
                streams[key].append(from_document(document, self._clock))
        return [streams[key] for key in keys]

    async def _append_group(self, group: Sequence[RawBSONDocument]) -> Sequence[BaseException | None]:
        failed: dict[int, BaseException] = {}
        try:
            await self.commits.insert_many(group, ordered=False)
        except BulkWriteError as error:
            details = dict(error.details or {})
            if details.get("writeConcernErrors"):
                return await self._settle(group)
            for fault in details.get("writeErrors", ()):
                failed[fault["index"]] = _as_error(fault)
        except PyMongoError:
            return await self._settle(group)
        self._wake()
        return [failed.get(place) for place in range(len(group))]

    async def _settle(self, group: Sequence[RawBSONDocument]) -> Sequence[BaseException | None]:
        """The outcome is unknown: insert the same ids again until the database answers, then read what holds."""
        duplicate: set[int] = set()
        deadline = self._clock.monotonic() + self._patience
        while self._clock.monotonic() < deadline:
            await self._clock.sleep(0.1)
            try:
                await self.commits.insert_many(group, ordered=False)
                break
            except BulkWriteError as error:
                details = dict(error.details or {})
                if details.get("writeConcernErrors"):
                    # A duplicate may be of this very write, and cannot be seen yet.
                    continue
                faults = details.get("writeErrors", ())
                duplicate = {fault["index"] for fault in faults if fault["code"] == _DUPLICATE_KEY}
                break
            except PyMongoError:
                continue
        try:
            held = self.commits.find({"_id": {"$in": [document["_id"] for document in group]}}, {"_id": 1})
            present = {document["_id"] for document in await asyncio.wait_for(held.to_list(), self._patience)}
        except (PyMongoError, TimeoutError):
            return [OutcomeUnknown("MongoDB does not answer; repeat with the same key")] * len(group)
        self._wake()
        return [
            None
            if document["_id"] in present
            else Conflict("another writer was first")
            if place in duplicate
            else OutcomeUnknown("MongoDB did not confirm the write; repeat with the same key")
            for place, document in enumerate(group)
        ]


def _as_error(fault: Mapping[str, Any]) -> BaseException:
    # Which index it was is not asked: a repeat and a conflict are told apart by loading again.
    if fault["code"] == _DUPLICATE_KEY:
        return Conflict("another writer was first")
    return Unavailable(f"MongoDB refused the write, code {fault['code']}")


def to_document(commit: Commit) -> dict[str, Any]:
    """A commit as it is stored. The `_id` is fresh per append attempt; `stored_at` is filled by the server."""
    document: dict[str, Any] = {
        "_id": ObjectId(),
        "municipality": commit.municipality,
        "stream": commit.stream,
        "first_version": commit.first_version,
        "count": len(commit.events),
        "events": [{"id": e.id, "type": e.type, "schema": e.schema, "data": e.data} for e in commit.events],
        "caused_by": commit.cause.caused_by,
        "body_hash": commit.cause.body_hash,
        "result": commit.result,
        "actor": commit.cause.actor,
        "correlation_id": commit.correlation_id,
        "traceparent": commit.cause.traceparent,
        "committed_at": commit.committed_at,
        "stored_at": Timestamp(0, 0),
        # What is for nobody else is born published: neither the relay nor a watermark waits for it.
        "published_at": commit.committed_at if commit.inside else None,
    }
    if commit.unique is not None:
        document["unique"] = commit.unique
    if commit.timers is not None:
        document["next_at"] = commit.timers.next_at
        document["judge_at"] = commit.timers.judge_at
    return document


def from_document(document: Document, clock: Clock) -> Commit:
    """A commit as it was stored; `stored_at` in domain time."""
    timers = Timers(document["next_at"], document["judge_at"]) if "next_at" in document else None
    return Commit(
        municipality=document["municipality"],
        stream=document["stream"],
        first_version=document["first_version"],
        events=[StoredEvent(e["id"], e["type"], e["schema"], e["data"]) for e in document["events"]],
        cause=Cause(document["caused_by"], document["actor"], document["body_hash"], document["traceparent"]),
        correlation_id=document["correlation_id"],
        committed_at=document["committed_at"],
        result=document["result"],
        unique=document.get("unique"),
        timers=timers,
        id=document["_id"],
        stored_at=clock.to_domain(datetime.fromtimestamp(document["stored_at"].time, UTC)),
    )
