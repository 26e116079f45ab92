"""What the chassis's own suites share."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from chassis.service import Runtime
from chassis.telemetry import configure_logging
from chassis.testing.issuer import TinyIssuer
from lofte_local.kafka import KafkaServer
from lofte_local.ports import free_ports
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from .notes_api import client_of, notes_at
from .office import Office, office_on


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


@pytest.fixture(scope="module")
def issuer() -> Iterator[TinyIssuer]:
    with TinyIssuer() as issuer:
        yield issuer


@pytest.fixture
def guide(issuer: TinyIssuer) -> dict[str, str]:
    return issuer.bearer("guide", subject="g1")


@pytest.fixture(scope="module")
async def runtime(issuer: TinyIssuer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Runtime]:
    async with notes_at(issuer.url, tmp_path_factory.mktemp("notes")) as runtime:
        yield runtime


@pytest.fixture(scope="module")
async def notes(runtime: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(runtime) as client:
        yield client


@pytest.fixture
def client(notes: httpx.AsyncClient, runtime: Runtime) -> httpx.AsyncClient:
    """A client of the API of notes, which is well."""
    runtime.health.prepared = True
    runtime.health.last_poll_age = None
    return notes


@pytest.fixture
async def office(kafka_address: str, mongo_uri: str, unique: str) -> AsyncIterator[Office]:
    async with office_on(kafka_address, mongo_uri, unique) as office:
        yield office
