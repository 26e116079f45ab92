"""As much of a MongoDB collection as views and keys ask for, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import bson
from pymongo import InsertOne, ReplaceOne
from pymongo.errors import BulkWriteError

_DUPLICATE_KEY = 11000
_AWARE: bson.CodecOptions[dict[str, Any]] = bson.CodecOptions(tz_aware=True)

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """The documents that a query found."""

    documents: Sequence[Document]

    async def to_list(self) -> list[Document]:
        return list(self.documents)


@dataclass(frozen=True, slots=True)
class Written:
    """What a bulk write did."""

    inserted_count: int
    matched_count: int


class MemoryCollection:
    """Documents by `_id`. They go through BSON and back, so that nothing is kept that MongoDB would not keep.

    Queries are `{}` or `{"_id": {"$in": [...]}}`; writes are unordered, a replacement matches by all of its filter.
    """

    def __init__(self) -> None:
        self._documents: dict[Any, bytes] = {}

    def with_options(self, **_: Any) -> "MemoryCollection":
        return self

    def find(self, query: Document | None = None) -> Found:
        ids = query["_id"]["$in"] if query else self._documents
        return Found([self._get(one) for one in ids if one in self._documents])

    async def insert_many(self, documents: Sequence[Document], *, ordered: bool) -> Written:
        return await self.bulk_write([InsertOne(document) for document in documents], ordered=ordered)

    async def bulk_write(
        self, writes: Sequence[InsertOne[Document] | ReplaceOne[Document]], *, ordered: bool
    ) -> Written:
        assert not ordered, "only unordered writes are known here"  # noqa: S101
        inserted = matched = 0
        faults = []
        for place, write in enumerate(writes):
            if isinstance(write, InsertOne):
                document = write._doc
                if document["_id"] in self._documents:
                    faults.append({"index": place, "code": _DUPLICATE_KEY})
                    continue
                inserted += 1
            else:
                document = dict(write._doc)
                known = self._get(document["_id"]) if document["_id"] in self._documents else {}
                if any(known.get(name) != value for name, value in write._filter.items()):
                    continue
                matched += 1
            self._documents[document["_id"]] = bson.encode(document)
        if faults:
            raise BulkWriteError({"writeErrors": faults, "nInserted": inserted, "nMatched": matched})
        return Written(inserted, matched)

    def _get(self, one: Any) -> Document:
        return bson.decode(self._documents[one], codec_options=_AWARE)
