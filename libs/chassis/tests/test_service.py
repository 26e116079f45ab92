"""A service as a process: it starts with nothing there, does its roles, and leaves in order."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from chassis.testing.issuer import TinyIssuer
from chassis.testing.waiting import eventually
from chassis.topics import create_topics
from pymongo import AsyncMongoClient

TINY = Path(__file__).with_name("tiny_service.py")
NOWHERE = {"LOFTE_MONGO": "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=200", "LOFTE_KAFKA": "127.0.0.1:9"}


class Process:
    """The tiny service; its output lines, and HTTP to it."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, issuer: TinyIssuer) -> None:
        self.process = process
        self.client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=20.0, headers=issuer.bearer("guide"), trust_env=False
        )
        self.output = b""
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout
        while chunk := await self.process.stdout.read(65536):
            self.output += chunk

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output.splitlines()]

    async def status(self, path: str) -> int | None:
        try:
            return (await self.client.get(path)).status_code
        except httpx.TransportError:
            return None

    async def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 12.0)

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        await self.reading
        sys.stdout.write(self.output.decode()[-20_000:])  # shown when the test fails
        await self.client.aclose()


@pytest.fixture
def environment(issuer: TinyIssuer, tmp_path: Path, unique: str) -> dict[str, str]:
    # Compiling all libraries anew at each start would take seconds.
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("LOFTE_") and name != "PYTHONDONTWRITEBYTECODE"
    }
    return {
        **inherited,
        **NOWHERE,
        "LOFTE_ISSUER": issuer.url,
        "LOFTE_MUNICIPALITIES": str(tmp_path),
        "LOFTE_DATABASE": unique,
        "LOFTE_TOPIC_PREFIX": unique,
        "LOFTE_REPLICA": f"casework-{unique}",
        "LOFTE_SPANS_FILE": str(tmp_path / "spans.jsonl"),
        "LOFTE_SESSION_TIMEOUT_MS": "6000",
        "LOFTE_PARTITIONS": "3",
    }


@pytest.fixture
async def start(environment: dict[str, str], issuer: TinyIssuer) -> AsyncIterator[Any]:
    started: list[Process] = []

    async def starting(**variables: str) -> Process:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(TINY),
            env={**environment, "LOFTE_PORT": str(port), **{f"LOFTE_{n}": v for n, v in variables.items()}},
            stdout=asyncio.subprocess.PIPE,
        )
        started.append(Process(process, port, issuer))
        await eventually(lambda: started[-1].status("/health/live"), 60)
        return started[-1]

    yield starting
    for process in started:
        await process.kill()


async def run(environment: Mapping[str, str], *arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(TINY),
        *arguments,
        env=dict(environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 90)
    return process.returncode or 0, out.decode(), err.decode()


@pytest.mark.mongo
@pytest.mark.kafka
async def test_a_note_goes_all_the_way_in_one_trace(
    start: Any,
    mongo_uri: str,
    kafka_address: str,
    unique: str,
    tmp_path: Path,
    issuer: TinyIssuer,
    environment: dict[str, str],
) -> None:
    await create_topics(kafka_address, unique, 3)
    service = await start(MONGO=mongo_uri, KAFKA=kafka_address)
    await eventually(lambda: ready_as(service, "ok"), 30)
    headers = {"Idempotency-Key": "once"}
    answers = [
        await service.client.post("/notes", json={"case_id": "c1", "text": "hej"}, headers=headers)
        for _ in range(2)
    ]
    assert [(answer.status_code, answer.json()) for answer in answers] == [(201, {"version": 1})] * 2
    shown = await eventually(lambda: shown_as(service, "c1", 1), 30)
    assert shown
    held = await service.client.get("/held", headers=issuer.bearer("admin"))
    assert held.json() == {"items": [], "next": None}
    commands = environment | {"LOFTE_MONGO": mongo_uri, "LOFTE_KAFKA": kafka_address}
    code, out, _ = await run(commands, "prepare")
    assert (code, out.splitlines()[-1]) == (0, f"{environment['LOFTE_DATABASE']}: indexes are there")
    code, out, _ = await run(commands, "republish")
    assert (code, out.splitlines()[-1]) == (0, "done: 1 records")
    code, out, err = await run(commands, "rebuild")
    assert (code, err) == (0, "")
    assert "counts: v2 is live" in out
    assert await eventually(lambda: shown_as(service, "c1", 1), 30)
    code, _, err = await run(commands, "rebuild", "nothing")
    assert (code, err) == (2, "casework: no view nothing; there are: counts\n")
    trace = answers[0].headers["traceparent"].split("-")[1]
    assert await service.end() == 0
    await service.reading
    spans = [json.loads(line) for line in (tmp_path / "spans.jsonl").read_bytes().splitlines()]
    mine = [span["name"] for span in spans if span["trace_id"] == trace]
    assert mine[0] == "POST /notes"
    assert "relay" in mine
    assert len(mine) >= 3
    events = [line["event"] for line in service.lines()]
    assert events[-1] == "stopped"
    text = service.output.decode() + json.dumps(spans)
    assert "hej" not in text


@pytest.mark.mongo
async def test_without_kafka_it_works_says_degraded_and_logs_nothing_that_came_in(
    start: Any, mongo_uri: str, unique: str
) -> None:
    service = await start(MONGO=mongo_uri)
    await eventually(lambda: ready_as(service, "degraded"), 30)
    answer = await service.client.post("/notes", json={"case_id": "c1", "text": "hej"})
    assert answer.status_code == 201
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo_uri)
    try:
        assert await client[unique]["commits"].count_documents({"published_at": None}) == 1
        # A loop beside it dies again and again; this one goes on, and the clock is sure.
        tick = await eventually(
            lambda: client[unique]["ticks"].find_one({"_id": "tick", "n": {"$gte": 3}}), 10
        )
        assert tick["sure"] is True
    finally:
        await client.close()
    failed = [line for line in service.lines() if line.get("loop") == "timers-0"]
    assert failed
    assert failed[0]["error"] == "ValueError"
    answer = await service.client.post("/notes", json={"case_id": "Greta Garbo", "text": "bug"})
    assert answer.status_code == 500
    assert set(answer.json()) == {"type", "title", "status"}
    line = await eventually(
        lambda: next((line for line in service.lines() if line["event"] == "request failed"), None)
    )
    assert (line["error"], line["route"], line["service"]) == ("ValueError", "/notes", "casework")
    # Neither the message of the loop's error nor what came in.
    assert "a loop that dies" not in service.output.decode()
    assert "Garbo" not in service.output.decode()


@pytest.mark.mongo
async def test_sigterm_lets_the_request_under_way_finish(start: Any, mongo_uri: str) -> None:
    service = await start(MONGO=mongo_uri)
    await eventually(lambda: ready_as(service, "degraded"), 30)
    slow = asyncio.create_task(
        service.client.post("/notes", json={"case_id": "c1", "text": "hej"}, headers={"Prefer": "wait=2"})
    )
    await eventually(lambda: shown_in_flight(service), 10)
    ended = asyncio.create_task(service.end())
    assert (await slow).status_code == 201
    assert await ended == 0


@pytest.mark.mongo
async def test_it_dies_where_a_crash_point_says_after_the_answer(start: Any, mongo_uri: str) -> None:
    service = await start(MONGO=mongo_uri, ENVIRONMENT="development", CRASH_AT="answered:2")
    await eventually(lambda: ready_as(service, "degraded"), 30)
    for version in (1, 2):
        answer = await service.client.post("/notes", json={"case_id": "c1", "text": "hej"})
        assert (answer.status_code, answer.json()) == (201, {"version": version})
    assert await asyncio.wait_for(service.process.wait(), 10) == -signal.SIGKILL


async def test_without_mongodb_it_is_alive_not_ready_and_ends_in_order(start: Any) -> None:
    service = await start()
    assert await service.status("/health/ready") == 503
    answer = await service.client.post("/notes", json={"case_id": "c1", "text": "hej"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert await service.end() == 0


async def test_only_health_is_served_without_the_api_role(start: Any) -> None:
    service = await start(ROLES="relay")
    assert await service.status("/notes/c1") == 404
    assert await service.status("/health/live") == 200


async def test_wrong_settings_are_sentences(environment: dict[str, str]) -> None:
    wrong = environment | {"LOFTE_PORT": "tcp", "LOFTE_CRASH_AT": "lunch"}
    del wrong["LOFTE_MUNICIPALITIES"]
    code, _, err = await run(wrong)
    assert code == 2
    assert len(err.splitlines()) == 3
    assert all(line.startswith("LOFTE_") for line in err.splitlines())


async def test_a_database_that_is_away_is_a_sentence_when_it_is_to_be_prepared(
    environment: dict[str, str],
) -> None:
    code, _, err = await run(environment, "prepare")
    assert (code, err) == (1, "MongoDB: ServerSelectionTimeoutError\n")


@pytest.mark.mongo
@pytest.mark.parametrize("command", [(), ("prepare",)])
async def test_a_start_that_is_refused_ends_the_process_in_a_sentence(
    environment: dict[str, str], mongo_uri: str, command: tuple[str, ...]
) -> None:
    refused = environment | {"LOFTE_MONGO": mongo_uri, "LOFTE_TOPIC_PREFIX": "refused", "LOFTE_PORT": "0"}
    ended, _, err = await run(refused, *command)
    assert ended == 2
    assert err.splitlines()[-1] == "0123.yaml: version: is not what it was; raise it"
    assert "Traceback" not in err


async def test_a_taken_port_is_a_sentence(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = await run(environment | {"LOFTE_PORT": str(port)})
    assert code == 2
    assert f"127.0.0.1:{port}" in err
    assert len(err.splitlines()) == 1


async def test_the_document_is_printed_with_nothing_there(environment: dict[str, str]) -> None:
    code, out, _ = await run(environment, "openapi")
    assert code == 0
    assert json.loads(out)["info"]["title"] == "Notes"


async def test_headers_without_end_are_not_taken(start: Any) -> None:
    service = await start()
    reader, writer = await asyncio.open_connection("127.0.0.1", service.client.base_url.port)
    writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Endless: ")
    with contextlib.suppress(ConnectionError):
        for _ in range(100):
            writer.write(b"a" * 64_000)
            await writer.drain()
        writer.write(b"\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        assert b" 200 " not in await reader.read(100)
    writer.close()
    assert await service.status("/health/live") == 200


async def ready_as(service: Process, status: str) -> bool:
    try:
        answer = await service.client.get("/health/ready")
    except httpx.TransportError:
        return False
    return answer.status_code == 200 and answer.json()["status"] == status


async def shown_as(service: Process, case_id: str, notes: int) -> bool:
    answer = await service.client.get(f"/notes/{case_id}")
    return answer.status_code == 200 and answer.json() == {"notes": notes}


async def shown_in_flight(service: Process) -> bool:
    text = (await service.client.get("/health/metrics")).text
    return "lofte_append_groups_total 1.0" in text
