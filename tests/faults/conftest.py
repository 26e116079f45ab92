"""Running systems that are shaken: one for all fault tests with as many replicas, and a new one after a failure."""

import uuid
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import AbstractAsyncContextManager, AsyncExitStack

import pytest
import pytest_asyncio

from tests.harness.running import System, running_system

_PASSED = pytest.StashKey[bool]()


class Shaken:
    """Starts a system when it is asked for one. What a failed test leaves is told of, and given to no other test."""

    def __init__(self, start: Callable[[], AbstractAsyncContextManager[System]]) -> None:
        self._start = start
        self._system: System | None = None
        self._running = AsyncExitStack()

    async def system(self) -> System:
        if self._system is None:
            self._system = await self._running.enter_async_context(self._start())
        return self._system

    async def after(self, test: pytest.Item) -> None:
        if self._system is not None and not test.stash.get(_PASSED, False):
            for process in self._system.stack.processes():
                print(
                    f"--- {process.name} {'runs' if process.alive else process.exit_code}\n{process.tail()}"
                )
            await self.end()

    async def end(self) -> None:
        self._system = None
        await self._running.aclose()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when == "call":
        item.stash[_PASSED] = report.passed
    return report


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def on_shared_servers(
    request: pytest.FixtureRequest, kafka_address: str, mongo_uri: str
) -> AsyncIterator[Shaken]:
    """The parameter says how many replicas."""

    def start() -> AbstractAsyncContextManager[System]:
        name = f"f{uuid.uuid4().hex[:10]}"
        return running_system(name, kafka=kafka_address, mongo=mongo_uri, replicas=request.param)

    shaken = Shaken(start)
    yield shaken
    await shaken.end()


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def with_its_servers(request: pytest.FixtureRequest) -> AsyncIterator[Shaken]:
    """The parameter says how many replicas."""
    shaken = Shaken(lambda: running_system("lofte", replicas=request.param))
    yield shaken
    await shaken.end()


@pytest_asyncio.fixture
async def shaken(request: pytest.FixtureRequest, on_shared_servers: Shaken) -> AsyncIterator[System]:
    """Its processes are killed; a test that passes leaves all of them running, and nothing held."""
    yield await on_shared_servers.system()
    await on_shared_servers.after(request.node)


@pytest_asyncio.fixture
async def on_own_servers(request: pytest.FixtureRequest, with_its_servers: Shaken) -> AsyncIterator[System]:
    """A system whose broker and database may be killed too: nobody else uses them."""
    yield await with_its_servers.system()
    await with_its_servers.after(request.node)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One replica; where a test says `replicated`, in the full matrix also two."""
    both = metafunc.definition.get_closest_marker("replicated") and metafunc.config.getoption("--full-matrix")
    for fixture in ("on_shared_servers", "with_its_servers"):
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, (1, 2) if both else (1,), indirect=True, scope="package")
