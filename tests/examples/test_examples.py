"""The examples as their readers run them: on the topics of the running services, killed, and told everything again."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from chassis.broker import KafkaBroker
from chassis.testing.waiting import eventually
from lofte_events import CaseRouted, ContactReceived, Fact, PromiseMade

from examples.department_view import department_view
from examples.readers import with_aiokafka, with_faststream
from tests.harness.people import Person, contact
from tests.harness.running import System
from tests.harness.topics import read_topics

pytestmark = pytest.mark.system


async def test_a_departments_view_is_killed_and_told_everything_again(
    system: System, guide: Person, builder: Person, tmp_path: Path
) -> None:
    told = await guide.report(contact("letter", "city.building-permit"))
    promise = await guide.promise(told["case_id"], "open")
    view = department_view.View(str(tmp_path / "view.sqlite"))
    async with _running(system, tmp_path) as process:

        def shown() -> bool:
            promises = view.cases().get(told["case_id"], {})
            return bool(promises) and promises["1"][:19] == promise["due_at"][:19]

        await eventually(shown, 30)
        process.kill()

    await _tell_again(system, told["case_id"])
    await builder.resolve(await builder.see_owned(told["case_id"], "department.building"))
    await guide.promise(told["case_id"], "kept")
    await _tell_again(system, told["case_id"])  # PromiseKept too, and after it PromiseMade
    async with _running(system, tmp_path):
        await eventually(lambda: _all_read(system), 30)
    assert view.cases()[told["case_id"]] == {"1": "PromiseKept"}


async def test_both_readers_read_all_that_is_told_of_a_case(system: System, guide: Person) -> None:
    told = await guide.report(contact("letter", "city.building-permit"))
    await guide.promise(told["case_id"], "open")
    with_one: list[Fact] = []
    with_other: list[Fact] = []
    prefix = system.stack.topic_prefix
    app = with_faststream.make_app(system.kafka_address, prefix, f"{prefix}.faststream", with_other.append)
    running = [
        asyncio.create_task(
            with_aiokafka.run(system.kafka_address, prefix, f"{prefix}.aiokafka", with_one.append)
        ),
        asyncio.create_task(app.run()),
    ]
    try:
        for found in (with_one, with_other):

            def complete(found: list[Fact] = found) -> bool:
                types = {type(fact.contract) for fact in found if fact.contract.case_id == told["case_id"]}
                return types >= {ContactReceived, CaseRouted, PromiseMade}

            await eventually(complete, 30)
    finally:
        app.exit()
        running[0].cancel()
        await asyncio.gather(*running, return_exceptions=True)


@asynccontextmanager
async def _running(system: System, folder: Path) -> AsyncIterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, department_view.__file__, system.kafka_address, str(folder / "view.sqlite")]
    process = subprocess.Popen([*command, system.stack.topic_prefix])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def _tell_again(system: System, case_id: str) -> None:
    """All records of a case once more, each topic's in the opposite order."""
    producer: Any = AIOKafkaProducer(bootstrap_servers=system.kafka_address, acks="all")
    await producer.start()
    try:
        for service in ("callback", "routing"):
            for record in reversed(await read_topics(system, service)):
                if record.key == case_id.encode():
                    headers = list(record.headers)
                    await producer.send_and_wait(
                        system.topic(service), record.value, record.key, headers=headers
                    )
    finally:
        await producer.stop()


async def _all_read(system: System) -> bool:
    broker = KafkaBroker(system.kafka_address, "test")
    try:
        bounds = await broker.bounds([system.topic("routing"), system.topic("callback")])
        committed = await broker.committed(f"{system.stack.topic_prefix}.department-view")
        return all(committed.get(partition, 0) == end for partition, (_, end) in bounds.items())
    finally:
        await broker.close()
