"""Real servers for the tests, once per session, and a name of its own for each test."""

import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from lofte_local.errors import LocalError
from lofte_local.kafka import KafkaServer, answers_kafka
from lofte_local.mongo import MongoServer, answers_mongo
from lofte_local.ports import free_ports

from tests.harness import containers


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full-matrix",
        action="store_true",
        help="fault tests: every service x crash point x replicas, not just one of each",
    )


@pytest.hookimpl(tryfirst=True)  # before xdist, which reads these marks in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Side by side (`-n 2`) a file's tests stay together, and so do all that share a running system."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        shared = next((name for name in ("system", "shaken", "on_own_servers") if name in fixtures), None)
        item.add_marker(pytest.mark.xdist_group(shared or item.nodeid.partition("::")[0]))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Groups that xdist does not see would start every system once more, beside each other."""
    worker = hasattr(session.config, "workerinput") and session.config.getoption("loadgroup", default=False)
    if worker and not all("@" in item.nodeid for item in session.items):
        raise pytest.UsageError("pytest-xdist does not see the groups of tests: pin a pytest that it knows.")


# Where a server comes from, in this order: the address given in the environment; a container engine that has the
# image (tests/harness/containers.py); a local server of our own. With none of them the run ends with what to
# install: nothing is skipped.


@pytest.fixture(scope="session")
def mongo_uri() -> Iterator[str]:
    """The URI of a MongoDB replica set."""
    given = os.environ.get("LOFTE_TEST_MONGO")
    if given:
        if not answers_mongo(given):
            pytest.exit(f"No MongoDB replica set answers at LOFTE_TEST_MONGO={given}.", returncode=1)
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="lofte-mongo-") as folder:
        server = MongoServer(Path(folder), port=free_ports(1)[0], test_commands=True)
        if engine := containers.engine_with(containers.MONGO):
            with containers.mongo(engine, server):
                yield server.uri
            return
        try:
            _start(server)
            yield server.uri
        finally:
            server.stop()


@pytest.fixture(scope="session")
def kafka_address() -> Iterator[str]:
    """The bootstrap address (host:port) of a Kafka broker."""
    given = os.environ.get("LOFTE_TEST_KAFKA")
    if given:
        if not answers_kafka(given):
            pytest.exit(f"No Kafka broker answers at LOFTE_TEST_KAFKA={given}.", returncode=1)
        yield given
        return
    port, controller_port = free_ports(2)
    with tempfile.TemporaryDirectory(prefix="lofte-kafka-") as folder:
        server = KafkaServer(Path(folder), port=port, controller_port=controller_port)
        if engine := containers.engine_with(containers.KAFKA):
            with containers.kafka(engine, server):
                yield server.address
            return
        try:
            _start(server)
            yield server.address
        finally:
            server.stop()


@pytest.fixture
def unique() -> str:
    """A short prefix that no other test has: for topics, groups and databases."""
    return f"t{uuid.uuid4().hex[:10]}"


def _start(server: MongoServer | KafkaServer) -> None:
    try:
        server.start()
    except LocalError as error:
        pytest.exit(str(error), returncode=1)
