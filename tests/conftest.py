"""What the system and fault tests share: the running system, and who calls it."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bench import tables
from tests.harness.people import Person, person
from tests.harness.report import Ending, render
from tests.harness.running import System, running_system

# A Monday morning; the domain clock goes as fast as the real one.
MONDAY = "2026-03-02T09:00+01:00x1"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--matrix-report",
        type=Path,
        default=None,
        help="fault tests: the file that gets, between its marks, what was killed where and how it ended",
    )
    parser.addoption("--file", type=Path, default=None, help="importing/whole.py: the file to import")
    parser.addoption("--zone", default="America/Chicago", help="importing/whole.py: the zone of its times")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "replicated: in the full matrix with one and with two replicas")


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def system(kafka_address: str, mongo_uri: str) -> AsyncIterator[System]:
    """One running system for all tests that kill nothing. They share it: each makes cases of its own."""
    name = f"s{uuid.uuid4().hex[:10]}"
    async with running_system(
        name, kafka=kafka_address, mongo=mongo_uri, clock=MONDAY, spans=True
    ) as running:
        yield running


@pytest.fixture
def guide(system: System) -> Person:
    return person(system, "guide", subject="guide-anna")


@pytest.fixture
def builder(system: System) -> Person:
    """A handler of the building department."""
    return person(system, "handler", department="building", subject="handler-bo")


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    """What was killed where, between the marks of the report's file; nothing of a run that was interrupted."""
    path: Path | None = config.getoption("--matrix-report", default=None)
    if path is None or exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return
    endings = {
        report.nodeid: Ending(
            report.nodeid,
            dict(report.user_properties).get("killed"),
            outcome == "passed",
            report.duration,
        )
        for outcome in (
            "passed",
            "failed",
            "error",
        )  # a test that passed may yet fail when it is cleaned up after
        for report in terminalreporter.stats.get(outcome, ())
        if report.when == "call" or outcome == "error"
    }
    tables.write(render(list(endings.values())), path, mark="faults")
