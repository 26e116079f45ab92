"""A running system that is shaken: one for all fault tests with as many replicas."""

import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.harness.running import System, running_system


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def shaken(request: pytest.FixtureRequest, kafka_address: str, mongo_uri: str) -> AsyncIterator[System]:
    """Its processes are killed; each test leaves all of them running. The parameter says how many replicas."""
    name, replicas = f"f{uuid.uuid4().hex[:10]}", request.param
    async with running_system(name, kafka=kafka_address, mongo=mongo_uri, replicas=replicas) as running:
        yield running


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def on_own_servers(request: pytest.FixtureRequest) -> AsyncIterator[System]:
    """A system whose broker and database may be killed too: nobody else uses them."""
    async with running_system("lofte", replicas=request.param) as running:
        yield running


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One replica; where a test says `replicated`, in the full matrix also two."""
    both = metafunc.definition.get_closest_marker("replicated") and metafunc.config.getoption("--full-matrix")
    for fixture in ("shaken", "on_own_servers"):
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, (1, 2) if both else (1,), indirect=True, scope="package")
