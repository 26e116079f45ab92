"""The suite of what views and keys ask of a collection, on MongoDB and on the fake."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from chassis.database import durable
from chassis.testing.collection import MemoryCollection
from pymongo import AsyncMongoClient, InsertOne, ReplaceOne
from pymongo.errors import BulkWriteError

AT = datetime(2026, 3, 2, 7, 30, tzinfo=UTC)


@pytest.fixture(params=["memory", pytest.param("mongo", marks=pytest.mark.mongo)])
async def rows(request: pytest.FixtureRequest, unique: str) -> AsyncIterator[Any]:
    if request.param == "memory":
        yield MemoryCollection()
        return
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        request.getfixturevalue("mongo_uri"), tz_aware=True
    )
    yield durable(client[unique]["rows"])
    await client.drop_database(unique)
    await client.close()


async def test_what_was_inserted_is_found_by_its_id(rows: Any) -> None:
    one = {"_id": "a", "at": AT, "list": [{"n": 1}], "none": None}
    await rows.insert_many([one, {"_id": "b"}], ordered=False)
    assert await rows.find({"_id": {"$in": ["a", "c"]}}).to_list() == [one]
    assert len(await rows.find({}).to_list()) == 2


async def test_a_taken_id_fails_alone(rows: Any) -> None:
    await rows.insert_many([{"_id": "b", "n": 1}], ordered=False)
    with pytest.raises(BulkWriteError) as failed:
        await rows.insert_many([{"_id": "a"}, {"_id": "b", "n": 2}, {"_id": "c"}], ordered=False)
    [fault] = (failed.value.details or {})["writeErrors"]
    assert (fault["index"], fault["code"]) == (1, 11000)
    found = await rows.find({"_id": {"$in": ["a", "b", "c"]}}).to_list()
    assert sorted((d["_id"], d.get("n")) for d in found) == [("a", None), ("b", 1), ("c", None)]


async def test_a_replacement_is_guarded_by_its_filter(rows: Any) -> None:
    await rows.insert_many([{"_id": "a", "rev": 1}, {"_id": "b", "rev": 2}], ordered=False)
    done = await rows.bulk_write(
        [
            ReplaceOne({"_id": "a", "rev": 1}, {"_id": "a", "rev": 2, "new": True}),
            ReplaceOne({"_id": "b", "rev": 1}, {"_id": "b", "rev": 2, "new": True}),
            ReplaceOne({"_id": "c", "rev": 1}, {"_id": "c", "rev": 2}),
            InsertOne({"_id": "d", "rev": 1}),
        ],
        ordered=False,
    )
    assert (done.matched_count, done.inserted_count) == (1, 1)
    found = await rows.find({"_id": {"$in": ["a", "b", "c", "d"]}}).to_list()
    assert sorted((d["_id"], d["rev"], "new" in d) for d in found) == [
        ("a", 2, True),
        ("b", 2, False),
        ("d", 1, False),
    ]
