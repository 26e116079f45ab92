"""Another system, publishing to the inbound topic of 0581."""

import json
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaProducer

from tests.harness.running import System

__all__ = ["CODE", "SOURCE", "event", "send_inbound"]

CODE = "0581"
SOURCE = "https://e-services.example.se"


def event(message_id: str, kind: str, data: Any) -> dict[str, Any]:
    """A CloudEvent as structured mode has it."""
    told = {"specversion": "1.0", "id": message_id, "source": SOURCE, "type": kind, "municipality": CODE}
    return {**told, "data": data}


async def send_inbound(
    system: System, told: Mapping[str, Any] | None, value: bytes = b"", partition: int | None = None
) -> tuple[int, int]:
    """Send an event in structured mode, or any bytes; partition and offset of what was sent."""
    headers = [("content-type", b"application/cloudevents+json")] if told is not None else []
    content = json.dumps(told).encode() if told is not None else value
    async with AIOKafkaProducer(bootstrap_servers=system.kafka_address, acks="all") as producer:
        topic = system.topic(f"inbound.{CODE}")
        sent = await producer.send_and_wait(topic, content, partition=partition, headers=headers)
        return sent.partition, sent.offset
