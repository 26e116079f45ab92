"""What intake's own suites share."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from chassis.access import AccessLog
from chassis.sealing import KeyRing
from chassis.testing.clock import ManualClock
from chassis.testing.store import MemoryStore
from intake.api import Front
from intake.handlers import Desk, decider
from pymongo import AsyncMongoClient

from .town import MUNICIPALITIES, NOW, Town


@pytest.fixture
async def town(mongo_uri: str, unique: str) -> AsyncIterator[Town]:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo_uri)
    clock = ManualClock(NOW)
    desk = Desk(MemoryStore(clock), clock, KeyRing(client[unique], b"k" * 32, clock), decider())
    front = Front(desk, MUNICIPALITIES, lambda: client[unique]["outcomes"], AccessLog(client[unique], clock))
    yield Town(desk, front)
    await client.drop_database(unique)
    await client.close()
