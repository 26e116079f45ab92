"""What the chassis's own suites share."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from chassis.telemetry import configure_logging
from lofte_local.kafka import KafkaServer
from lofte_local.ports import free_ports
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase


@pytest.fixture(scope="module")
def quiet_logging() -> None:
    """As in a service: the default renders every failure's frames, which takes longer than the tests."""
    configure_logging("test", "test-1", "ERROR")


@pytest.fixture
async def database(mongo_uri: str, unique: str) -> AsyncIterator[AsyncDatabase[dict[str, Any]]]:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo_uri)
    yield client[unique]
    await client.drop_database(unique)
    await client.close()


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[KafkaServer]:
    """A broker that a test may stop and kill; not yet started."""
    port, controller_port = free_ports(2)
    server = KafkaServer(tmp_path / "kafka", port=port, controller_port=controller_port)
    yield server
    server.resume()
    server.stop(grace=2)
