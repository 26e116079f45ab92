"""A database of its own for each test of webhooks, and callback's post over it."""

from collections.abc import AsyncIterator

import pytest
from chassis.testing.clock import ManualClock
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from .posting import MOMENT, Document, Post, post_on


@pytest.fixture
async def database(mongo_uri: str, unique: str) -> AsyncIterator[AsyncDatabase[Document]]:
    client: AsyncMongoClient[Document] = AsyncMongoClient(mongo_uri, tz_aware=True)
    yield client[unique]
    await client.drop_database(unique)
    await client.close()


@pytest.fixture
async def post(database: AsyncDatabase[Document]) -> AsyncIterator[Post]:
    async with post_on(database, ManualClock(MOMENT), "callback-1") as found:
        yield found
