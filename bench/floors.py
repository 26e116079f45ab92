"""The limits beside which our figures stand: the same servers, none of our code."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from bson import ObjectId
from pymongo import AsyncMongoClient, WriteConcern

BARE = """
import asyncio
async def app(scope, receive, send):
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 201, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})
"""


async def inserts(uri: str, documents: int = 10_000, group: int = 500) -> float:
    """Bare `insert_many` of documents of a commit's size, majority write concern; a second."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(uri)
    collection = client["bench_floor"].get_collection("commits", write_concern=WriteConcern("majority"))
    groups = [
        [{"_id": ObjectId(), "text": "x" * 900, "n": n} for n in range(group)]
        for _ in range(documents // group)
    ]
    began = time.monotonic()
    for batch in groups:
        await collection.insert_many(batch, ordered=False)
    took = time.monotonic() - began
    await client.drop_database("bench_floor")
    await client.close()
    return documents / took


async def produced(kafka: str, records: int = 20_000) -> float:
    """Bare pipelined sends of an idempotent producer, acks=all; a second."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    topic = f"bench-floor-{ObjectId()}"
    await admin.create_topics([NewTopic(topic, num_partitions=3, replication_factor=1)])
    producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True, acks="all", linger_ms=2)
    await producer.start()
    value = b"x" * 500
    began = time.monotonic()
    pending = [await producer.send(topic, value, key=b"%d" % n) for n in range(records)]
    await asyncio.gather(*pending)
    took = time.monotonic() - began
    await producer.stop()
    await admin.delete_topics([topic])
    await admin.close()
    return records / took


async def bare_endpoint(port: int, load: Callable[[str], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """A bare ASGI endpoint under uvicorn that reads the same body and stores nothing, under the same load."""
    code = f"{BARE}\nimport uvicorn\nuvicorn.run(app, port={port}, log_level='error', http='httptools')"
    server = subprocess.Popen([sys.executable, "-c", code])  # noqa: ASYNC220
    try:
        for _ in range(100):
            try:
                (await asyncio.open_connection("127.0.0.1", port))[1].close()
                break
            except OSError:
                await asyncio.sleep(0.1)
        return await load(f"http://127.0.0.1:{port}/contacts")
    finally:
        server.terminate()
        server.wait()
