"""The examples as their readers run them: on the topics of the running services, killed, and told everything again."""

import asyncio
import os
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from callback.outgoing.signing import new_secret, signed_headers
from chassis.broker import KafkaBroker
from chassis.testing.waiting import eventually
from lofte_events import CaseRouted, ContactReceived, Fact, PromiseMade
from lofte_local.ports import free_ports

from examples.department_view import department_view
from examples.readers import with_aiokafka, with_faststream
from examples.webhook_receiver import webhook_receiver
from tests.harness.people import Person, contact
from tests.harness.running import System
from tests.harness.topics import read_topics


@pytest.mark.system
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
        await _end(process)

    await _tell_again(system, told["case_id"])
    await builder.resolve(await builder.see_owned(told["case_id"], "department.building"))
    await guide.promise(told["case_id"], "kept")
    await _tell_again(system, told["case_id"])  # PromiseKept too, and after it PromiseMade
    async with _running(system, tmp_path):
        await eventually(lambda: _all_read(system), 30)
    assert view.cases()[told["case_id"]] == {"1": "PromiseKept"}


@pytest.mark.system
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
                types = {type(fact.contract) for fact in found if fact.envelope.subject == told["case_id"]}
                return types >= {ContactReceived, CaseRouted, PromiseMade}

            await eventually(complete, 30)
    finally:
        app.exit()
        running[0].cancel()
        await asyncio.gather(*running, return_exceptions=True)


@asynccontextmanager
async def _running(system: System, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    command = [sys.executable, department_view.__file__, system.kafka_address, str(folder / "view.sqlite")]
    process = await asyncio.create_subprocess_exec(*command, system.stack.topic_prefix)
    try:
        yield process
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """kill -9, also where it has ended."""
    if process.returncode is None:
        process.kill()
    await process.wait()


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


async def test_the_receiver_takes_what_is_genuine_and_once(tmp_path: Path) -> None:
    secret, (port,) = new_secret(), free_ports(1)
    environment = {**os.environ, "SECRET": secret, "FILE": str(tmp_path / "events.sqlite")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, webhook_receiver.__file__, str(port)),
        env=environment,
        stderr=asyncio.subprocess.DEVNULL,
    )
    body = b'{"subject": "c1"}'
    now = int(time.time())
    try:
        async with httpx.AsyncClient(trust_env=False) as client:

            async def send(headers: Mapping[str, str]) -> int | None:
                try:
                    answer = await client.post(
                        f"http://127.0.0.1:{port}", content=body, headers=dict(headers)
                    )
                except httpx.TransportError:
                    return None
                return answer.status_code

            good = signed_headers([new_secret(), secret], "e1", now, body)
            assert await eventually(lambda: send(good), 20) == 204
            assert await send(good) == 204
            assert await send(signed_headers([new_secret()], "e2", now, body)) == 401
            assert await send(signed_headers([secret], "e3", now - 301, body)) == 401
            assert await send({**good, "webhook-id": "e4"}) == 401
            assert await send({}) == 401
    finally:
        await _end(process)
    assert sqlite3.connect(tmp_path / "events.sqlite").execute("SELECT case_id FROM events").fetchall() == [
        ("c1",)
    ]
